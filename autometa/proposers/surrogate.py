"""The surrogate: a Gaussian over configurations that knows other tasks and learns from trials."""

import numpy as np

from autometa.proposers._base import Proposer
from autometa.proposers._covariance import blend_covariance
from autometa.proposers._fading import FadingSearch
from autometa.proposers._surrogate_search import SurrogateSearch
from autometa.proposers.portfolio import PortfolioSearch

_LOCAL = 0.25  # of the covariance: that of residuals of tasks near the new one


class SurrogateProposer(Proposer):
    """Propose by expected improvement under a Gaussian learned from other tasks.

    Its mean is conditioned on meta-features by extra-trees, as far as cross-validation trusts
    them; its covariance is that of the known tasks' residuals, shrunk to a kernel over
    configurations, which also carries both to configurations that nobody evaluated. Every told
    score updates it; best and spread of the new task's scores are integrated over. The farther a
    new task lies from all known ones, the more do first proposals fade to the static portfolio.

    Parameters
    ----------
    knowledge : Knowledge
    family : str
    cost_exponent : float, default=0.0
        Expected improvement is divided by predicted seconds to this power; 1 asks for most
        improvement per second, 0 for most per trial. Without known costs nothing changes.
    by_rank : bool, default=False
        Take told scores by their order only, for scores of another metric than the known ones.

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

    def __init__(self, knowledge, family, *, cost_exponent=0.0, by_rank=False):
        super().__init__(knowledge, family)
        self.cost_exponent, self.by_rank = cost_exponent, by_rank
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
        new = self._neighbours.place(metafeatures)
        covariance, _ = self._conditioned if new.trust > 0 else self._plain
        if new.trust > 0:
            # What tasks leave open differs: those that resemble the new one tell more of it.
            local = (self._residual.T * new.near) @ self._residual
            share = _LOCAL * new.trust
            covariance = (1 - share) * covariance + share * local
        search = SurrogateSearch(
            pool, new, covariance, cost_exponent=self.cost_exponent, by_rank=self.by_rank
        )
        if new.portfolio_share == 0:
            return search
        static = PortfolioSearch(pool, self._neighbours.uniform, new)
        return FadingSearch(search, static, new.portfolio_share)
