"""Small draws that every part of the synthetic prior uses."""

import math

import numpy as np


def pick(rng, weights):
    """Draw a key of ``{key: weight}``.

    Examples
    --------
    >>> pick(np.random.default_rng(0), {"a": 1, "b": 0})
    'a'
    """
    point = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        point -= weight
        if point < 0:
            return key
    return next(key for key in reversed(weights) if weights[key] > 0)


def log_uniform(rng, low, high):
    """Draw a number whose logarithm is uniform."""
    return low * math.exp(rng.random() * math.log(high / low))


def log_uniform_int(rng, low, high):
    """Draw an integer in ``[low, high]``, the small ones more often.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sorted({log_uniform_int(rng, 1, 3) for _ in range(50)})
    [1, 2, 3]
    """
    return min(int(log_uniform(rng, low, high + 1)), high)


def share_of_columns(rng, p_none, mean):
    """Draw which share of a table's columns has some property: often none, rarely all."""
    return 0.0 if rng.random() < p_none else rng.beta(1.5, 1.5 * (1 - mean) / mean)


def standardise(x):
    """Bring every column to mean 0 and variance 1; a constant one becomes 0.

    Examples
    --------
    >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    x = x - x.mean(0)
    scale = np.sqrt(np.einsum("ij,ij->j", x, x) / len(x))
    x /= np.where(scale > 1e-9, scale, np.inf)
    return x


def draw_relevance(rng, n_columns):
    """Draw how relevant each column is, 1 at most: often few matter, and not equally."""
    weights = np.zeros(n_columns)
    n_relevant = log_uniform_int(rng, 1, n_columns) if rng.random() < 0.5 else n_columns
    relevant = rng.permutation(n_columns)[:n_relevant]
    weights[relevant] = rng.random(n_relevant) ** pick(rng, {0.0: 2, 0.7: 2, 2.0: 1}) + 1e-3
    return weights / weights.max()


def activate(rng, x):
    """Apply one to three random activations to blocks of standardised columns, in place."""
    n_columns = x.shape[1]
    n_blocks = min(pick(rng, {1: 4, 2: 3, 3: 3}), n_columns)
    edges = [n_columns * i // n_blocks for i in range(n_blocks + 1)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        x[:, start:stop] = ACTIVATIONS[pick(rng, ACTIVATION_WEIGHTS)](x[:, start:stop], rng)
    return x


def _levels(x, rng):
    """A step function with random heights: how a category acts on what it causes."""
    heights = rng.standard_normal(log_uniform_int(rng, 2, 16))
    return heights[np.floor(2.0 * x + 100.0).astype(np.intp) % len(heights)]


ACTIVATIONS = {
    "identity": lambda x, rng: x,
    "tanh": lambda x, rng: np.tanh(x),
    "relu": lambda x, rng: np.maximum(x, 0.0),
    "leaky": lambda x, rng: np.where(x > 0, x, 0.1 * x),
    "abs": lambda x, rng: np.abs(x),
    "sine": lambda x, rng: np.sin(log_uniform(rng, 0.7, 4.0) * x),
    "square": lambda x, rng: np.square(x),
    "bump": lambda x, rng: np.exp(-np.square(x)),
    "exp": lambda x, rng: np.exp(np.minimum(x, 4.0)),
    "log": lambda x, rng: np.log1p(np.abs(x)),
    "step": lambda x, rng: (x > 0).astype(np.float64),
    "modulo": lambda x, rng: np.mod(x, 1.0),
    "levels": _levels,
}
ACTIVATION_WEIGHTS = {
    "identity": 4,
    "tanh": 4,
    "relu": 2.5,
    "leaky": 1,
    "abs": 1,
    "sine": 1,
    "square": 0.8,
    "bump": 0.7,
    "exp": 0.7,
    "log": 0.7,
    "step": 1.2,
    "modulo": 0.4,
    "levels": 0.8,
}
