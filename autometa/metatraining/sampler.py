"""Episodes for meta-training: from real tables and from the synthetic prior."""

import itertools
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.encoding import ColumnScaler, TableEncoder
from autometa.episodes import Episode, make_rows, query_rows
from autometa.tasks.synthetic import sample_prior_table

#: Rows of a real table that meta-training keeps in memory.
MAX_TABLE_ROWS = 5_000
#: Draws that may give no episode before it is taken from the prior.
MAX_REAL_ATTEMPTS = 50


@dataclass(frozen=True)
class EpisodeShape:
    """What the episodes of one batch have in common, so that they can be stacked.

    Attributes
    ----------
    is_regression : bool
    n_support, n_query, max_columns, max_classes : int
    """

    is_regression: bool
    n_support: int
    n_query: int
    max_columns: int
    max_classes: int


@dataclass(frozen=True)
class PreparedTable:
    """A real table as numbers, ready to draw episodes from.

    Attributes
    ----------
    name, family : str
    values : ndarray of shape (n_rows, n_values)
        Expanded columns, NaN for missing.
    sources : ndarray of shape (n_values,)
        Which column of the table each came from.
    targets : dict of int to ndarray of shape (n_rows,)
        Columns that can serve as a target, -1 being the table's own; floats are numbers (NaN
        for missing), integers are classes (-1 for missing).
    """

    name: str
    family: str
    values: np.ndarray
    sources: np.ndarray
    targets: dict

    @classmethod
    def from_task(cls, task, *, rng, max_rows=MAX_TABLE_ROWS):
        """Prepare a task, keeping at most ``max_rows`` random rows."""
        X, y = task.X.reset_index(drop=True), task.y.reset_index(drop=True)
        if len(X) > max_rows:
            kept = np.sort(rng.choice(len(X), max_rows, replace=False))
            X, y = X.iloc[kept], y.iloc[kept]
        with warnings.catch_warnings():
            # Dropped identifiers are the table owner's concern, not meta-training's.
            warnings.simplefilter("ignore", UserWarning)
            encoder = TableEncoder().fit(X)
        targets = {-1: _as_target(y, as_classes=task.kind != "regression")}
        for position, column in enumerate(X.columns):
            is_number = pd.api.types.is_numeric_dtype(X[column])
            targets[position] = _as_target(X[column], as_classes=not is_number)
        return cls(
            name=task.name,
            family=str(task.provenance.get("family", task.name)),
            values=encoder.expand(X).astype(np.float32),
            sources=np.asarray(encoder.column_sources_),
            targets={key: target for key, target in targets.items() if target is not None},
        )


def is_meta_dev(family):
    """Tell whether a family is left out of training while recipes are compared."""
    return zlib.crc32(family.encode()) % 6 == 1


