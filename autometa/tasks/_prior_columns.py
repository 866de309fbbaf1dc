"""How synthetic columns are observed: nuisance, categories, warps, outliers, missing values."""

import numpy as np

from autometa.tasks._prior_draws import (
    log_uniform,
    log_uniform_int,
    pick,
    share_of_columns,
    standardise,
)


def add_nuisance(rng, columns, n_nuisance):
    """Add columns that say nothing new, and shuffle all of them.

    Returns
    -------
    columns : ndarray of shape (n_rows, n_columns + n_nuisance)
    is_informative : ndarray of bool
    """
    n_rows, n_informative = columns.shape
    if n_nuisance:
        nuisance = rng.standard_normal((n_rows, n_nuisance))
        is_copy = rng.random(n_nuisance) < pick(rng, {0.0: 3, 0.5: 2, 1.0: 1})
        copied = standardise(columns[:, rng.integers(n_informative, size=n_nuisance)])
        levels = np.where(is_copy, log_uniform(rng, 0.02, 2), 1.0)
        columns = np.concatenate([columns, levels * nuisance + is_copy * copied], axis=1)
    order = rng.permutation(columns.shape[1])
    return columns[:, order], order < n_informative


def coarsen(rng, columns):
    """Turn some columns into categories, others into few numbers.

    Returns
    -------
    columns : ndarray of shape (n_rows, n_columns)
        Standardised; a category stands as the effect that it has.
    codes : ndarray of shape (n_rows, n_columns)
        Shuffled category codes; 0 in other columns.
    is_categorical : ndarray of bool

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> columns, codes, is_categorical = coarsen(rng, rng.standard_normal((30, 4)))
    >>> codes.shape, is_categorical.dtype
    ((30, 4), dtype('bool'))
    """
    columns = standardise(columns)
    n_columns = columns.shape[1]
    codes = np.zeros(columns.shape)
    share = 1.0 if rng.random() < 0.08 else share_of_columns(rng, p_none=0.4, mean=0.35)
    is_categorical = rng.random(n_columns) < share
    is_shuffled = rng.random() < 0.7  # else a category acts as the number it was cut from
    for j in np.flatnonzero(is_categorical):
        column = columns[:, j]
        level = np.searchsorted(_cuts(rng, column), column)
        n_levels = level.max() + 1
        codes[:, j] = rng.permutation(n_levels)[level]
        columns[:, j] = rng.standard_normal(n_levels)[level] if is_shuffled else level
    share = share_of_columns(rng, p_none=0.4, mean=0.3)
    for j in np.flatnonzero((rng.random(n_columns) < share) & ~is_categorical):
        columns[:, j] = _coarse_numbers(rng, columns[:, j])
    return standardise(columns), codes, is_categorical


def _cuts(rng, column):
    """Draw where a column is cut into levels, unevenly or into equal parts."""
    n_rows = len(column)
    if rng.random() < 0.06:
        n_levels = log_uniform_int(rng, 20, max(20, min(n_rows // 3, 120)))
    else:
        n_levels = log_uniform_int(rng, 2, 20)
    if rng.random() < 0.3:
        rows = rng.integers(n_rows, size=8 * n_levels)
        return np.sort(column[rows])[7 : 8 * n_levels - 1 : 8]
    return np.sort(column[rng.integers(n_rows, size=n_levels - 1)])


def _coarse_numbers(rng, column):
    form = pick(rng, {"integer": 4, "binary": 3, "zeros": 2, "rare": 0.7})
    if form == "integer":
        return np.round(column * log_uniform(rng, 0.7, 20))
    sample = np.sort(column[rng.integers(len(column), size=50)])
    if form == "binary":
        return (column > sample[5 + int(rng.random() * 40)]).astype(np.float64)
    cut = sample[10 + int(rng.random() * 35)] if form == "zeros" else sample[48]
    return np.maximum(column - cut, 0.0)


def dress(rng, columns, codes, is_categorical):
    """Give the columns the look of measured ones: warps, outliers, scales, missing values.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        NaN where a value is missing.
    """
    values = columns.copy()
    n_columns = columns.shape[1]
    share = share_of_columns(rng, p_none=0.3, mean=0.4)
    warp = np.where(rng.random(n_columns) < share, rng.integers(len(WARPS), size=n_columns), -1)
    for i, bend in enumerate(WARPS):
        bent = np.flatnonzero((warp == i) & ~is_categorical)
        if len(bent):
            values[:, bent] = bend(values[:, bent], rng)
    if rng.random() < 0.15:
        _add_outliers(rng, values)
    if rng.random() < 0.7:
        values *= 10.0 ** (4 * rng.random(n_columns) - 2)
        values += np.where(rng.random(n_columns) < 0.3, 10.0 ** (3 * rng.random(n_columns)), 0.0)
    values[:, is_categorical] = codes[:, is_categorical]
    share = share_of_columns(rng, p_none=0.65, mean=0.4)
    affected = np.flatnonzero(rng.random(n_columns) < share)
    if len(affected):
        values[:, affected] = _lose(rng, values[:, affected], columns[:, affected])
    return values


def _ranks(x, rng):
    return np.argsort(np.argsort(x, axis=0, kind="stable"), axis=0) / len(x)


# Monotone; x is standardised.
WARPS = (
    lambda x, rng: np.exp(np.clip(log_uniform(rng, 0.3, 2) * x, -15, 15)),
    lambda x, rng: x**3,
    lambda x, rng: np.sign(x) * np.abs(x) ** log_uniform(rng, 0.3, 2.5),
    lambda x, rng: np.log1p(x - x.min(0)),
    lambda x, rng: np.tanh(log_uniform(rng, 0.5, 2) * x),
    _ranks,
)


def _add_outliers(rng, values):
    is_outlier = rng.random(values.shape) < log_uniform(rng, 0.001, 0.02)
    values[is_outlier] *= log_uniform(rng, 3, 100)


def _lose(rng, values, columns):
    """Replace values by NaN, by chance alone or more often where they are large or small."""
    n_rows, n_columns = values.shape
    rates = np.exp(np.log(0.005) + rng.random(n_columns) * np.log(0.6 / 0.005))
    if rng.random() < 0.3:
        rates[:] = rates[0]
    if rng.random() < 0.4:
        slopes = 2 * rng.standard_normal(n_columns)
        rates = np.minimum(2 * rates / (1 + np.exp(np.clip(slopes * columns, -30, 30))), 0.95)
    if rng.random() < 0.15:  # all columns of a row go missing together
        lost = np.broadcast_to(rng.random((n_rows, 1)) < rates, values.shape).copy()
    else:
        lost = rng.random(values.shape) < rates
    lost[0, lost.all(0)] = False
    return np.where(lost, np.nan, values)
