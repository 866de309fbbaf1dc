"""Calibration: one temperature for the probabilities of what predicts."""

import numpy as np
from scipy.special import softmax

TINY = 1e-15
#: Standard deviation of the logarithm of the temperature, as believed before rows are held out:
#: few rows leave it near 1. Of fewer than so many it falls with their square root, for the members
#: were chosen by the same rows. Both chosen on the meta-development families.
SPREAD, FULL_ROWS = 0.15, 1_000
#: Logarithms of the temperature that are looked at.
FARTHEST = 1.5


def temper(probabilities, temperature):
    """Divide the logarithms of probabilities by a temperature; rows add up to 1 again.

    Parameters
    ----------
    probabilities : ndarray of shape (..., n_classes)
    temperature : float

    Examples
    --------
    >>> temper(np.array([[0.75, 0.25]]), 0.5).tolist()
    [[0.9, 0.1]]
    """
    if temperature == 1.0:
        return probabilities
    return softmax(np.log(np.maximum(probabilities, TINY)) / temperature, axis=-1)


def choose_temperature(probabilities, y, weight):
    """Choose the temperature of least log-loss, shrunk towards 1.

    A mean of models is less certain than it could be, the more its members differ, and so is
    boosting that had no time to end.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        For rows held out.
    y : ndarray of int of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
        A row of weight 2 tells as much as two rows.

    Returns
    -------
    float

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017.

    Examples
    --------
    >>> unsure = np.tile([0.6, 0.4], (1_000, 1))
    >>> choose_temperature(unsure, np.repeat([0, 1], [900, 100]), np.ones(1_000)) < 0.5
    True
    >>> choose_temperature(unsure[:2], np.array([0, 0]), np.ones(2)) > 0.95
    True
    """
    return _choose(probabilities, y, weight)[0]


def least_loss(probabilities, y, weight):
    """The sum of log-losses at the temperature that :func:`choose_temperature` chooses."""
    return _choose(probabilities, y, weight)[1]


def log_loss(probabilities, y, weight):
    """The sum of log-losses of probabilities of shape (n_rows, n_classes)."""
    return float(-weight @ np.log(np.maximum(probabilities[np.arange(len(y)), y], TINY)))


def _choose(probabilities, y, weight):
    from scipy.optimize import minimize_scalar

    spread = SPREAD * min(1.0, weight.sum() / FULL_ROWS) ** 0.5

    def loss(log_temperature):
        misfit = log_loss(temper(probabilities, np.exp(log_temperature)), y, weight)
        return misfit + 0.5 * (log_temperature / spread) ** 2

    found = minimize_scalar(loss, bounds=(-FARTHEST, FARTHEST), method="bounded")
    if found.fun < loss(0.0):
        return float(np.exp(found.x)), float(found.fun)
    return 1.0, loss(0.0)
