"""Where the columns of a synthetic table come from.

Each source takes ``(rng, n_rows, n_columns, n_scores)`` and gives the columns and ``n_scores``
hidden variables that depend on them; ``None`` where nothing is hidden.
"""

import numpy as np

from autometa.tasks._prior_draws import activate, log_uniform, log_uniform_int, pick, standardise
from autometa.tasks._prior_scores import tree_scores


def sample_causes(rng, n_rows, n_columns, n_scores):
    """Draw a source and columns from it.

    Returns
    -------
    columns : ndarray of shape (n_rows, n_columns)
    hidden : ndarray of shape (n_rows, n_scores) or None
    name : str

    Examples
    --------
    >>> columns, hidden, name = sample_causes(np.random.default_rng(0), 20, 3, 1)
    >>> columns.shape, name in SOURCES
    ((20, 3), True)
    """
    name = pick(rng, SOURCE_WEIGHTS)
    return *SOURCES[name](rng, n_rows, n_columns, n_scores), name


def structural_model(rng, n_rows, n_columns, n_scores):
    """Draw nodes layer by layer, each from a few earlier ones, and pick columns and target.

    As in the prior of TabPFN (Hollmann et al., 2023), a column may be a cause or an effect of the
    target, or share causes with it. A layer is a network's or, as in TabICL (Qu et al., 2025),
    an ensemble of trees.
    """
    n_picked = n_columns + n_scores
    n_nodes = n_picked + log_uniform_int(rng, 1, n_picked + 3)
    n_roots = min(log_uniform_int(rng, 1, max(2, n_columns)), n_nodes - 1)
    n_layers = min(1 + int(rng.random() * 6), n_nodes - n_roots)
    edges = [n_roots + (n_nodes - n_roots) * i // n_layers for i in range(n_layers + 1)]
    p_trees = pick(rng, {0.0: 7, 0.3: 2, 1.0: 1})
    nodes = np.empty((n_rows, n_nodes))
    nodes[:, :n_roots] = _roots(rng, n_rows, n_roots)
    gain, noise = log_uniform(rng, 0.5, 4), log_uniform(rng, 0.01, 0.8)
    skips = rng.random() < 0.5
    for layer, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        first = 0 if skips or layer == 0 else edges[layer - 1]
        causes, width = nodes[:, first:start], stop - start
        if rng.random() < p_trees:
            values = tree_scores(rng, causes, width)
        else:
            wires = _sparse_wires(rng, causes.shape[1], width)
            values = standardise(causes @ wires) * gain
            values = activate(rng, values + 0.7 * rng.standard_normal(width))
        levels = noise * np.exp(0.7 * rng.standard_normal(width))
        nodes[:, start:stop] = standardise(values) + levels * rng.standard_normal((n_rows, width))
    return _pick_nodes(rng, nodes, n_columns, n_scores)


def _sparse_wires(rng, n_causes, width):
    n_parents = log_uniform_int(rng, 1, 8)
    wires = rng.standard_normal((n_causes, width))
    if n_parents < n_causes:
        kept = rng.random((n_causes, width)) < (n_parents - 1) / n_causes
        kept[rng.integers(n_causes, size=width), np.arange(width)] = True
        wires *= kept
    return wires


def _pick_nodes(rng, nodes, n_columns, n_scores):
    n_nodes = nodes.shape[1]
    where = pick(rng, {"last": 5, "anywhere": 3, "first": 1})
    n_free = n_nodes - n_scores
    start = {"last": n_free, "anywhere": int(rng.random() * (n_free + 1)), "first": 0}[where]
    others = np.r_[0:start, start + n_scores : n_nodes]
    if rng.random() < 0.4:  # neighbours, which resemble each other
        first = int(rng.random() * (len(others) - n_columns + 1))
        others = others[first : first + n_columns]
    chosen = rng.permutation(others)[:n_columns]
    return nodes[:, chosen], nodes[:, start : start + n_scores]


def _roots(rng, n_rows, n_roots):
    form = pick(rng, {"normal": 5, "uniform": 2, "heavy": 1, "bumps": 2, "mixed": 2})
    if form == "mixed":
        parts = [_roots_of(rng, name, n_rows, n_roots) for name in ("normal", "uniform", "bumps")]
        return np.choose(rng.integers(3, size=n_roots), parts)
    return _roots_of(rng, form, n_rows, n_roots)


def _roots_of(rng, form, n_rows, n_roots):
    if form == "uniform":
        return rng.random((n_rows, n_roots)) * 3.46 - 1.73
    values = rng.standard_normal((n_rows, n_roots))
    if form == "heavy":
        values *= 1 / np.sqrt(rng.random((n_rows, n_roots)) + 0.02)
    elif form == "bumps":
        centres = 2.0 * rng.standard_normal((log_uniform_int(rng, 2, 6), n_roots))
        values = (
            np.take_along_axis(centres, rng.integers(len(centres), size=(n_rows, n_roots)), axis=0)
            + log_uniform(rng, 0.05, 1) * values
        )
    return values


def independent_columns(rng, n_rows, n_columns, n_scores):
    """Draw every column by itself."""
    return _roots(rng, n_rows, n_columns), None


def factor_model(rng, n_rows, n_columns, n_scores):
    """Mix few factors into columns; what is hidden depends on the factors."""
    n_factors = log_uniform_int(rng, 1, max(2, n_columns))
    factors = _roots(rng, n_rows, n_factors)
    columns = standardise(factors @ rng.standard_normal((n_factors, n_columns)))
    columns += log_uniform(rng, 0.05, 1.5) * rng.standard_normal((n_rows, n_columns))
    hidden = standardise(factors @ rng.standard_normal((n_factors, n_scores)))
    return columns, activate(rng, hidden * log_uniform(rng, 0.5, 3))


def gaussian_clusters(rng, n_rows, n_columns, n_scores):
    """Draw rows around cluster centres; what is hidden depends on the cluster."""
    n_clusters = n_scores + log_uniform_int(rng, 1, 12)
    cluster = rng.integers(n_clusters, size=n_rows)
    n_told = log_uniform_int(rng, 1, n_columns)  # columns that tell the clusters apart
    centres = np.zeros((n_clusters, n_columns))
    centres[:, :n_told] = rng.standard_normal((n_clusters, n_told))
    centres *= log_uniform(rng, 0.5, 5) / n_told**0.25
    columns = rng.standard_normal((n_rows, n_columns))
    if rng.random() < 0.5:
        mixing = rng.standard_normal((n_columns, n_columns)) / np.sqrt(n_columns)
        columns = columns @ (mixing + np.eye(n_columns))
    if rng.random() < 0.5:
        columns *= np.exp(0.5 * rng.standard_normal((n_clusters, 1)))[cluster]
    columns += centres[cluster]
    effects = rng.standard_normal((n_clusters, n_scores))
    if n_scores > 1:  # a cluster belongs to one class
        effects[np.arange(n_clusters), np.arange(n_clusters) % n_scores] += 5.0
    return columns[:, rng.permutation(n_columns)], effects[cluster]


SOURCES = {
    "structural": structural_model,
    "independent": independent_columns,
    "factors": factor_model,
    "clusters": gaussian_clusters,
}
SOURCE_WEIGHTS = {"structural": 6, "independent": 1.2, "factors": 1.2, "clusters": 1.6}
