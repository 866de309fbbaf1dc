"""What known tasks leave open once they are predicted, and what that lets expect of a new one."""

from typing import NamedTuple

import numpy as np

from autometa.proposers._covariance import blend_covariance

_LOCAL = 0.25  # of the covariance: that of residuals of tasks near the new one
_MOST_SIGNAL = 10.0  # times the median spread; beyond it a task counts no more, below 1/10 no less
_RIDGE = 1e-3


class Expectation(NamedTuple):
    """A Gaussian over the merits of a new task, given its best score and its scores' spread.

    Attributes
    ----------
    mean : ndarray of shape (n_configs,)
        Where best and spread are as expected.
    covariance : ndarray of shape (n_configs, n_configs)
        Once best and spread are known.
    slopes : ndarray of shape (n_configs, 2)
        How the mean moves with the best score and with the logarithm of the spread.
    scale_covariance : ndarray of shape (2, 2)
        Of best and log spread.
    """

    mean: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    scale_covariance: np.ndarray


class TaskResiduals:
    """Merits, best scores and spreads of known tasks, apart from what other tasks foretell.

    All are Gaussian together: a task on which little can be reached has other configurations at its
    top than an easy one, and told scores give away which of the two a new task is. What best and
    spread explain of the merits is their regression on both; the rest is shrunk to the kernel.

    Where scores lie close together, noise orders configurations. Tasks count by the root of their
    spread.

    Parameters
    ----------
    table : ScoreTable
    crossed : ndarray of shape (n_tasks, n_tasks)
        Weights of the other tasks in the prediction of each.
    prior : ndarray of shape (n_configs, n_configs)
        The kernel's covariance.
    rng : numpy.random.Generator

    Attributes
    ----------
    kernel_share : float
    """

    def __init__(self, table, crossed, prior, *, rng):
        self._merit, self._signal = table.merit, table.signal
        scales = np.column_stack([table.best, np.log(table.spread)])
        self._tells = table.tells
        root = np.sqrt(self._signal * table.tells)[:, None]
        self._merits = root * (table.merit - weighted(crossed, self._signal) @ table.merit)
        self._scales = root * (scales - crossed @ scales)
        self._covariance, self.kernel_share = blend_covariance(
            self._merits[table.tells], table.uncertainty, prior, rng=rng
        )

    def expect(self, weights, near, trust, *, with_scale=True):
        """Tell what to expect of a new task.

        Parameters
        ----------
        weights : ndarray of shape (n_tasks,)
            Of the known tasks, in its mean.
        near : ndarray of shape (n_tasks,)
            The same by likeness alone: what tasks leave open differs, and those that resemble the
            new one tell more of it.
        trust : float
            In ``near``.
        with_scale : bool, default=True
            Whether best and spread will be known.

        Returns
        -------
        Expectation
        """
        mean = weighted(weights, self._signal) @ self._merit
        merits, scales, local = self._merits, self._scales, _LOCAL * trust
        n_tasks, near = self._tells.sum(), weighted(near, self._tells)
        covariance = self._covariance
        if local > 0:
            covariance = (1 - local) * covariance + local * ((merits.T * near) @ merits)
        if not with_scale:
            return Expectation(mean, covariance, np.zeros((len(mean), 2)), np.eye(2))
        # The kernel knows nothing of scales: its share of the covariance with them is 0.
        shares = (1 - local) / n_tasks + local * near
        known = (1 - local) * (1 - self.kernel_share) / n_tasks + local * near
        across = (merits.T * known) @ scales
        own = (scales.T * shares) @ scales
        own[np.diag_indices(2)] += _RIDGE * np.diag(own) + 1e-12
        slopes = np.linalg.solve(own, across.T).T
        return Expectation(mean, covariance - slopes @ across.T, slopes, own)


def task_signal(spread):
    """Tell how much each task's merits count, by how far its scores are spread.

    Where they are all equal, and ``spread`` is NaN, that is least.

    Examples
    --------
    >>> task_signal(np.array([0.1, 0.4, 0.1, 0.1])).tolist()
    [1.0, 2.0, 1.0, 1.0]
    """
    is_known = np.isfinite(spread)
    if not is_known.any():
        return np.ones(len(spread))
    share = np.where(is_known, spread, 0.0) / np.median(spread[is_known])
    return np.sqrt(np.clip(share, 1 / _MOST_SIGNAL, _MOST_SIGNAL))


def weighted(weights, signal):
    """Multiply weights of tasks by their signal; each row adds up to 1 again, or stays 0."""
    counted = weights * signal
    return counted / np.maximum(counted.sum(axis=-1, keepdims=True), 1e-12)
