"""Scores of a task on a scale that tasks share, and back."""

import numpy as np

# -log(regret + SOFT): differences near the best count most, crashes hardly more than failures.
SOFT = 0.3
_WORST = 2.0  # normalised regret beyond this is all the same
_MOST_SPREAD = 10.0  # times the distance of the median: where many crash, they are no measure


def task_scale(scores):
    """Find the best score of a task, and how far below it the poor ones lie.

    Parameters
    ----------
    scores : ndarray of shape (n_configs,)
        NaN where unknown or failed.

    Returns
    -------
    best, spread : float
        ``spread`` > 0; the distance to the 5 % quantile, but at most ten times that to the
        median: robust against crashes. NaN where all scores are equal: then they tell nothing.

    Examples
    --------
    >>> task_scale(np.array([0.5, 0.7, np.nan, 0.9]))
    (0.9, 0.38)
    >>> task_scale(np.array([-1e5, -2e4, 0.7, 0.8, 0.9]))
    (0.9, 2.0)
    """
    known = scores[np.isfinite(scores)]
    if len(known) == 0:
        return 0.0, np.nan
    best = float(known.max())
    spread = _distance(best, np.quantile(known, 0.05)) or _distance(best, known.min())
    to_median = _distance(best, np.median(known))
    if to_median:
        spread = min(spread, _MOST_SPREAD * to_median)
    return best, spread or np.nan


def _distance(best, other):
    """How far ``best`` is above another score; 0 where that is rounding, whatever the unit."""
    distance = best - float(other)
    return distance if distance > 1e-9 * max(abs(best), abs(other)) else 0.0


def to_regret(scores, best, spread):
    """Normalise scores to 0 = best, 1 = poor; at most 2.

    Examples
    --------
    >>> to_regret(np.array([0.9, 0.7, -50.0]), 0.9, 0.4).tolist()
    [0.0, 0.5, 2.0]
    """
    return np.minimum((best - scores) / spread, _WORST)


def to_merit(regret):
    """Turn normalised regret into what is modelled: ``-log(regret + 0.3)``.

    Examples
    --------
    >>> to_merit(np.array([0.0, 1.0])).round(2).tolist()
    [1.2, -0.26]
    """
    return -np.log(np.maximum(regret, -0.9 * SOFT) + SOFT)


def to_regret_of_merit(merit):
    """Undo :func:`to_merit`."""
    return np.exp(-merit) - SOFT
