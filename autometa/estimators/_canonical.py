"""The canonical form of a table: what fitting sees instead of rows in some order."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Odd, so that multiplying by it loses nothing: the order of the columns counts.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

#: Whole numbers above this are no counts of rows.
MAX_COUNT = 1e6


@dataclass(frozen=True)
class CanonicalRows:
    """Distinct rows with weights, in an order that their content decides.

    Whatever is computed from these alone cannot tell a row of weight 2 from two rows, a row of
    weight 0 from no row, or one order of the rows from another.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
        Above 0. Sums to ``n_rows`` at least: weights that sum to less are scaled up.
    groups : ndarray of shape (n_rows,) or None
        Codes; rows of different groups are never merged.
    row_of : ndarray of shape (n_given,)
        The canonical row that each row given became part of; -1 where that was left out.
    given_weight : ndarray of shape (n_given,)
        What each row given adds to the weight of its canonical row.
    hashes : ndarray of uint64 of shape (n_rows,)
        One a row, ascending.
    """

    X: pd.DataFrame
    y: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None
    row_of: np.ndarray
    given_weight: np.ndarray
    hashes: np.ndarray

    @classmethod
    def of(cls, X, y, weight, groups=None):
        """Merge identical rows and order what is left.

        Parameters
        ----------
        X : DataFrame of shape (n_given, n_features)
            A plain frame, see :func:`autometa.tasks.as_frame`.
        y : ndarray of shape (n_given,)
            Numbers.
        weight : ndarray of shape (n_given,)
            Above 0.
        groups : Series of shape (n_given,), optional

        Examples
        --------
        >>> X = pd.DataFrame({"size": [3.0, 1.0, 3.0]})
        >>> rows = CanonicalRows.of(X, np.array([0, 1, 0]), np.ones(3))
        >>> rows.X.assign(y=rows.y, weight=rows.weight).sort_values("size").to_numpy().tolist()
        [[1.0, 1.0, 1.0], [3.0, 0.0, 2.0]]
        """
        hashes = np.zeros(len(X), dtype=np.uint64)
        for column in [*(column for _, column in X.items()), pd.Series(y)]:
            hashes = hashes * _FACTOR + _cell_hashes(column)
        if groups is not None:
            of_groups = _group_hashes(groups)
            hashes = hashes * _FACTOR + of_groups
        # Equal rows in order of their weights, so that their sum does not depend on the order given
        order = np.lexsort((weight, hashes))
        is_first = np.append(True, np.diff(hashes[order]) != 0)
        first = order[is_first]
        merged = np.add.reduceat(weight[order], np.flatnonzero(is_first))
        scale = max(1.0, len(first) / merged.sum())
        row_of = np.empty(len(X), dtype=np.intp)
        row_of[order] = np.cumsum(is_first) - 1
        codes = None
        if groups is not None:
            codes = np.unique(of_groups[first], return_inverse=True)[1]
        return cls(
            X.iloc[first].reset_index(drop=True),
            y[first],
            merged * scale,
            codes,
            row_of,
            weight * scale,
            hashes[first],
        )

    @property
    def counts(self):
        """How many equal rows each row stands for; an int array of shape (n_rows,).

        Weights are counts where all of them are whole numbers, divided by what they have in
        common; other weights tell how much a row matters, and every row stands for itself.
        """
        if (self.given_weight % 1).any() or self.given_weight.max() > MAX_COUNT:
            return np.ones(len(self.weight), dtype=np.intp)
        counts = self.weight.astype(np.intp)
        return counts // np.gcd.reduce(counts)

    def draw(self, n_rows, *, of_each=True):
        """Keep so many rows, as random as their hashes.

        Parameters
        ----------
        n_rows : int
        of_each : bool
            Also keep a row of each value of ``y``; and one of a second group in any case, so that
            there is something to validate on.
        """
        is_kept = np.arange(len(self.y)) < n_rows
        if of_each:
            is_kept[np.unique(self.y, return_index=True)[1]] = True
        if self.groups is not None:
            is_kept[np.sort(np.unique(self.groups, return_index=True)[1])[:2]] = True
        kept = np.flatnonzero(is_kept)
        place = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
        return dataclasses.replace(
            self,
            X=self.X.iloc[kept].reset_index(drop=True),
            y=self.y[kept],
            weight=self.weight[kept],
            groups=None if self.groups is None else self.groups[kept],
            row_of=place[self.row_of],
            hashes=self.hashes[kept],
        )

    def weights_of(self, given):
        """Sum the weights of some rows given, as an array of shape (n_rows,)."""
        given = given[self.row_of[given] >= 0]
        return np.bincount(
            self.row_of[given], weights=self.given_weight[given], minlength=len(self.weight)
        )


def _cell_hashes(column):
    """Hash the cells of one column: equal for equal content, however it is typed."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _hash_numbers(column.to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return pd.util.hash_array(column.to_numpy(dtype="datetime64[us]").view(np.int64))
    if isinstance(dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy(), dtype.categories
    else:
        codes, levels = pd.factorize(column)
    levels = [*levels.tolist(), np.nan]  # code -1 takes the last
    hashes = pd.util.hash_array(np.array([str(v) for v in levels], dtype=object), categorize=False)
    numbers = [i for i, v in enumerate(levels) if isinstance(v, (bool, int, float, np.number))]
    hashes[numbers] = _hash_numbers([levels[i] for i in numbers])
    return hashes[codes]


def _group_hashes(groups):
    """Hash groups as cells, but whole numbers that float64 would merge as text."""
    codes, labels = pd.factorize(groups)
    exact = [str(v) if isinstance(v, int) and abs(v) > 2**53 else v for v in labels.tolist()]
    return _cell_hashes(pd.Series(exact))[codes]


def _hash_numbers(values):
    values = np.asarray(values, dtype=np.float64) + 0.0  # no negative zero
    return pd.util.hash_array(np.where(np.isnan(values), np.nan, values))
