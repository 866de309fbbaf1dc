"""Nearest tasks: the portfolio of those known tasks that resemble the new one."""

from autometa.proposers._base import Proposer
from autometa.proposers.portfolio import PortfolioSearch


class NearestTasksProposer(Proposer):
    """Propose what served the tasks with similar meta-features best.

    How similar tasks are is learned: a forest predicts scores by meta-features, and tasks that
    share its leaves are near. As far as cross-validation does not trust it, all tasks count alike,
    and so they do without meta-features and far from everything known.

    Parameters
    ----------
    knowledge : Knowledge
    family : str

    Attributes
    ----------
    trust : float
        Between 0, the static portfolio, and 1, near tasks only.

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa import Knowledge
    >>> scores = pd.DataFrame({"task": range(40), "family": "knn", "hp_k": 1, "score": 0.9})
    >>> small = scores["task"] < 20
    >>> scores = pd.concat([scores, scores.assign(hp_k=9, score=small.map({True: 0.8, False: 1}))])
    >>> metafeatures = pd.DataFrame({"n_rows": range(100, 4100, 100)})
    >>> proposer = NearestTasksProposer(Knowledge.from_evaluations(scores, metafeatures), "knn")
    >>> proposer.start({"n_rows": 250}).ask(), proposer.start({"n_rows": 3500}).ask()
    ({'k': 1}, {'k': 9})
    """

    def __init__(self, knowledge, family):
        super().__init__(knowledge, family)
        self._neighbours = self.table.neighbours
        self.trust = self._neighbours.trust

    def _search(self, pool, metafeatures):
        new = self._neighbours.place(metafeatures)
        return PortfolioSearch(pool, new.weights, new)
