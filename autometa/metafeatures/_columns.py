"""A capped sample of a task in an order that follows from its content alone."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.special import ndtri

from autometa.tasks import as_frame

MAX_ROWS = 5_000
MAX_COLUMNS = 100


class Columns(NamedTuple):
    """What all meta-features are computed from.

    Rows and columns are sorted by hashes of their content, so no meta-feature of a table within
    the caps depends on the order in which they came.
    """

    numbers: np.ndarray  # (n_rows, n_number_columns), NaN where missing; booleans and dates too
    ranks: np.ndarray  # like numbers: mid-ranks in (0, 1), NaN where missing
    levels: np.ndarray  # (n_rows, n_category_columns), 0 = the most frequent level, -1 = missing
    target: np.ndarray  # (n_rows,), floats in regression, else class indices
    kinds: list  # of every column: number, boolean, date or category
    is_regression: bool


def read_columns(task, rng):
    """Read a task's columns, at most 5,000 rows and 100 columns of it.

    Parameters
    ----------
    task : Task
    rng : numpy.random.Generator
        Draws the rows and columns where there are more.
    """
    X, y = task.X, task.y
    if X.shape[1] > MAX_COLUMNS:
        X = X.iloc[:, np.sort(rng.choice(X.shape[1], MAX_COLUMNS, replace=False))]
    if len(X) > MAX_ROWS:
        rows = np.sort(rng.choice(len(X), MAX_ROWS, replace=False))
        X, y = X.iloc[rows], y.iloc[rows]
    is_regression = task.kind == "regression"
    if is_regression:
        target = y.to_numpy(dtype=np.float64)
    else:
        target = _read_levels(y)
    numbers, levels, kinds = [], [], []
    for _, column in as_frame(X).items():
        kind = _kind(column)
        kinds.append(kind)
        if kind == "category":
            levels.append(_read_levels(column))
        elif kind == "date":
            numbers.append(_read_dates(column))
        else:
            numbers.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
    numbers = np.column_stack(numbers) if numbers else np.empty((len(X), 0))
    levels = np.column_stack(levels) if levels else np.empty((len(X), 0), dtype=np.int64)
    rows, number_order, level_order = _content_order(numbers, levels, target)
    numbers, levels = numbers[rows][:, number_order], levels[rows][:, level_order]
    return Columns(numbers, mid_ranks(numbers), levels, target[rows], kinds, is_regression)


def _kind(column):
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "number"
    return "date" if types.is_datetime64_any_dtype(dtype) else "category"


def _read_dates(column):
    """Days since 1970."""
    days = column.to_numpy(dtype="datetime64[us]").astype(np.float64) / 86_400e6
    days[column.isna().to_numpy()] = np.nan
    return days


def _read_levels(column):
    """Number the levels by falling frequency, equal ones in the order of their texts."""
    codes, levels = pd.factorize(column.astype(object))
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    texts = [(str(level), type(level).__name__) for level in levels]  # 1 and "1" are two levels
    order = sorted(range(len(levels)), key=lambda i: (-counts[i], texts[i]))
    place = np.full(len(levels) + 1, -1)  # the last is for the code -1
    place[order] = np.arange(len(levels))
    return place[codes]


def _content_order(numbers, levels, target):
    """Sort rows and columns by hashes that do not depend on where they stand."""
    with np.errstate(over="ignore"):
        target_hash = _hash(target)
        cells = [_hash(column) for column in (*numbers.T, *levels.T)]
        # What a column is: the sum over its rows of value and label, hashed together.
        keys = [_mix(cell ^ _mix(target_hash)).sum(dtype=np.uint64) for cell in cells]
        row_keys = target_hash.copy()
        for cell, key in zip(cells, keys, strict=True):
            row_keys += _mix(cell ^ key)
    keys = np.array(keys, dtype=np.uint64)
    n_numbers = numbers.shape[1]
    order = np.argsort(keys[:n_numbers], kind="stable"), np.argsort(keys[n_numbers:], kind="stable")
    return np.argsort(row_keys, kind="stable"), *order


def _hash(values):
    return pd.util.hash_array(np.ascontiguousarray(values))


def _mix(hashes):
    hashes = hashes * np.uint64(0x9E3779B97F4A7C15)
    return hashes ^ (hashes >> np.uint64(29))


def mid_ranks(values):
    """Give ranks in (0, 1) by column, equal values the same; NaN stays NaN.

    Examples
    --------
    >>> mid_ranks(np.array([[3.0], [1.0], [1.0], [np.nan]])).ravel().round(2).tolist()
    [0.83, 0.33, 0.33, nan]
    """
    ranks = pd.DataFrame(values).rank().to_numpy()
    return (ranks - 0.5) / np.maximum((~np.isnan(ranks)).sum(axis=0), 1)


def normal_scores(ranks):
    """Give the normal quantile of each mid-rank, 0 where missing."""
    return np.nan_to_num(ndtri(ranks))
