"""What `fit` is given, checked at the door: a table, a target, weights and groups."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from autometa._repeats import ALWAYS_REPEATED
from autometa.exceptions import InvalidInputError, InvalidTableError
from autometa.tasks import Task, as_frame, as_target, as_targets, task_from_arrays
from autometa.tasks.arrays import naming_target


@dataclass(frozen=True)
class GivenTable:
    """The rows of positive weight, and where they stood in what was given.

    Attributes
    ----------
    task : Task
    weight : ndarray of shape (n_rows,)
    groups : Series of shape (n_rows,) or None
    positions : ndarray of shape (n_rows,)
        Ascending positions among the rows given.
    as_given : tuple
        ``X``, ``y``, ``groups`` and ``sample_weight`` with all rows, for a splitter: those of the
        user, since it may split by an index, or by what only arrays have.
    """

    task: Task
    weight: np.ndarray
    groups: pd.Series | None
    positions: np.ndarray
    as_given: tuple

    @property
    def n_given(self):
        return len(self.as_given[0])

    @property
    def y(self):
        """Class indices, or numbers; an ndarray of shape (n_rows,)."""
        if self.task.kind == "regression":
            return self.task.y.to_numpy(dtype=np.float64)
        return pd.Index(self.task.classes).get_indexer(self.task.y)

    def repeated_rows(self):
        """Table and target with each row as often as its weight says, where that is a few times."""
        X, y = self.task.X, self.task.y
        times = np.round(self.weight)
        if (times != self.weight).any() or not len(y) < times.sum() <= ALWAYS_REPEATED:
            return X, y
        rows = np.repeat(np.arange(len(y)), times.astype(int))
        return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)


def check_given(X, y, sample_weight, groups, *, kind):
    """Check what `fit` was given.

    Parameters
    ----------
    X, y, sample_weight, groups
        As the user gave them.
    kind : {"classification", "regression"}

    Returns
    -------
    list of GivenTable
        One a target; all share the table, the weights and the groups.
    """
    given_X, given_groups = X, groups
    X = as_frame(X)
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. "
            "Please change the shape of y to (n_samples,), for example with y.ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
    targets = as_targets(y)
    n_given = len(X)
    if sample_weight is None or len(targets) != n_given or not n_given:
        weight = np.ones(n_given)  # where lengths differ, the task says so
    else:
        weight = _check_weight(sample_weight, n_given)
    positions = np.flatnonzero(weight)
    if groups is not None:
        groups = _check_groups(groups, weight)
    columns = [column for _, column in targets.items()]
    all_weights = None if sample_weight is None else weight
    if getattr(given_groups, "ndim", 1) > 1:
        given_groups = groups  # scikit-learn's splitters take no column of them
    given_y = [y] if len(columns) == 1 else _columns_of(y, columns)
    as_given = [(given_X, one, given_groups, all_weights) for one in given_y]
    if len(positions) < n_given:
        X, weight = X.iloc[positions], weight[positions]
        columns = [y.iloc[positions] for y in columns]
        groups = None if groups is None else groups.iloc[positions]
    given = []
    for y, all_rows in zip(columns, as_given, strict=True):
        with naming_target(y.name if len(columns) > 1 else None):
            task = task_from_arrays(X, y, kind)
        given.append(GivenTable(task, weight, groups, positions, all_rows))
    return given


def _columns_of(y, columns):
    """The user's own columns of a table of targets, if it is one of pandas."""
    return [y.iloc[:, i] for i in range(len(columns))] if hasattr(y, "iloc") else columns


def _check_weight(sample_weight, n_rows):
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"sample_weight must be numbers: {error}.") from error
    if weight.shape != (n_rows,):
        raise InvalidInputError(
            f"sample_weight must have shape ({n_rows},), got {weight.shape}. "
            "Give one weight per row."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        wrong = weight[~np.isfinite(weight) | (weight < 0)][0]
        raise InvalidInputError(f"sample_weight must be finite and >= 0, found {wrong}.")
    if not weight.any():
        raise InvalidInputError(
            "sample_weight is zero for every row. Give at least one row a weight > 0."
        )
    return weight


def _check_groups(groups, weight):
    n_rows = len(weight)
    try:
        groups = as_target(groups)
    except InvalidTableError as error:
        raise InvalidInputError(f"groups must be one label per row: {error}") from error
    if len(groups) != n_rows:
        raise InvalidInputError(
            f"groups has {len(groups)} labels, X has {n_rows} rows. Give one group per row."
        )
    if groups[weight > 0].isna().any():
        raise InvalidInputError("groups has missing labels. Give every row a group.")
    return groups