def sample_shape(rng, *, max_rows=2_000):
    """Draw the shape of a batch: small tables often, wide, long and many-class ones sometimes."""
    n_rows = int(np.exp(rng.uniform(np.log(24), np.log(max_rows))))
    n_support = max(8, int(n_rows * rng.uniform(0.4, 0.8)))
    n_query = int(np.clip(n_rows - n_support, 16, 160))
    # wide tables get fewer rows, so that no batch costs far more than the others
    widest = 96 if n_support <= 128 else 48 if n_support <= 512 else 24
    max_columns = int(np.exp(rng.uniform(np.log(3), np.log(widest))))
    max_classes = int(rng.choice([2, 3, 5, 10, 24, 60], p=[0.38, 0.14, 0.18, 0.18, 0.08, 0.04]))
    return EpisodeShape(
        is_regression=bool(rng.random() < 0.4),
        n_support=n_support,
        n_query=n_query,
        max_columns=max_columns,
        max_classes=min(max_classes, n_support // 4),
    )


def sample_episode(tables, shape, *, rng, real_share=0.6, other_target_share=0.4):
    """Draw one episode of a shape, real or synthetic.

    Parameters
    ----------
    tables : sequence of PreparedTable
        May be empty, then every episode is synthetic.
    shape : EpisodeShape
    rng : numpy.random.Generator
    real_share : float
        Probability of a real table.
    other_target_share : float
        Probability that any column of a real table is its target instead of its own.

    Returns
    -------
    Episode
    """
    for attempt in itertools.count():
        # tables that have nothing of this shape must not be asked for ever
        if len(tables) and rng.random() < real_share and attempt < MAX_REAL_ATTEMPTS:
            drawn = _draw_real(tables, shape, rng, other_target_share)
        else:
            drawn = _draw_prior(shape, rng)
        episode = None if drawn is None else _split(*drawn, shape, rng)
        if episode is not None:
            return episode


def _draw_real(tables, shape, rng, other_target_share):
    families = sorted({table.family for table in tables})
    family = families[rng.integers(len(families))]
    members = [table for table in tables if table.family == family]
    table = members[rng.integers(len(members))]
    key = -1
    if rng.random() < other_target_share:
        key = list(table.targets)[rng.integers(len(table.targets))]
    target = table.targets.get(key)
    if target is None or (shape.is_regression and target.dtype.kind == "i"):
        return None
    is_known = target >= 0 if target.dtype.kind == "i" else np.isfinite(target)
    rows = np.flatnonzero(is_known)
    rows = rng.permutation(rows)[: 2 * (shape.n_support + shape.n_query)]
    if len(rows) < 16:
        return None
    is_input = table.sources != key
    if key != -1 and rng.random() < 0.3:
        is_input &= rng.random(len(is_input)) < 0.7
    columns = _pick_columns(np.flatnonzero(is_input), table.sources, shape.max_columns, rng)
    if not len(columns):
        return None
    return table.values[np.ix_(rows, columns)], target[rows]


def _pick_columns(columns, sources, limit, rng):
    present = rng.permutation(np.unique(sources[columns]))
    n_kept = len(present)
    if rng.random() < 0.5 and n_kept > 1:
        n_kept = int(np.ceil(np.exp(rng.uniform(0, np.log(n_kept)))))
    kept = columns[np.isin(sources[columns], present[:n_kept])]
    return rng.permutation(kept)[:limit]


def _draw_prior(shape, rng):
    n_columns = int(np.ceil(np.exp(rng.uniform(np.log(2), np.log(max(3, shape.max_columns))))))
    kind, n_classes = "regression", None
    if not shape.is_regression:
        n_classes = int(rng.integers(2, shape.max_classes + 1))
        kind = "binary" if n_classes == 2 else "multiclass"
    table = sample_prior_table(
        rng,
        n_rows=shape.n_support + shape.n_query,
        n_columns=n_columns,
        kind=kind,
        n_classes=n_classes,
    )
    values = [
        _one_hot(column) if is_categorical else column[:, None]
        for column, is_categorical in zip(table.values.T, table.is_categorical, strict=True)
    ]
    values = np.concatenate(values, axis=1)
    kept = rng.permutation(values.shape[1])[: shape.max_columns]
    return values[:, kept], table.y


def _one_hot(codes, max_levels=12):
    """Expand category codes as :class:`TableEncoder` does: levels, and frequency if many."""
    levels, counts = np.unique(codes[np.isfinite(codes)], return_counts=True)
    if len(levels) <= 2:
        return codes[:, None]
    most_frequent = levels[np.argsort(-counts, kind="stable")[:max_levels]]
    columns = (codes[:, None] == most_frequent).astype(np.float64)
    if len(levels) > max_levels:
        frequency = np.log1p(counts)[np.searchsorted(levels, codes).clip(0, len(levels) - 1)]
        columns = np.column_stack([columns, frequency])
    columns[~np.isfinite(codes)] = np.nan
    return columns


def _split(values, target, shape, rng):
    n_rows = min(len(values), shape.n_support + shape.n_query)
    if shape.is_regression:
        target = target.astype(np.float64)
    else:
        target = _as_classes(target, shape.max_classes, rng)
        known = np.flatnonzero(target >= 0)
        values, target = values[known], target[known]
        n_rows = min(n_rows, len(target))
    if n_rows < 12:
        return None
    n_support = min(shape.n_support, max(6, int(n_rows * 0.6)))
    values, target = values[:n_rows], target[:n_rows]
    n_classes = None
    if shape.is_regression:
        if len(np.unique(target[:n_support])) < 3:
            return None
    else:
        # classes without support row cannot be asked for
        present = np.unique(target[:n_support])
        if len(present) < 2:
            return None
        kept = np.isin(target, present)
        values, target = values[kept], np.searchsorted(present, target[kept])
        n_classes = len(present)
    support, query = slice(None, n_support), slice(n_support, n_support + shape.n_query)
    if len(target[query]) < 4:
        return None
    values = _disturb(values, rng)
    encoded = ColumnScaler().fit(values[support]).transform(values)
    if shape.is_regression:
        low, high = np.quantile(target[support], [0.0, 1.0])
        margin = high - low
        target = np.clip(target, low - margin, high + margin)
    rows = make_rows(encoded[support], target[support], n_classes=n_classes)
    return Episode(
        support=rows,
        query=query_rows(rows, encoded[query], target[query], n_classes=n_classes),
        is_regression=shape.is_regression,
    )


def _disturb(values, rng):
    """Flip columns and lose cells: tables mean the same after it, or could be met like that."""
    values = values * np.where(rng.random(values.shape[1]) < 0.3, -1.0, 1.0)
    if rng.random() < 0.1:
        values[rng.random(values.shape) < rng.uniform(0, 0.3)] = np.nan
    return values


def _as_classes(target, max_classes, rng):
    """Class indices of a target: a subset of its classes, or random bins of its numbers."""
    if target.dtype.kind == "i":
        classes = rng.permutation(np.unique(target))
        n_classes = len(classes)
        if n_classes > max_classes or (n_classes > 2 and rng.random() < 0.15):
            n_classes = int(rng.integers(2, min(n_classes, max_classes) + 1))
        codes = np.full(classes.max() + 1, -1)
        codes[classes[:n_classes]] = np.arange(n_classes)
        return codes[target]
    n_bins = int(rng.integers(2, max_classes + 1))
    shares = rng.dirichlet(np.full(n_bins, 2.0)).cumsum()[:-1]
    codes = np.searchsorted(np.quantile(target, shares), target)
    return rng.permutation(n_bins)[codes]


def _as_target(column, *, as_classes):
    """A column as a possible target, or None where it cannot be one."""
    if as_classes:
        codes, levels = pd.factorize(column)
        return codes.astype(np.int64) if 2 <= len(levels) <= len(codes) // 4 else None
    numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    if len(finite) < 16 or len(np.unique(finite)) < 3:
        return None
    return numbers
