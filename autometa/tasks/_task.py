"""The one form in which every table and its target travel through autometa."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidTableError

KINDS = ("binary", "multiclass", "regression")


@dataclass(frozen=True, eq=False)
class Task:
    """A table, its target and its splits.

    Everything is checked when the task is made, so whoever holds one need not check again. Treat
    ``X`` and ``y`` as read-only. :func:`~autometa.tasks.task_from_arrays` makes a task from
    whatever the user has.

    Parameters
    ----------
    name : str
    X : DataFrame of shape (n_rows, n_features)
        As :func:`~autometa.tasks.as_frame` returns it.
    y : Series of shape (n_rows,)
        As :func:`~autometa.tasks.as_target` returns it.
    kind : {"binary", "multiclass", "regression"}
    splits : sequence of (train, test), optional
        Row positions; may be empty.
    provenance : mapping, optional
        Where the table comes from, in values that JSON can hold: ``source``, ``target``,
        ``family``, ``openml_data_id``, ``openml_task_id`` and the like.

    Examples
    --------
    >>> X = pd.DataFrame({"age": [31, 45, 28, 60]})
    >>> task = Task("loans", X, pd.Series(["no", "yes", "no", "yes"]), "binary")
    >>> task.n_rows, task.n_features, task.classes.tolist()
    (4, 1, ['no', 'yes'])
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    kind: str
    splits: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        check_table(self.X)
        check_target(self.y, len(self.X), self.kind)
        if self.kind != "regression":
            _check_classes(self.classes, self.kind)
        splits = tuple(_check_split(split, self.n_rows) for split in self.splits)
        object.__setattr__(self, "splits", splits)
        object.__setattr__(self, "provenance", _check_provenance(self.provenance))

    @property
    def n_rows(self) -> int:
        return len(self.X)

    @property
    def n_features(self) -> int:
        return self.X.shape[1]

    @cached_property
    def classes(self) -> np.ndarray:
        """The labels that occur, sorted as ``numpy.unique`` sorts; empty for regression."""
        if self.kind == "regression":
            return np.empty(0)
        return sorted_labels(self.y)

    def __repr__(self) -> str:
        return f"<Task {self.name!r}: {self.n_rows} x {self.n_features}, {self.kind}>"


def sorted_labels(y: pd.Series) -> np.ndarray:
    """The distinct labels of ``y`` in order; labels that cannot be ordered are refused."""
    labels = y.unique()
    if isinstance(labels.dtype, pd.CategoricalDtype):
        labels = labels.astype(labels.categories.dtype)
    labels = np.asarray(labels)
    try:
        return np.sort(labels)
    except TypeError as error:
        types = sorted({type(label).__name__ for label in labels})
        raise InvalidTableError(
            f"The target mixes labels of types {types}, which have no common order. "
            "Convert them to one type, e.g. y.astype(str)."
        ) from error


def check_table(X: pd.DataFrame) -> None:
    """Refuse a table without rows or columns, or with two columns of one name."""
    if not isinstance(X, pd.DataFrame):
        raise InvalidTableError(
            f"X must be a pandas DataFrame, got {type(X).__name__}. "
            "Use task_from_arrays, which accepts other tables too."
        )
    check_columns(X.columns)
    if len(X) == 0:
        raise InvalidTableError(
            f"The table is empty: 0 sample(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    if X.shape[1] == 0:
        raise InvalidTableError(
            f"The table is empty: 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )


def check_columns(columns) -> None:
    """Refuse two columns of one name."""
    columns = pd.Index(columns)
    if not columns.is_unique:
        repeated = columns[columns.duplicated()].unique().tolist()
        raise InvalidTableError(
            f"Duplicate column names: {_shorten(repeated)}. Give every column its own name."
        )


def check_target(y: pd.Series, n_rows: int, kind: str) -> None:
    """Refuse a target that does not fit its table or its kind, classes aside."""
    if kind not in KINDS:
        raise InvalidTableError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    if not isinstance(y, pd.Series):
        raise InvalidTableError(
            f"y must be a pandas Series, got {type(y).__name__}. Use task_from_arrays."
        )
    if len(y) != n_rows:
        more = "more" if len(y) > n_rows else "fewer"
        raise InvalidTableError(
            f"There are {more} labels than rows: X has {n_rows} rows, y has {len(y)} labels. "
            "Give one label per row."
        )
    n_missing = int(y.isna().sum())
    if n_missing:
        raise InvalidTableError(
            f"Input y contains NaN: {n_missing} of {n_rows} labels are missing. "
            "Drop these rows, e.g. with keep = y.notna()."
        )
    if kind == "regression":
        _check_numeric(y)


def _check_numeric(y: pd.Series) -> None:
    if not pd.api.types.is_numeric_dtype(y.dtype):
        raise InvalidTableError(
            f"A regression target must be numeric, got dtype {y.dtype} "
            f"(first value {y.iloc[0]!r}). Convert it with y.astype(float)."
        )
    if not np.isfinite(y.to_numpy(dtype=float)).all():
        raise InvalidTableError("Input y contains infinity. Drop or clip these rows.")


def _check_classes(classes: np.ndarray, kind: str) -> None:
    n_classes = len(classes)
    if n_classes < 2:
        raise InvalidTableError(
            f"The target has one class only ({classes.tolist()[0]!r}); a classifier needs at least "
            "2. Check that the right column is the target."
        )
    found = "binary" if n_classes == 2 else "multiclass"
    if kind != found:
        raise InvalidTableError(
            f"kind={kind!r} does not fit a target with {n_classes} classes "
            f"({_shorten(classes.tolist())}). Use kind={found!r}."
        )


def _check_split(split, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        train, test = (np.asarray(rows) for rows in split)
    except (TypeError, ValueError) as error:
        raise InvalidTableError(
            f"A split must be a pair (train, test) of row positions, got {split!r}."
        ) from error
    for name, rows in (("train", train), ("test", test)):
        if rows.ndim != 1 or len(rows) == 0 or rows.dtype.kind not in "iu":
            raise InvalidTableError(
                f"The {name} rows of a split must be a non-empty list of row positions, got "
                f"{rows.dtype} of shape {rows.shape}."
            )
        if rows.min() < 0 or rows.max() >= n_rows:
            raise InvalidTableError(
                f"The {name} rows of a split must lie in 0..{n_rows - 1}, got "
                f"{rows.min()}..{rows.max()}."
            )
    n_shared = len(np.intersect1d(train, test))
    if n_shared:
        raise InvalidTableError(f"Train and test of a split share {n_shared} rows.")
    return train.astype(np.intp), test.astype(np.intp)


def _check_provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(provenance := dict(provenance))
    except (TypeError, ValueError) as error:
        raise InvalidTableError(f"The provenance must be a mapping for JSON: {error}.") from error
    return provenance


def _shorten(values, n_shown: int = 5) -> str:
    """Write the first few values of a list."""
    values = list(values)
    text = ", ".join(repr(value) for value in values[:n_shown])
    return text if len(values) <= n_shown else f"{text}, ... ({len(values)} in all)"
