"""A task from a table and a target in memory."""

from contextlib import contextmanager

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidInputError, InvalidTableError
from autometa.tasks._task import KINDS, Task, check_table, check_target, sorted_labels
from autometa.tasks.frame import as_frame, as_target


def target_kind(y) -> str:
    """Say what kind of task a target makes.

    Text, categories and booleans are classes. Numbers are classes where they are whole and few:
    at most 20 distinct ones, and no more than the square root of the rows (2 are always few).

    Returns
    -------
    {"binary", "multiclass", "regression"}

    Examples
    --------
    >>> target_kind(["no", "yes", "no"]), target_kind([0.5, 1.5, 7.0])
    ('binary', 'regression')
    """
    y = as_target(y).dropna()
    if pd.api.types.is_datetime64_any_dtype(y.dtype):
        raise InvalidTableError(
            "The target holds dates, which are neither classes nor numbers by themselves. Give "
            "numbers, such as days from the first date on, or say kind='classification'."
        )
    n_distinct = y.nunique()
    if pd.api.types.is_numeric_dtype(y.dtype) and y.dtype != bool:
        n_few = max(2, min(20, int(np.sqrt(len(y)))))
        if not _is_whole(y) or n_distinct > n_few:
            return "regression"
    return "binary" if n_distinct <= 2 else "multiclass"


def task_from_arrays(
    X, y, kind: str | None = None, *, name: str = "table", splits=(), provenance=None
) -> Task:
    """Make a task from a table and its target.

    Parameters
    ----------
    X : table
        Whatever :func:`as_frame` accepts.
    y : target
        Whatever :func:`as_target` accepts.
    kind : {"binary", "multiclass", "regression", "classification"}, optional
        ``"classification"`` is binary or multiclass as the labels say; by default
        :func:`target_kind` decides.
    name : str
    splits : sequence of (train, test), optional
        Row positions.
    provenance : mapping, optional
        Beside ``source``, which is "arrays" unless given.

    Examples
    --------
    >>> task_from_arrays([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 1, 0])
    <Task 'table': 3 x 2, binary>
    """
    X, y = as_frame(X), as_target(y)
    if kind not in (None, "classification", *KINDS):
        raise InvalidInputError(f"kind must be one of {[*KINDS, 'classification']}, got {kind!r}.")
    check_table(X)
    if kind is None:
        kind = target_kind(y)
    if kind != "regression":
        check_target(y, len(X), "multiclass")
        _check_labels(y)
        if kind == "classification":
            kind = "binary" if len(sorted_labels(y)) <= 2 else "multiclass"
    elif y.dtype == bool:
        y = y.astype(float)
    provenance = {"source": "arrays", **(provenance or {})}
    return Task(name, X, y, kind, splits=splits, provenance=provenance)


def task_from_frame(frame: pd.DataFrame, target, kind=None, *, name, provenance) -> Task:
    """Split the target column off a plain frame and make a task."""
    if target not in frame.columns:
        columns = [str(column) for column in frame.columns]
        shown = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
        raise InvalidTableError(f"{name} has no column {target!r}. Its columns: {shown}.")
    provenance = {**provenance, "target": str(target)}
    X = frame.drop(columns=[target])
    return task_from_arrays(X, frame[target], kind, name=name, provenance=provenance)


@contextmanager
def naming_target(name):
    """Say of which of several targets an input error is; None for the only one."""
    try:
        yield
    except InvalidInputError as error:
        if name is None:
            raise
        raise type(error)(f"Target {name!r}: {error}") from error


def _check_labels(y: pd.Series) -> None:
    if pd.api.types.is_float_dtype(y.dtype) and not _is_whole(y):
        odd = y[~np.isfinite(y) | (y != np.round(y))].iloc[0]
        raise InvalidTableError(
            f"Unknown label type: continuous. A class cannot be {float(odd)!r}. "
            "Use kind='regression' (AutoMetaRegressor), or y.astype(str)."
        )


def _is_whole(y: pd.Series) -> bool:
    """Whether numbers are finite and without a fraction."""
    values = y.to_numpy()
    return values.dtype.kind in "iub" or bool(
        np.all(values == np.round(values)) & np.all(np.isfinite(values))
    )
