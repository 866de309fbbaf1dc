"""How far a new task lies from everything known, by its meta-features."""

import numpy as np
from scipy.spatial.distance import cdist

_N_NEAREST = 3
_USUAL = 0.95  # quantile of the known tasks' own distances that counts as 1
_FAMILIAR, _FOREIGN = 1.25, 2.0  # scores between which proposals fade to the portfolio
_MAX_BEYOND = 3.0


class TaskDistances:
    """Distances of new tasks to the nearest known ones, relative to those among the known.

    Parameters
    ----------
    values : ndarray of shape (n_tasks, n_metafeatures)
        NaN where unknown.
    scale : callable
        Brings such values to one scale; what lies beyond all known values may stay at the edge,
        since the excess is added here.
    """

    def __init__(self, values, scale):
        self._scale = scale
        known = np.where(np.isfinite(values), values, np.nan)
        is_known = ~np.isnan(known)
        self._low = np.where(is_known, known, np.inf).min(axis=0)
        self._high = np.where(is_known, known, -np.inf).max(axis=0)
        size = np.maximum(np.abs(self._low), np.abs(self._high))
        # A value that never varied, but for rounding, gives no unit to measure others by.
        self._varies = self._high - self._low > 1e-9 * size
        middle = np.where(is_known, known, 0.0).sum(axis=0) / np.maximum(is_known.sum(axis=0), 1)
        away = np.where(is_known, known - middle, 0.0)
        self._unit = np.sqrt((away**2).sum(axis=0) / np.maximum(is_known.sum(axis=0), 1))
        self._points = self._place(values)
        apart = cdist(self._points, self._points)
        np.fill_diagonal(apart, np.inf)
        self._usual = max(float(np.quantile(_mean_nearest(apart), _USUAL)), 1e-9)

    def score(self, values):
        """Score one task: about 1 or less among the known tasks, 2 and more far from all.

        Parameters
        ----------
        values : ndarray of shape (n_metafeatures,)

        Returns
        -------
        float
            Mean distance to the three nearest known tasks, in units of what only one known task in
            twenty exceeds.
        """
        apart = cdist(self._place(values[None]), self._points)
        return float(_mean_nearest(apart)[0]) / self._usual

    def _place(self, values):
        with np.errstate(invalid="ignore"):
            beyond = np.maximum(values - self._high, 0.0) - np.maximum(self._low - values, 0.0)
        beyond = np.where(np.isfinite(beyond), beyond, 0.0)
        # A value that hardly varied says little: its own size is the unit then.
        unit = np.maximum(self._unit, 1e-3 * np.maximum(np.abs(self._high), 1e-9))
        excess = np.log1p(np.abs(beyond) / np.where(np.isfinite(unit), unit, 1.0))
        placed = self._scale(values) + np.sign(beyond) * np.minimum(excess, _MAX_BEYOND)
        return np.where(self._varies, placed, 0.0)


def familiarity(score):
    """Turn an out-of-distribution score into how far the known tasks count: 1 to 0.

    Examples
    --------
    >>> familiarity(0.8), familiarity(1.625), familiarity(7.0), familiarity(float("nan"))
    (1.0, 0.5, 0.0, 1.0)
    """
    if np.isnan(score):
        return 1.0
    return float(np.clip((_FOREIGN - score) / (_FOREIGN - _FAMILIAR), 0.0, 1.0))


def _mean_nearest(apart):
    nearest = np.sort(apart, axis=1)[:, :_N_NEAREST]
    return np.where(np.isfinite(nearest), nearest, 0.0).mean(axis=1)
