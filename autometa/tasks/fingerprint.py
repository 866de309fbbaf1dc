"""Recognise a table, or a good part of it, by hashes of its rows.

Sketches are the smallest hashes of a set (Cohen and Kaplan, "Summarizing data using bottom-k
sketches", 2007), here with the number of rows behind each: where rows repeat so often that tables
of different origin have rows in common, how often each occurs tells them apart.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.tasks._task import Task
from autometa.tasks.frame import as_frame, as_target

# Chosen over a corpus of 413 tables: see ``python -m benchmarks fingerprint``.
SKETCH_SIZE = 64
MIN_SHARE = 0.5  # of the rows compared, to call two tables the same data
_MIN_SHARED_ROWS = 5  # distinct ones; fewer prove nothing
_MAX_DISAGREEMENT = 1.5  # in how often shared rows occur; 0.5 at most for halves of one table

# Odd constants of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
# generators", 2014), whose finaliser spreads every input bit over all 64.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

# Keys of cells that are no finite number; a number's key is below 2**40 in size.
_MISSING, _PLUS_INF, _MINUS_INF = (np.int64(2**62 + i) for i in range(3))
_MISSING_TEXTS = frozenset(("", "?", "na", "n/a", "nan", "none", "null", "<na>", "nat"))
_BOOLEAN_TEXTS = {"false": "0", "true": "1"}


def row_hashes(X, y=None) -> np.ndarray:
    """Hash every row; neither the order of the columns nor their names or types matter.

    Numbers count to 6 significant digits (of their float32 value), booleans as 0 and 1, text and
    categories by their text without case, outer blanks and quotes, text that reads as a number as
    that number; missing values are all alike.

    Parameters
    ----------
    X : table of shape (n_rows, n_features)
    y : target of shape (n_rows,), optional
        One more column.

    Returns
    -------
    uint64 array of shape (n_rows,)

    Examples
    --------
    >>> one = row_hashes(pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    >>> other = row_hashes(pd.DataFrame({"b": ["X", "?"], "c": [1.0000001, 2.0]}))
    >>> bool((one == other).all())
    True
    """
    columns = [column for _, column in as_frame(X).items()]
    if y is not None:
        columns.append(as_target(y))
    return _mix(_sum_of_cells(columns))


@dataclass(frozen=True, eq=False)
class RowSketch:
    """The smallest distinct row hashes of a table, ascending, and how many rows have each."""

    hashes: np.ndarray
    counts: np.ndarray
    n_distinct: int

    @classmethod
    def of(cls, hashes: np.ndarray, k: int | None) -> "RowSketch":
        distinct, counts = np.unique(hashes, return_counts=True)
        return cls(distinct[:k], counts[:k], len(distinct))

    @property
    def limit(self) -> np.uint64:
        """Up to here every hash of the table is in the sketch."""
        is_complete = len(self.hashes) == self.n_distinct
        return np.uint64(2**64 - 1) if is_complete else self.hashes[-1]

    def up_to(self, limit: np.uint64) -> tuple[np.ndarray, np.ndarray]:
        n = np.searchsorted(self.hashes, limit, side="right")
        return self.hashes[:n], self.counts[:n]

    def shared(self, other: "RowSketch") -> float:
        """The share of distinct rows that the smaller side has in common with the other.

        1 for any part of a table against the whole. 0 where too few rows are shared, or where they
        occur too differently often for two samples of one table.
        """
        limit = min(self.limit, other.limit)
        a, a_counts = self.up_to(limit)
        b, b_counts = other.up_to(limit)
        common, in_a, in_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        if len(common) < _MIN_SHARED_ROWS:
            return 0.0
        if _disagreement(a_counts, b_counts, in_a, in_b) > _MAX_DISAGREEMENT:
            return 0.0
        return len(common) / min(len(a), len(b))

    def to_dict(self) -> dict:
        data = base64.b64encode(self.hashes.astype("<u8").tobytes()).decode("ascii")
        counts = self.counts.tolist() if (self.counts > 1).any() else None
        return {"hashes": data, "counts": counts, "n_distinct": self.n_distinct}

    @classmethod
    def from_dict(cls, data: Mapping) -> "RowSketch":
        hashes = np.frombuffer(base64.b64decode(data["hashes"], validate=True), "<u8")
        hashes = hashes.astype(np.uint64)
        counts = data["counts"]
        counts = np.ones(len(hashes), int) if counts is None else np.asarray(counts, dtype=int)
        if len(counts) != len(hashes) or len(hashes) == 0:
            raise ValueError(f"{len(hashes)} hashes with {len(counts)} counts")
        return cls(hashes, counts, int(data["n_distinct"]))


def _disagreement(a_counts, b_counts, in_a, in_b) -> float:
    """Chi-square of two samples' row frequencies per distinct row: about 1 or less if alike."""
    n_a, n_b = a_counts.sum(), b_counts.sum()
    a, b = a_counts[in_a], b_counts[in_b]
    ratio = np.sqrt(n_b / n_a)
    chi_square = np.sum((ratio * a - b / ratio) ** 2 / (a + b))
    chi_square += (n_a - a.sum()) * ratio**2 + (n_b - b.sum()) / ratio**2  # rows of one side only
    return float(chi_square / (len(a_counts) + len(b_counts) - len(in_a)))


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a table to recognise it; :func:`fingerprint` makes one.

    Attributes
    ----------
    n_rows, n_columns : int
        Columns are counted without the target.
    rows : RowSketch
        Rows with their target.
    features : RowSketch
        Rows without their target, so that another target or another code of it hides nothing.
    """

    n_rows: int
    n_columns: int
    rows: RowSketch
    features: RowSketch

    def match(self, X, y=None) -> float:
        """The share of the rows compared that this table and another have in common.

        Parameters
        ----------
        X : Fingerprint or table
        y : target, optional
            For a table.

        Returns
        -------
        float in [0, 1]
            1 where one table is a part of the other, be it shuffled or its columns permuted; 0
            where nothing is known to be shared. From ``MIN_SHARE`` on it is the same data.
        """
        other = X if isinstance(X, Fingerprint) else fingerprint(X, y, k=None)
        return max(self.rows.shared(other.rows), self.features.shared(other.features))

    def to_dict(self) -> dict:
        """Everything in values that JSON can hold."""
        sketches = {"rows": self.rows.to_dict(), "features": self.features.to_dict()}
        return {"n_rows": self.n_rows, "n_columns": self.n_columns, **sketches}

    @classmethod
    def from_dict(cls, data: Mapping) -> "Fingerprint":
        """Undo :meth:`to_dict`."""
        try:
            sketches = [RowSketch.from_dict(data[view]) for view in ("rows", "features")]
            return cls(int(data["n_rows"]), int(data["n_columns"]), *sketches)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"A stored fingerprint is unreadable ({type(error).__name__}: {error}). "
                "Fetch or build the artefact again."
            ) from error


def fingerprint(X, y=None, *, k: int | None = SKETCH_SIZE) -> Fingerprint:
    """Sketch a table, so that it, or any half of its rows, is recognised later.

    Not recognised are tables with columns dropped, added, scaled, imputed or re-encoded (as codes,
    one-hot): every row changes with a cell. A re-encoded or exchanged *target* alone hides
    nothing unless the features take few values. Also not recognised are small parts of a large
    table (below about ``10 / k`` of its rows), parts with fewer than 5 distinct rows, and parts
    of a table of few distinct rows with these duplicates removed.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
    y : target of shape (n_rows,), optional
    k : int or None, default=64
        Number of row hashes kept; None keeps all.

    Examples
    --------
    >>> X = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100.0) ** 2})
    >>> known = fingerprint(X, X["a"] > 50)
    >>> half = X.sample(frac=0.5, random_state=0)[["b", "a"]]
    >>> known.match(half, half["a"] > 50)
    1.0
    >>> known.match(half + 1, half["a"] > 50)
    0.0
    """
    if k is not None and k < _MIN_SHARED_ROWS:
        raise InvalidInputError(f"k must be >= {_MIN_SHARED_ROWS}, got {k}. The default is 64.")
    X = as_frame(X)
    if X.empty:
        raise InvalidInputError(f"An empty table (shape {X.shape}) has no fingerprint.")
    total = _sum_of_cells([column for _, column in X.items()])
    features = rows = RowSketch.of(_mix(total), k)
    if y is not None:
        y = as_target(y)
        if len(y) != len(X):
            raise InvalidInputError(f"X has {len(X)} rows, y has {len(y)} labels.")
        rows = RowSketch.of(_mix(total + _cell_hashes(y)), k)
    return Fingerprint(*X.shape, rows, features)


class KnownTasks:
    """Fingerprints by name, searched all at once.

    Parameters
    ----------
    fingerprints : mapping of str to Fingerprint

    Examples
    --------
    >>> X = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100.0) ** 2})
    >>> known = KnownTasks({"squares": fingerprint(X), "cubes": fingerprint(X**3)})
    >>> known.find(X[::2])
    ['squares']
    """

    def __init__(self, fingerprints: Mapping[str, Fingerprint]):
        self.fingerprints = dict(fingerprints)
        prints = list(self.fingerprints.values())
        self._views = {
            "rows": _Index([known.rows.hashes for known in prints]),
            "features": _Index([known.features.hashes for known in prints]),
        }

    @classmethod
    def from_tasks(cls, tasks: Iterable[Task]) -> "KnownTasks":
        """Sketch every task, under its name."""
        return cls({task.name: fingerprint(task.X, task.y) for task in tasks})

    def __len__(self) -> int:
        return len(self.fingerprints)

    def find(self, X, y=None) -> list[str]:
        """Names of the known tasks that a table is, or is a part of; the surest first.

        Time goes into hashing the table's rows; hundreds of tasks add a few milliseconds.
        """
        query = X if isinstance(X, Fingerprint) else fingerprint(X, y, k=None)
        is_candidate = np.zeros(len(self), dtype=bool)
        for view, index in self._views.items():
            is_candidate |= index.n_found(getattr(query, view).hashes) >= _MIN_SHARED_ROWS
        names = list(self.fingerprints)
        names = [names[i] for i in np.flatnonzero(is_candidate)]
        shares = {name: self.fingerprints[name].match(query) for name in names}
        return sorted((n for n in names if shares[n] >= MIN_SHARE), key=lambda n: -shares[n])

    def to_dict(self) -> dict:
        """Everything in values that JSON can hold."""
        return {name: known.to_dict() for name, known in self.fingerprints.items()}

    @classmethod
    def from_dict(cls, data: Mapping) -> "KnownTasks":
        """Undo :meth:`to_dict`."""
        return cls({name: Fingerprint.from_dict(known) for name, known in data.items()})


class _Index:
    """The hashes of many sketches in one array."""

    def __init__(self, sketches: list[np.ndarray]):
        self.n_sketches = len(sketches)
        self.hashes = np.concatenate([np.empty(0, np.uint64), *sketches])
        self.owners = np.repeat(np.arange(self.n_sketches), [len(hashes) for hashes in sketches])

    def n_found(self, hashes: np.ndarray) -> np.ndarray:
        """How many hashes of each sketch are among ``hashes``, which ascend."""
        places = np.minimum(np.searchsorted(hashes, self.hashes), len(hashes) - 1)
        return np.bincount(self.owners[hashes[places] == self.hashes], minlength=self.n_sketches)


def _sum_of_cells(columns) -> np.ndarray:
    """Sum the mixed keys of a row's cells: addition forgets the order of the columns."""
    total = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        total += _cell_hashes(column)
    return total


