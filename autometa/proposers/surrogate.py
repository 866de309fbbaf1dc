"""The surrogate: a Gaussian over configurations that knows other tasks and learns from trials."""

import numbers

import numpy as np

from autometa.exceptions import InvalidInputError
from autometa.proposers._base import Proposer
from autometa.proposers._fading import FadingSearch
from autometa.proposers._surrogate_search import SurrogateSearch
from autometa.proposers._task_residuals import TaskResiduals
from autometa.proposers.portfolio import PortfolioSearch


class SurrogateProposer(Proposer):
    """Propose by expected improvement under a Gaussian learned from other tasks.

    Its mean is conditioned on meta-features by extra-trees, as far as cross-validation trusts
    them; its covariance is that of the known tasks' residuals, shrunk to a kernel over
    configurations, which also carries both to configurations that nobody evaluated. Every told
    score updates it. Best and spread of the new task's scores are Gaussian together with the merits
    and are integrated over. The farther a new task lies from all known ones, the more do first
    proposals fade to the static portfolio.

    Parameters
    ----------
    knowledge : Knowledge
    family : str
    cost_exponent : float, default=0.0
        Expected improvement is divided by predicted seconds to this power; 1 asks for most
        improvement per second, 0 for most per trial. Without known costs nothing changes.
    by_rank : bool, default=False
        Take told scores by their order only, for scores of another metric than the known ones, or
        in other units. That is done anyway while all of several are far from those known.

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
        if not isinstance(cost_exponent, numbers.Real) or not 0 <= cost_exponent < np.inf:
            raise InvalidInputError(
                f"cost_exponent must be a number >= 0, got {cost_exponent!r}. Use 0 for most "
                "improvement per trial, 1 for most per second."
            )
        super().__init__(knowledge, family)
        self.cost_exponent, self.by_rank = cost_exponent, by_rank
        self._neighbours = self.table.neighbours
        self.trust = self._neighbours.trust
        rng = np.random.default_rng(0)
        prior = self.table.kernel.full(self.table.points)
        self._plain = self._conditioned = self._residuals(0.0, prior, rng)
        if self.trust > 0:
            self._conditioned = self._residuals(self.trust, prior, rng)
        self.kernel_share = self._conditioned.kernel_share

    def _residuals(self, trust, prior, rng):
        n_tasks = self.table.n_tasks
        plain = (1.0 - np.eye(n_tasks)) / max(n_tasks - 1, 1)
        crossed = trust * self._neighbours.crossed + (1 - trust) * plain
        return TaskResiduals(self.table, crossed, prior, rng=rng)

    def _search(self, pool, metafeatures):
        new = self._neighbours.place(metafeatures)
        residuals = self._conditioned if new.trust > 0 else self._plain
        # Ranks tell nothing of a task's best score and spread.
        expected = residuals.expect(new.weights, new.near, new.trust, with_scale=not self.by_rank)
        search = SurrogateSearch(
            pool, new, expected, cost_exponent=self.cost_exponent, by_rank=self.by_rank
        )
        if new.portfolio_share == 0:
            return search
        static = PortfolioSearch(pool, self._neighbours.uniform, new)
        return FadingSearch(search, static, new.portfolio_share)
