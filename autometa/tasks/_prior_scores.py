"""Random functions of a table's columns: what a synthetic target may depend on.

Each takes ``(rng, x, n_scores)`` with standardised columns ``x`` of shape (n_rows, n_columns) and
gives the scores of shape (n_rows, n_scores).
"""

import numpy as np

from autometa.tasks._prior_draws import (
    activate,
    draw_relevance,
    log_uniform,
    log_uniform_int,
    pick,
    standardise,
)

N_CELLS_AT_ONCE = 200_000


def sample_scores(rng, x, n_scores):
    """Draw a function and apply it.

    Returns
    -------
    scores : ndarray of shape (n_rows, n_scores)
    name : str
        Which kind of function it was.

    Examples
    --------
    >>> x = np.random.default_rng(1).standard_normal((20, 3))
    >>> scores, name = sample_scores(np.random.default_rng(2), x, n_scores=2)
    >>> scores.shape, name in FUNCTIONS
    ((20, 2), True)
    """
    name = pick(rng, FUNCTION_WEIGHTS)
    return FUNCTIONS[name](rng, x, n_scores), name


def tree_scores(rng, x, n_scores):
    """Sum a random ensemble of 1-100 trees of depth 1-6, oblivious or ordinary."""
    n_rows, n_columns = x.shape
    n_trees, depth = log_uniform_int(rng, 1, 100), 1 + int(rng.random() * 6)
    is_oblivious = rng.random() < 0.5
    shape = (n_trees, depth if is_oblivious else 2**depth - 1)
    relevance = np.cumsum(draw_relevance(rng, n_columns))
    columns = np.searchsorted(relevance, rng.random(shape) * relevance[-1], side="right")
    # A threshold is a value of the column, so that every node cuts where data is.
    thresholds = x[rng.integers(n_rows, size=shape), columns]
    leaves = rng.standard_normal((n_trees, 2**depth, n_scores))
    if rng.random() < 0.3:
        leaves *= np.exp(-rng.random() * np.arange(n_trees))[:, None, None]
    scores = np.empty((n_rows, n_scores))
    n_at_once = max(1, N_CELLS_AT_ONCE // (n_trees * n_scores))
    leaf_of = _oblivious_leaves if is_oblivious else _ordinary_leaves
    offsets = (2**depth * np.arange(n_trees))[:, None]
    flat_leaves = leaves.reshape(-1, n_scores)
    for start in range(0, n_rows, n_at_once):
        block = np.ascontiguousarray(x[start : start + n_at_once].T)
        leaf = leaf_of(block, columns, thresholds, depth) + offsets  # (n_trees, n_rows)
        scores[start : start + n_at_once] = flat_leaves[leaf].sum(0)
    return scores


def _oblivious_leaves(block, columns, thresholds, depth):
    leaf = np.zeros((len(columns), block.shape[1]), dtype=np.intp)
    for level in range(depth):
        leaf *= 2
        leaf += block[columns[:, level]] > thresholds[:, level, None]
    return leaf


def _ordinary_leaves(block, columns, thresholds, depth):
    n_trees, n_nodes = columns.shape
    n_rows = block.shape[1]
    node = (n_nodes * np.arange(n_trees))[:, None]  # of the flattened trees
    starts, thresholds = columns.ravel() * n_rows, thresholds.ravel()
    leaf = np.zeros((n_trees, n_rows), dtype=np.intp)
    rows = np.arange(n_rows)
    for level in range(depth):
        at = node + (2**level - 1) + leaf
        leaf = 2 * leaf + (block.ravel()[starts[at] + rows] > thresholds[at])
    return leaf


def linear_scores(rng, x, n_scores):
    """Weigh few or many columns."""
    weights = rng.standard_normal((x.shape[1], n_scores))
    return x @ (weights * draw_relevance(rng, x.shape[1])[:, None])


def additive_scores(rng, x, n_scores):
    """Sum one random function of every relevant column."""
    relevance = draw_relevance(rng, x.shape[1])
    used = np.repeat(np.flatnonzero(relevance), pick(rng, {1: 2, 3: 1}))
    bent = activate(rng, x[:, used] * log_uniform(rng, 0.5, 3) + rng.standard_normal(len(used)))
    weights = rng.standard_normal((len(used), n_scores)) * relevance[used][:, None]
    return standardise(bent) @ weights


def product_scores(rng, x, n_scores):
    """Sum products, parities or conjunctions of two or three columns."""
    relevant = np.flatnonzero(draw_relevance(rng, x.shape[1]))
    n_terms = log_uniform_int(rng, 1, 8)
    factors = relevant[rng.integers(len(relevant), size=(pick(rng, {2: 3, 3: 1}), n_terms))]
    shifts = rng.standard_normal(factors.shape) * pick(rng, {0.0: 1, 0.7: 2})
    form = pick(rng, {"product": 3, "parity": 1, "and": 2})
    terms = np.ones((len(x), n_terms))
    for columns, shift in zip(factors, shifts, strict=True):
        factor = x[:, columns] + shift
        if form == "product":
            terms *= factor
        else:
            terms *= np.sign(factor) if form == "parity" else factor > 0
    scores = standardise(terms) @ rng.standard_normal((n_terms, n_scores))
    if rng.random() < 0.7:
        scores += log_uniform(rng, 0.1, 2) * linear_scores(rng, x, n_scores)
    return scores


def prototype_scores(rng, x, n_scores):
    """Give every row the values of the nearest prototypes, sharply or softly."""
    scaled = x * draw_relevance(rng, x.shape[1])
    n_prototypes = n_scores + log_uniform_int(rng, 1, 40)
    prototypes = scaled[rng.integers(len(x), size=n_prototypes)]
    distances = np.square(prototypes).sum(1) - 2 * scaled @ prototypes.T
    distances -= distances.min(1, keepdims=True)
    kernel = np.exp(distances / (-log_uniform(rng, 0.02, 1.0) * (distances.mean() + 1e-9)))
    kernel /= kernel.sum(1, keepdims=True)
    return kernel @ rng.standard_normal((n_prototypes, n_scores))


def mlp_scores(rng, x, n_scores):
    """Apply a random network with one or two hidden layers."""
    hidden = x * draw_relevance(rng, x.shape[1])
    for _ in range(pick(rng, {1: 1, 2: 1})):
        width = log_uniform_int(rng, 2, 32)
        hidden = standardise(hidden @ rng.standard_normal((hidden.shape[1], width)))
        hidden = activate(rng, hidden * log_uniform(rng, 0.5, 3) + rng.standard_normal(width))
    return standardise(hidden) @ rng.standard_normal((hidden.shape[1], n_scores))


FUNCTIONS = {
    "trees": tree_scores,
    "linear": linear_scores,
    "additive": additive_scores,
    "products": product_scores,
    "prototypes": prototype_scores,
    "mlp": mlp_scores,
}
FUNCTION_WEIGHTS = {
    "trees": 4,
    "linear": 1.5,
    "additive": 1.5,
    "products": 1,
    "prototypes": 1,
    "mlp": 1,
}