def _cell_hashes(column: pd.Series) -> np.ndarray:
    """Hash every cell of one plain column."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _mix(_number_keys(column.to_numpy()))
    if isinstance(dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy(), dtype.categories
    else:
        codes, levels = pd.factorize(column)
    # The last entry serves code -1, which is a missing value.
    return _mix(np.append(_level_keys(levels), _MISSING))[codes]


def _level_keys(levels) -> np.ndarray:
    """Keys of the distinct values of a column that is not plainly numeric."""
    levels = np.asarray(levels)
    if levels.dtype.kind in "biuf":
        return _number_keys(levels)
    if levels.dtype.kind == "M":
        levels = [text.replace("T", " ") for text in np.datetime_as_string(levels, unit="s")]
    texts = [str(level).strip(" \t\r\n'\"").casefold() for level in levels]
    texts = [_BOOLEAN_TEXTS.get(text, text.removesuffix(" 00:00:00")) for text in texts]
    keys = np.array([_text_key(text) for text in texts], dtype=np.int64)
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=float)
    is_number = ~np.isnan(numbers)
    keys[is_number] = _number_keys(numbers[is_number])
    return keys


def _text_key(text: str) -> int:
    if text in _MISSING_TEXTS:
        return int(_MISSING)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # Negative: apart from the keys of numbers by their size, and of missing values by their sign.
    return int.from_bytes(digest, "little", signed=True) | -(2**63)


def _decimal_scales() -> tuple[np.ndarray, np.ndarray]:
    exponents = np.arange(256) - 127
    decimals = np.floor(exponents * np.log10(2.0)).astype(np.int64)
    scales = 10.0 ** (5 - decimals)
    scales[0] = 0.0  # zero and what float32 holds only as a subnormal number
    decimals[0] = 0
    return scales, decimals


_SCALES, _DECIMALS = _decimal_scales()


def _number_keys(values: np.ndarray) -> np.ndarray:
    """Keys of numbers, equal where 6 significant digits are."""
    with np.errstate(over="ignore", invalid="ignore"):
        # By way of float32, so that a table and its float32 copy agree in every digit.
        values = values.astype(np.float64).astype(np.float32)
        binary = (values.view(np.uint32) >> np.uint32(23)) & np.uint32(0xFF)
        scaled = values * _SCALES[binary]  # from 100,000 to below 2,000,000
        is_longer = np.abs(scaled) >= 999_999.5
        digits = np.rint(np.where(is_longer, scaled * 0.1, scaled)).astype(np.int64)
    keys = digits * 512 + (_DECIMALS[binary] + is_longer)
    if (binary == 255).any():
        keys[np.isnan(values)] = _MISSING
        keys[values == np.inf] = _PLUS_INF
        keys[values == -np.inf] = _MINUS_INF
    return keys


def _mix(keys: np.ndarray) -> np.ndarray:
    """Spread 64-bit keys evenly over all of uint64; one to one."""
    x = keys.view(np.uint64) + _GAMMA
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))
