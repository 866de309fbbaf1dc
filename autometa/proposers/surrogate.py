"""The surrogate: a Gaussian over configurations that knows other tasks and learns from trials."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from autometa.proposers._base import Proposer, Search
from autometa.proposers._covariance import blend_covariance
from autometa.proposers._told import ScalePrior, normalised, told_merits

_FAILED = -0.26  # the merit of a poor configuration, where nothing better is known
_NOISE = 1e-4
_LOCAL = 0.25  # of the covariance: that of residuals of tasks near the new one


class SurrogateProposer(Proposer):
    """Propose by expected improvement under a Gaussian learned from other tasks.

    Its mean is conditioned on meta-features by extra-trees, as far as cross-validation trusts
    them; its covariance is that of the known tasks' residuals, shrunk to a kernel over
    configurations, which also carries both to configurations that nobody evaluated. Every told
    score updates it; best and spread of the new task's scores are integrated over.

    Parameters
    ----------
    knowledge : Knowledge
    family : str
    cost_exponent : float, default=0.0
        Expected improvement is divided by predicted seconds to this power; 1 asks for most
        improvement per second, 0 for most per trial. Without known costs nothing changes.

    Attributes
    ----------
    trust : float
        Weight of the conditioned mean against the plain one.
    kernel_share : float
        Weight of the kernel in the covariance.

    References
    ----------
    Feurer, Springenberg and Hutter, "Initializing Bayesian hyperparameter optimization via
    meta-learning", 2015; Wang, Kim and Kaelbling, "Regret bounds for meta Bayesian optimization
    with an unknown Gaussian process prior", 2018. Here the prior depends on meta-features.

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> scores = pd.DataFrame({"task": np.repeat(range(9), 3), "family": "knn",
    ...                        "hp_k": [1, 5, 25] * 9, "score": [0.7, 0.8, 0.5] * 9})
    >>> search = SurrogateProposer(Knowledge.from_evaluations(scores, None), "knn").start()
    >>> search.ask()
    {'k': 5}
    """

    n_new = 192

    def __init__(self, knowledge, family, *, cost_exponent=0.0):
        super().__init__(knowledge, family)
        self.cost_exponent = cost_exponent
        table = self.table
        self._neighbours = near = table.neighbours
        self.trust = near.trust
        rng = np.random.default_rng(0)
        prior = table.kernel.full(table.points)
        plain = self._residuals(0.0)
        given = (plain, table.uncertainty, prior)
        self._plain = blend_covariance(*given, rng=rng)
        self._conditioned = self._plain
        self._residual = plain
        if self.trust > 0:
            self._residual = self._residuals(self.trust)
            self._conditioned = blend_covariance(self._residual, *given[1:], rng=rng)
        self.kernel_share = self._conditioned[1]

    def _residuals(self, trust):
        merit = self.table.merit
        n_tasks = len(merit)
        plain = (merit.sum(axis=0) - merit) / max(n_tasks - 1, 1) if n_tasks > 1 else 0.0 * merit
        crossed = self._neighbours.crossed @ merit
        return merit - (trust * crossed + (1 - trust) * plain)

    def _search(self, pool, metafeatures):
        near, is_known = self._neighbours.weights_of(metafeatures)
        trust = self.trust if is_known else 0.0
        weights = trust * near + (1 - trust) * self._neighbours.uniform
        covariance, _ = self._conditioned if trust > 0 else self._plain
        if trust > 0:
            # What tasks leave open differs: those that resemble the new one tell more of it.
            local = (self._residual.T * near) @ self._residual
            share = _LOCAL * trust
            covariance = (1 - share) * covariance + share * local
        return SurrogateSearch(pool, weights, covariance, self.cost_exponent)


class SurrogateSearch(Search):
    """A Gaussian over the pool, conditioned on what was told.

    Parameters
    ----------
    pool : Pool
    weights : ndarray of shape (n_tasks,)
        Of the known tasks.
    covariance : ndarray of shape (n_configs, n_configs)
    cost_exponent : float
    """

    def __init__(self, pool, weights, covariance, cost_exponent=0.0):
        super().__init__(pool)
        table = pool.table
        self._merit = weights @ table.merit
        self._log_cost = None
        if cost_exponent and table.log_cost is not None:
            self._log_cost = cost_exponent * (weights @ table.log_cost)
        self._covariance = covariance
        self._scale = ScalePrior(table.best, table.spread, weights)
        self._places, self._scores = [], []  # of what was told
        self._pending = []  # asked and not told
        self._mean = np.empty(0)
        self._variance = np.empty(0)
        self._half = np.empty((0, 0))  # L⁻¹ K(told, pool), with L Lᵀ = K(told, told)
        self._diagonal = np.empty(0)
        self._grown(0)

    def predict(self):
        """Mean and standard deviation of the merit of every configuration of the pool."""
        mean, sd, weight, _ = self._posterior()
        return mean @ weight, sd

    def _values(self):
        mean, sd, weight, best = self._posterior()
        if self._pending:
            # Scores that are still to come are taken to be as predicted.
            sd = np.sqrt(np.maximum(sd**2 - self._explained_by_pending(), 1e-9))
            pending = mean[self._pending].max(axis=0)
            best = pending if best is None else np.maximum(best, pending)
        if best is None:
            gain = mean[:, 0] - mean.min() + sd.mean()
        else:
            gain = expected_improvement(mean, sd[:, None], best) @ weight
        tie = 1e-9 * (mean @ weight + sd)
        if self._log_cost is None:
            return gain + tie
        return (gain + 1e-9) * np.exp(-self._cost) + 1e-3 * tie

    def _posterior(self):
        """Mean for every point of the grid of scales, sd, weights of the points, best told."""
        if self._known_posterior is None:
            self._known_posterior = self._new_posterior()
        return self._known_posterior

    def _new_posterior(self):
        sd = np.sqrt(np.maximum(self._variance - (self._half**2).sum(axis=0), 1e-9))
        if not self._places:
            return self._mean[:, None], sd, np.ones(1), None
        scores = np.array(self._scores)
        is_known = np.isfinite(scores)
        merits = np.full((len(scores), 1), _FAILED)
        log_weight = np.zeros(1)
        if is_known.any():
            known, log_weight = told_merits(scores[is_known], self._scale)
            merits = np.repeat(known.min(axis=0)[None], len(scores), axis=0)
            merits[is_known] = known
        white = self._solve(merits - self._mean[self._places, None])
        mean = self._mean[:, None] + self._half.T @ white
        weight = normalised(log_weight - 0.5 * (white**2).sum(axis=0))
        return mean, sd, weight, merits.max(axis=0)

    def _explained_by_pending(self):
        """Variance that the scores still to come will take from every configuration."""
        if len(self._ahead) > len(self._pending):
            self._ahead = np.empty((0, len(self._pool)))
        for place in self._pending[len(self._ahead) :]:
            half = np.vstack([self._half, self._ahead])
            self._ahead = np.vstack([self._ahead, self._row(place, half)[0]])
        return (self._ahead**2).sum(axis=0)

    def _asked(self, place):
        self._pending.append(place)

    def _row(self, place, half):
        """The row of L⁻¹ K that one more score adds, and its diagonal of L."""
        across = self._with(place)
        left = across[place] - half[:, place] @ half[:, place]
        diagonal = np.sqrt(max(left, 0.0) + _NOISE)
        return (across - half[:, place] @ half) / diagonal, diagonal

    def _told(self, place, score):
        row, diagonal = self._row(place, self._half)
        self._half = np.vstack([self._half, row])
        self._diagonal = np.r_[self._diagonal, diagonal]
        self._places.append(place)
        self._scores.append(score)
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

    def _with(self, place, start=0):
        """Covariance of the pool with one of its configurations."""
        pool, table = self._pool, self._pool.table
        if pool.places[place] >= 0:
            return pool_spread_covariance(pool, self._covariance[pool.places[place]], start)
        weights = pool.weights[place]
        column = pool_spread_covariance(pool, self._covariance @ weights, start)
        point = pool.points[[place]]
        rest = table.kernel(pool.points[start:], point)[:, 0]
        rest = rest - pool.weights[start:] @ table.kernel(table.points, point)[:, 0]
        column = column + np.where(pool.places[start:] < 0, rest, 0.0)
        if place >= start:
            column[place - start] += table.kernel.own
        return column

    def _grown(self, n_before):
        self._forget()
        pool, table = self._pool, self._pool.table
        self._mean = np.r_[self._mean, pool.spread(self._merit, n_before)]
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
        across = np.array([self._with(place, n_before) for place in self._places])
        self._half = np.hstack([self._half, self._solve(across)])

    def _solve(self, values):
        """L⁻¹ times values of what was told."""
        factor = np.tril(self._half[:, self._places].T)
        factor[np.diag_indices_from(factor)] = self._diagonal
        return solve_triangular(factor, values, lower=True)


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
