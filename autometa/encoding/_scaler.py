"""Numbers of any scale become normal scores, standardised values and missing flags."""

import itertools

import numpy as np
from scipy.special import ndtr, ndtri

MAX_SCORE = 3.0
# Infinities take these places in the order; their difference is still a finite number.
HUGE = np.finfo(np.float64).max / 4
# Finite values are cut here before they are standardised, so that no square overflows.
LARGE = 1e150
# Long columns keep the knots next to these ranks: even in rank for the bulk, in score for tails.
KNOT_RANKS = np.union1d(np.linspace(0, 1, 500), ndtr(np.linspace(-3.3, 3.3, 500)))
CELLS_AT_ONCE = 2**20


class ColumnScaler:
    """Scale every column by its own ranks and by its median and quartiles.

    Per column it keeps at most about 1,000 knots of the weighted mid-rank distribution
    ``u(v) = (W(< v) + W(= v) / 2) / W``, where ``W`` sums the weights of the rows with a value. A
    row of weight 2 is the same as two rows, a row of weight 0 the same as none.
    Nothing is validated: this runs once an episode in meta-training.

    Attributes
    ----------
    knot_values, knot_scores : ndarray of shape (n_knots,)
        The knots of all columns, one column after the other, ascending.
    knot_starts : ndarray of shape (n_columns + 1,)
        Where the knots of each column start, and the end.
    center, scale : ndarray of shape (n_columns,)
        Weighted median and interquartile range / 1.349 (1 where a column has one value). Both come
        from interpolated mid-ranks, so the range is above 0 as soon as two values differ.
    low, high : ndarray of shape (n_columns,)
        The smallest and largest finite value, which stand in for infinities.

    Examples
    --------
    >>> values = np.array([[1.0], [2.0], [3.0], [np.nan]])
    >>> ColumnScaler().fit(values).transform(values)[:, 0].round(2).tolist()
    [[-0.97, -0.86, 0.0], [0.0, 0.0, 0.0], [0.97, 0.86, 0.0], [0.0, 0.0, 1.0]]
    """

    STATE = ("knot_values", "knot_scores", "knot_starts", "center", "scale", "low", "high")

    def fit(self, values, sample_weight=None):
        """Learn knots, medians and ranges.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns)
            NaN means missing; infinities are the extremes.
        sample_weight : ndarray of shape (n_rows,), optional
            At least 0.
        """
        values = np.asarray(values, dtype=np.float64)
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, dtype=np.float64)
            if not sample_weight.all():
                values = values[sample_weight > 0]
                sample_weight = sample_weight[sample_weight > 0]
        n_rows, n_columns = values.shape
        width = max(1, CELLS_AT_ONCE // max(n_rows, 1))
        knots = []
        self.center, self.low, self.high = np.zeros((3, n_columns))
        self.scale = np.ones(n_columns)
        for start in range(0, n_columns, width):
            block = values[:, start : start + width]
            for j, (knot_values, ranks) in enumerate(_mid_ranks(block, sample_weight), start):
                self._fit_standard(j, knot_values, ranks)
                if len(ranks) > len(KNOT_RANKS):
                    kept = np.searchsorted(ranks, KNOT_RANKS)
                    kept = np.unique(np.append(kept.clip(max=len(ranks) - 1), 0))
                    knot_values, ranks = knot_values[kept], ranks[kept]
                knots.append((knot_values, ranks))
        self.knot_starts = np.cumsum([0] + [len(ranks) for _, ranks in knots])
        self.knot_values = np.concatenate([v for v, _ in knots] or [np.zeros(0)])
        ranks = np.concatenate([r for _, r in knots] or [np.zeros(0)])
        self.knot_scores = ndtri(ranks).clip(-MAX_SCORE, MAX_SCORE)
        return self

    def _fit_standard(self, j, knot_values, ranks):
        is_finite = np.abs(knot_values) < HUGE
        if not is_finite.any():
            return
        finite = knot_values[is_finite]
        self.low[j], self.high[j] = finite[0], finite[-1]
        replaced = knot_values.clip(finite[0], finite[-1]).clip(-LARGE, LARGE)
        lower, self.center[j], upper = np.interp((0.25, 0.5, 0.75), ranks, replaced)
        self.scale[j] = (upper - lower) / 1.349 or 1.0

    def transform(self, values, out=None):
        """Give three channels a cell; each row's numbers depend on that row alone.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns)
        out : ndarray of shape (n_rows, n_columns, 3), optional
            Where to write.

        Returns
        -------
        ndarray of shape (n_rows, n_columns, 3)
            The normal score in [-3, 3]; the standardised value z as ``z / sqrt(1 + (z / 3) ** 2)``;
            1 where the value is missing and else 0. The first two are 0 where it is missing.
        """
        values = np.asarray(values, dtype=np.float64)
        if out is None:
            out = np.empty((*values.shape, 3))
        is_missing = np.isnan(values)
        out[..., 2] = is_missing
        for j, (start, end) in enumerate(itertools.pairwise(self.knot_starts.tolist())):
            if start == end:
                out[:, j, 0] = 0.0
                continue
            knots = self.knot_values[start:end]
            placed = values[:, j].clip(-HUGE, HUGE)
            out[:, j, 0] = np.interp(placed, knots, self.knot_scores[start:end])
        standard = np.where(np.isinf(values), values.clip(self.low, self.high), values)
        np.clip(standard, -LARGE, LARGE, out=standard)
        standard -= self.center
        with np.errstate(over="ignore"):
            standard /= self.scale
        np.clip(standard, -1e6, 1e6, out=standard)
        out[..., 1] = standard / np.sqrt(1 + (standard / 3) ** 2)
        out[is_missing, :2] = 0.0
        return out

    def to_state(self):
        """Give everything learned as a dictionary of arrays."""
        return {name: getattr(self, name) for name in self.STATE}

    @classmethod
    def from_state(cls, arrays):
        """Restore what `to_state` gave."""
        scaler = cls()
        for name in cls.STATE:
            setattr(scaler, name, np.asarray(arrays[name]))
        return scaler


def _mid_ranks(values, sample_weight):
    """Yield each column's distinct values, ascending, and their weighted mid-ranks in (0, 1)."""
    n_rows, n_columns = values.shape
    if not n_rows:
        yield from [(np.zeros(0), np.zeros(0))] * n_columns
        return
    columns = np.ascontiguousarray(values.T).clip(-HUGE, HUGE)
    weight_before = np.zeros((n_columns, n_rows + 1))
    if sample_weight is None:
        columns.sort(axis=1)
        weight_before[:] = np.arange(n_rows + 1)
    else:
        order = np.argsort(columns, axis=1, kind="stable")
        columns = np.take_along_axis(columns, order, axis=1)
        np.cumsum(sample_weight[order], axis=1, out=weight_before[:, 1:])
    is_present = ~np.isnan(columns)  # the missing ones were sorted to the end
    n_present = is_present.sum(axis=1)
    is_first = is_present.copy()
    is_first[:, 1:] &= columns[:, 1:] != columns[:, :-1]
    for column, before, n, first in zip(columns, weight_before, n_present, is_first, strict=True):
        starts = np.flatnonzero(first)
        edges = np.append(before[starts], before[n])
        yield column[starts], (edges[:-1] + edges[1:]) / (2 * edges[-1])
