"""A search by a Gaussian over configurations, conditioned on the scores told."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr
from scipy.stats import rankdata

from autometa.proposers._base import Search
from autometa.proposers._normalise import SOFT, to_regret_of_merit
from autometa.proposers._task_residuals import weighted
from autometa.proposers._told import (
    ScalePrior,
    are_level,
    normalised,
    ranked_merits,
    told_levels,
    told_merits,
)

_FAILED = -0.26  # the merit of a poor configuration, where nothing better is known
_NOISE = 1e-4


class Posterior(NamedTuple):
    """What a search believes.

    Attributes
    ----------
    mean : ndarray of shape (n_pool, n_points)
        Merits, for every point of the grid of scales.
    sd : ndarray of shape (n_pool,)
    weight : ndarray of shape (n_points,)
    best : ndarray of shape (n_points,), or None before anything was told
    merits : ndarray of shape (n_told, n_points)
    """

    mean: np.ndarray
    sd: np.ndarray
    weight: np.ndarray
    best: np.ndarray | None
    merits: np.ndarray


class SurrogateSearch(Search):
    """A Gaussian over the pool, conditioned on what was told.

    Parameters
    ----------
    pool : Pool
    new_task : NewTask
    expected : Expectation
        Of the merits of the stored configurations.
    cost_exponent : float
    by_rank : bool
    """

    def __init__(self, pool, new_task, expected, *, cost_exponent=0.0, by_rank=False):
        weights = new_task.weights
        super().__init__(pool, weights, new_task)
        table = pool.table
        self._by_rank = by_rank
        self._merit, self._covariance, self._stored_slopes, self._scale_covariance = expected
        self._log_cost = None
        if cost_exponent and table.log_cost is not None:
            self._log_cost = cost_exponent * (weights @ table.log_cost)
        self._scale = ScalePrior(table.best, table.spread, weights)
        self._loss = None
        if new_task.trust > 0:
            # What is lost, in units of scores: it matters most where scores are far apart. Of all
            # tasks alike, merits choose better: the mean loss is that of a few tasks.
            loss = np.clip(to_regret_of_merit(table.merit), 0.0, None)
            self._loss = weighted(weights, table.signal**2) @ loss
        self._places, self._scores = [], []  # of what was told
        self._on_tasks = []  # its merits on the known tasks
        self._pending = []  # asked and not told
        self._mean = np.empty(0)
        self._slopes = np.empty((0, 2))
        self._variance = np.empty(0)
        self._half = np.empty((0, 0))  # L⁻¹ K(told, pool), with L Lᵀ = K(told, told)
        self._diagonal = np.empty(0)
        self._grown(0)

    def predict(self):
        """Mean and standard deviation of the merit of every configuration of the pool."""
        mean, sd, weight, *_ = self._posterior()
        return mean @ weight, sd

    def gain_left(self):
        """Largest improvement that is expected, as a share of the spread of scores."""
        mean, sd, weight, best, *_ = self._posterior()
        left = self._pool.is_left
        if best is None or not left.any():
            return float("inf") if best is None else 0.0
        gain = expected_improvement(mean[left], sd[left, None], best) @ weight
        return float(gain.max()) * SOFT  # the slope of regret on merit, near the best

    def agreement(self):
        """Rank correlation of told scores with what all the others lead to expect.

        NaN for few, and where most have come to a plateau: their order on it says nothing.
        """
        is_known = np.isfinite(self._scores)
        if is_known.sum() < 3 or are_level(np.array(self._scores)[is_known]):
            return float("nan")
        _, _, weight, _, merits = self._posterior()
        merits = merits @ weight
        # What best and spread explain is open again: they were found by the scores left out.
        factor, slopes = self._factor(), self._slopes[self._places]
        inverse = np.linalg.inv(factor @ factor.T + slopes @ self._scale_covariance @ slopes.T)
        away = inverse @ (merits - self._mean[self._places])
        left_out = merits - away / np.diag(inverse)
        told = told_levels(np.array(self._scores)[is_known])
        return rank_correlation(left_out[is_known], told)

    def _forecast(self, place):
        mean, _, weight, *_ = self._posterior()
        if len(weight) > 1:  # told scores have moved best and spread
            best, spread, _ = self._scale.grid(np.nanmax(self._scores))
            return (best - spread * to_regret_of_merit(mean[place])) @ weight
        prior = self._scale
        regret = to_regret_of_merit(mean[place] @ weight)
        return prior.best_mean - np.exp(prior.spread_mean) * regret

    def _values(self):
        mean, sd, weight, best, *_ = self._posterior()
        if self._pending:
            # Scores that are still to come are taken to be as predicted.
            sd = np.sqrt(np.maximum(sd**2 - self._explained_by_pending(), 1e-9))
            pending = mean[self._pending].max(axis=0)
            best = pending if best is None else np.maximum(best, pending)
        if best is None:
            prior = mean[:, 0] if self._loss is None else -self._pool.spread(self._loss)
            gain = prior - prior.min() + sd.mean()
        else:
            gain = expected_improvement(mean, sd[:, None], best) @ weight
        tie = 1e-9 * (mean @ weight + sd)
        if self._log_cost is None:
            return gain + tie
        return (gain + 1e-9) * np.exp(-self._cost) + 1e-3 * tie

    def _posterior(self):
        """What is believed of the pool, given what was told."""
        if self._known_posterior is None:
            self._known_posterior = self._new_posterior()
        return self._known_posterior

    def _new_posterior(self):
        sd = np.sqrt(np.maximum(self._variance - (self._half**2).sum(axis=0), 1e-9))
        if not self._places:
            return Posterior(self._mean[:, None], sd, np.ones(1), None, np.empty((0, 1)))
        scores = np.array(self._scores)
        is_known = np.isfinite(scores)
        merits = np.full((len(scores), 1), _FAILED)
        log_weight, mean = np.zeros(1), self._mean[:, None]
        if is_known.any():
            if self._by_rank or not self._scale.may_hold(scores[is_known]):
                on_tasks = np.array(self._on_tasks)[is_known]
                known = ranked_merits(scores[is_known], on_tasks, self._weights)[:, None]
            else:
                known, away, log_weight = told_merits(scores[is_known], self._scale)
                mean = mean + self._slopes @ away
            merits = np.repeat(known.min(axis=0)[None], len(scores), axis=0)
            merits[is_known] = known
        white = self._solve(merits - mean[self._places])
        mean = mean + self._half.T @ white
        weight = normalised(log_weight - 0.5 * (white**2).sum(axis=0))
        return Posterior(mean, sd, weight, merits.max(axis=0), merits)

    def _explained_by_pending(self):
        """Variance that the scores still to come will take from every configuration."""
        if len(self._ahead) > len(self._pending):
            self._ahead = np.empty((0, len(self._pool)))
        for place in self._pending[len(self._ahead) :]:
            half = np.vstack([self._half, self._ahead])
            self._ahead = np.vstack([self._ahead, self._row(place, half)[0]])
        return (self._ahead**2).sum(axis=0)

    @property
    def origin(self):
        return "surrogate"

    def _asked(self, place):
        self._pending.append(place)

    def _expected(self, places):
        before, self._pending = self._pending, list(dict.fromkeys(places))
        if self._pending[: len(before)] != before:
            self._ahead = np.empty((0, len(self._pool)))

    def _row(self, place, half):
        """The row of L⁻¹ K that one more score adds, and its diagonal of L."""
        across = self._across([place])[0]
        left = across[place] - half[:, place] @ half[:, place]
        diagonal = np.sqrt(max(left, 0.0) + _NOISE)
        return (across - half[:, place] @ half) / diagonal, diagonal

    def _told(self, place, score):
        row, diagonal = self._row(place, self._half)
        self._half = np.vstack([self._half, row])
        self._diagonal = np.r_[self._diagonal, diagonal]
        self._places.append(place)
        self._scores.append(score)
        self._on_tasks.append(self._pool.spread(self._pool.table.merit.T, place, place + 1)[0])
        if place in self._pending:
            self._pending.remove(place)
        self._forget()
        if self._pool.is_open:
            self._refine()

    def _forget(self):
        """Drop what was computed of an earlier state."""
        self._known_posterior = None
        self._ahead = np.empty((0, len(self._pool)))

    def _refine(self):
        """Draw new configurations around the best that was told."""
        scores = np.array(self._scores)
        if np.isfinite(scores).any():
            best = self._places[int(np.nanargmax(scores))]
            self._add(self._pool.draw(16, near=self._pool.points[[best]]))

    def _across(self, places, start=0):
        """Covariance of some of the pool, a row each, with all of it from ``start`` on."""
        pool, table = self._pool, self._pool.table
        rows, is_drawn = self._covariance[pool.places[places]], pool.places[places] < 0
        rows[is_drawn] = pool.weights[places][is_drawn] @ self._covariance
        across = pool_spread_covariance(pool, rows.T, start).T
        if is_drawn.any():
            drawn, points = np.array(places)[is_drawn], pool.points[places][is_drawn]
            others = start + np.flatnonzero(pool.places[start:] < 0)
            rest = table.kernel(points, pool.points[others])
            rest -= table.kernel(points, table.points) @ pool.weights[others].T
            rest += table.kernel.own * (drawn[:, None] == others)
            across[np.ix_(is_drawn, others - start)] += rest
        return across

    def _grown(self, n_before):
        self._forget()
        pool, table = self._pool, self._pool.table
        self._mean = np.r_[self._mean, pool.spread(self._merit, n_before)]
        slopes = pool_spread_covariance(pool, self._stored_slopes, n_before)
        self._slopes = np.vstack([self._slopes, slopes])
        places, weights = pool.places[n_before:], pool.weights[n_before:]
        variance = np.diag(self._covariance)[places]
        is_new = places < 0
        if is_new.any():
            some = weights[is_new]
            explained = (some @ self._covariance * some).sum(axis=1)
            across = table.kernel(pool.points[n_before:][is_new], table.points)
            rest = table.kernel.amplitude + table.kernel.own - (some * across).sum(axis=1)
            variance[is_new] = explained + np.maximum(rest, 0.0)
        self._variance = np.r_[self._variance, variance]
        if self._log_cost is not None:
            self._cost = pool.spread(self._log_cost)
        if not self._places:
            self._half = np.empty((0, len(pool)))
            return
        across = self._solve(self._across(self._places, n_before))
        self._half = np.hstack([self._half, across])

    def _solve(self, values):
        """L⁻¹ times values of what was told."""
        return solve_triangular(self._factor(), values, lower=True)

    def _factor(self):
        factor = np.tril(self._half[:, self._places].T)
        factor[np.diag_indices_from(factor)] = self._diagonal
        return factor


def pool_spread_covariance(pool, values, start):
    """Carry covariances with the stored configurations over to the pool, without a mean."""
    carried = values[pool.places[start:]]
    is_new = pool.places[start:] < 0
    if is_new.any():
        carried[is_new] = pool.weights[start:][is_new] @ values
    return carried


def expected_improvement(mean, sd, best):
    """Expected amount by which a Gaussian exceeds ``best``.

    Examples
    --------
    >>> float(expected_improvement(np.array(0.0), 1.0, 0.0))
    0.398
    """
    away = (mean - best) / sd
    density = np.exp(-0.5 * away**2) / np.sqrt(2 * np.pi)
    return sd * (away * ndtr(away) + density)


def rank_correlation(one, other):
    """Spearman's; NaN where either is constant.

    Examples
    --------
    >>> rank_correlation([1, 2, 3], [10, 20, 15])
    0.5
    """
    one, other = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    norm = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / norm) if norm > 0 else float("nan")
