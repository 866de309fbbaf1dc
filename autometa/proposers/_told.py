"""Scores that a search was told, on the scale of merits, though its best and spread are unknown.

A new task's best reachable score and the spread of its scores are unknown as long as few were told.
Both are integrated over: a grid of quantiles of what training tasks have, each weighed by how well
the Gaussian over merits explains the scores told so far.
"""

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from autometa.proposers._normalise import SOFT, to_merit

_N_BEST, _N_SPREAD = 15, 9
_LEVEL = 0.02
_PLATEAU = 0.1
_FAR = 10.0  # spreads of the scores of a task


class ScalePrior:
    """What training tasks tell of a new task's best score and spread: a Gaussian of both.

    Parameters
    ----------
    best, spread : ndarray of shape (n_tasks,)
    weights : ndarray of shape (n_tasks,)
        Of the training tasks; they add up to 1.
    """

    def __init__(self, best, spread, weights):
        log_spread = np.log(spread)
        self.spread_mean, self.spread_sd = _moments(log_spread, weights)
        centred = log_spread - self.spread_mean
        best_mean, _ = _moments(best, weights)
        variance = weights @ centred**2
        slope = weights @ (centred * (best - best_mean)) / variance if variance > 1e-9 else 0.0
        away = best - best_mean - slope * centred
        _, best_sd = _moments(away, weights)
        self.best_mean, self.slope = best_mean, slope
        self.best_sd = 1.2 * best_sd + 0.02 * float(np.exp(self.spread_mean))
        self.spread_sd = 1.2 * self.spread_sd + 0.05

    def may_hold(self, scores):
        """Whether told scores may be in the units of the known ones: not all are far from them."""
        reach = self.best_sd + float(np.exp(self.spread_mean))
        return len(scores) < 2 or abs(scores.max() - self.best_mean) < _FAR * reach

    def grid(self, highest):
        """Lay points of equal prior weight, given that ``highest`` was reached.

        Returns
        -------
        best, spread, log_weight : ndarray of shape (n_points,)
        """
        middle = (np.arange(_N_SPREAD) + 0.5) / _N_SPREAD
        away = self.spread_sd * ndtri(middle)
        spread = np.exp(self.spread_mean + away)
        mean = self.best_mean + self.slope * away
        low = highest - 0.02 * spread  # what is told may lie a little above what is stored
        below = ndtr((low - mean) / self.best_sd)
        middle = (np.arange(_N_BEST) + 0.5) / _N_BEST
        share = below[:, None] + (1 - below[:, None]) * middle
        best = mean[:, None] + self.best_sd * ndtri(np.minimum(share, 1 - 1e-12))
        # Far above everything known: within reach of what was told.
        beyond = low[:, None] + spread[:, None] * 0.5 * middle**2
        best = np.where(below[:, None] > 1 - 1e-6, beyond, np.maximum(best, low[:, None]))
        spread = np.repeat(spread, _N_BEST)
        weight = np.repeat(np.log(np.maximum(1 - below, 1e-12)), _N_BEST)
        return best.ravel(), spread, weight


def told_merits(scores, prior):
    """Translate told scores to merits, for every point of the grid.

    Parameters
    ----------
    scores : ndarray of shape (n_told,)
        Finite.
    prior : ScalePrior

    Returns
    -------
    merits : ndarray of shape (n_told, n_points)
    away : ndarray of shape (2, n_points)
        Best score and log spread, apart from what was expected of them.
    log_weight : ndarray of shape (n_points,)
        Prior weight and the Jacobian of the translation.
    """
    best, spread, log_weight = prior.grid(scores.max())
    regret = np.minimum((best - scores[:, None]) / spread, 2.0)
    merits = to_merit(regret)
    slope = -np.log(np.maximum(regret, -0.9 * SOFT) + SOFT) - np.log(spread)
    away = np.stack([best - prior.best_mean, np.log(spread) - prior.spread_mean])
    return merits, away, log_weight + slope.sum(axis=0)


def ranked_merits(scores, merits, weights):
    """Translate told scores to merits by their order alone, for scores of another metric.

    The k-th best is given what the k-th best of the same configurations has on known tasks, on
    average; scores that are nearly equal share the mean of theirs.

    Parameters
    ----------
    scores : ndarray of shape (n_told,)
        Finite.
    merits : ndarray of shape (n_told, n_tasks)
        Of the same configurations on the known tasks.
    weights : ndarray of shape (n_tasks,)

    Returns
    -------
    ndarray of shape (n_told,)

    Examples
    --------
    >>> merits = np.array([[0.0, 1.0], [1.0, 0.5], [0.2, 0.2]])
    >>> ranked_merits(np.array([10.0, -3.0, 10.0]), merits, np.array([0.5, 0.5])).tolist()
    [0.675, 0.1, 0.675]
    """
    levels = np.sort(merits, axis=0) @ weights
    scores = told_levels(scores)
    order = np.argsort(scores, kind="stable")
    _, same = np.unique(scores[order], return_inverse=True)
    shared = np.bincount(same, weights=levels) / np.bincount(same)
    told = np.empty(len(scores))
    told[order] = shared[same]
    return told


def told_levels(scores):
    """Tell apart scores by steps of 2 % of their range, from 0 for the best downwards.

    Where a search has come to a plateau, the order on it says nothing. The worst tenth has no say
    in the range.

    Examples
    --------
    >>> told_levels(np.array([0.8, 0.799, 0.3, 0.0])).tolist()
    [0.0, 0.0, -35.0, -56.0]
    """
    best = scores.max()
    step = _LEVEL * (best - np.quantile(scores, 0.1))
    return np.ceil((scores - best) / step) if step > 0 else scores


def are_level(scores):
    """Tell whether half of the scores are the best one, but for a tenth of their range.

    Examples
    --------
    >>> are_level(np.array([0.5, 0.88, 0.9, 0.9])), are_level(np.array([0.5, 0.7, 0.8, 0.9]))
    (True, False)
    """
    return bool(scores.max() - np.median(scores) < _PLATEAU * np.ptp(scores))


def normalised(log_weight):
    """Weights that add up to 1."""
    return np.exp(log_weight - logsumexp(log_weight))


def _moments(values, weights):
    mean = float(weights @ values)
    n_effective = 1.0 / np.sum(weights**2)
    variance = float(weights @ (values - mean) ** 2) * n_effective / max(n_effective - 1.0, 0.5)
    return mean, np.sqrt(max(variance, 0.0))
