"""The static portfolio: configurations that together serve the known tasks best."""

import numpy as np

from autometa.proposers._base import Proposer, Search
from autometa.proposers._normalise import to_regret_of_merit


class PortfolioProposer(Proposer):
    """Propose greedily what lowers the known tasks' mean regret most; the floor for the others.

    Neither meta-features nor told scores change the order.

    Parameters
    ----------
    knowledge : Knowledge
    family : str

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> scores = pd.DataFrame({"task": list("aabbcc"), "family": "knn", "hp_k": [1, 9] * 3,
    ...                        "score": [0.9, 0.8, 0.6, 0.8, 0.7, 0.8]})
    >>> search = PortfolioProposer(Knowledge.from_evaluations(scores, None), "knn").start()
    >>> search.ask(), search.ask()
    ({'k': 9}, {'k': 1})
    """

    def _search(self, pool, metafeatures):
        return PortfolioSearch(pool, np.full(self.table.n_tasks, 1.0 / self.table.n_tasks))


class PortfolioSearch(Search):
    """Greedy choice of what lowers the weighted mean of the tasks' regrets most.

    Parameters
    ----------
    pool : Pool
    weights : ndarray of shape (n_tasks,)
    new_task : NewTask, optional
    """

    def __init__(self, pool, weights, new_task=None):
        super().__init__(pool, weights, new_task)
        self._regret = self._regrets()
        self._reached = np.full(len(weights), 2.0)

    @property
    def origin(self):
        return "nearest tasks" if self.neighbours else "portfolio"

    def _values(self):
        gain = np.maximum(self._reached - self._regret, 0.0) @ self._weights
        # Where nothing is left to gain: the best on average.
        return gain - 1e-6 * (self._regret @ self._weights)

    def gain_left(self):
        """Mean regret that the next configuration takes from the known tasks."""
        gain = np.maximum(self._reached - self._regret[self._pool.is_left], 0.0) @ self._weights
        return float(gain.max(initial=0.0))

    def _asked(self, place):
        self._reached = np.minimum(self._reached, self._regret[place])

    def _told(self, place, score):
        self._asked(place)

    def _expected(self, places):
        for place in places:
            self._asked(place)

    def _grown(self, n_before):
        self._regret = np.vstack([self._regret, self._regrets(n_before)])

    def _regrets(self, start=0):
        merit = self._pool.spread(self._pool.table.merit.T, start)
        return np.clip(to_regret_of_merit(merit), 0.0, 2.0)
