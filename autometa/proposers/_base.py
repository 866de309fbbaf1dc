"""What all proposers share: knowledge of one family goes in, a search by ask and tell comes out."""

import numbers
from typing import NamedTuple

import numpy as np

from autometa._random import as_generator
from autometa.exceptions import InvalidInputError, NothingLeftError
from autometa.proposers._neighbours import read_metafeatures
from autometa.proposers._pool import Pool
from autometa.proposers._score_table import ScoreTable

_N_NEIGHBOURS = 3


class Forecast(NamedTuple):
    """What to expect of a configuration, by other tasks and by what was told.

    Attributes
    ----------
    score : float
        In the units of the knowledge, higher is better.
    cost_s : float or None
        Seconds on tables such as those known, whatever the new one's size; None where the
        knowledge has no costs.
    """

    score: float
    cost_s: float | None


class Proposer:
    """Propose configurations of one family for new tasks.

    Whatever costs time is done here, once; :meth:`start` takes milliseconds.

    Parameters
    ----------
    knowledge : Knowledge
        Read now: what is added to it later is not seen.
    family : str

    Attributes
    ----------
    space : dict of str to optuna distribution
        What proposals are drawn from.
    """

    n_new = 0  # configurations drawn from the space beside the stored ones

    def __init__(self, knowledge, family):
        self.family = family
        self.table = ScoreTable.of(knowledge, family)

    @property
    def space(self):
        return self.table.space

    def start(self, metafeatures=None, candidates=None, *, random_state=0, fit=None):
        """Begin a search on a new task.

        Parameters
        ----------
        metafeatures : Series, mapping or None
            Of the new task, under the names that the knowledge has; NaN where unknown. None, and
            tasks known without them, are fine: then all known tasks count alike.
        candidates : DataFrame of shape (n_candidates, n_hyperparameters), optional
            Only these are asked, their values unchanged, none twice. None: whatever the space
            holds.
        random_state : None, int or numpy.random.Generator, default=0
            Draws new configurations.
        fit : callable, optional
            ``fit(config)`` returns the configuration as it can be run, where the space at hand
            is another than that of the knowledge; without ``candidates``.

        Returns
        -------
        Search

        Raises
        ------
        InvalidInputError
            Where none of the meta-features or of the candidates' columns is known, or values are
            no numbers or infinite.
        """
        names = [str(name) for name in self.table.metafeatures.columns]
        metafeatures = read_metafeatures(metafeatures, names)
        pool = Pool(self.table, candidates, as_generator(random_state), self.n_new, fit)
        return self._search(pool, metafeatures)

    def _search(self, pool, metafeatures):
        """Begin on a pool; meta-features are an array in the order of the knowledge, or None."""
        raise NotImplementedError


class Search:
    """Ask for configurations and tell their scores; in any order, also several asks at once.

    Attributes
    ----------
    origin : str
        What the next proposal comes from: "surrogate", "nearest tasks" or "portfolio".
    neighbours : list of str
        The known tasks that count most, where the new one resembles some more than others.
    ood_score : float
        Out-of-distribution score: how far the new task is from all known ones. About 1 or less
        among them, 2 and more far away; NaN without meta-features.
    """

    def __init__(self, pool, weights, new_task=None):
        self._pool, self._weights = pool, weights
        is_placed = new_task is not None and new_task.trust > 0
        order = np.argsort(-weights, kind="stable")[:_N_NEIGHBOURS] if is_placed else ()
        self.neighbours = [pool.table.tasks[place] for place in order]
        self.ood_score = float("nan") if new_task is None else new_task.ood_score

    def ask(self):
        """Propose the configuration to try next.

        Returns
        -------
        dict of str to value
            A hyperparameter that is inactive is absent, or NaN where it is so in ``candidates``.

        Raises
        ------
        NothingLeftError
            Where every configuration was asked.
        """
        pool = self._pool
        if pool.is_open and not pool.is_left.any():
            self._add(pool.draw(64))
        if not pool.is_left.any():
            raise NothingLeftError(
                f"All {len(pool)} configurations were asked. Give more candidates, or stop here."
            )
        values = np.where(pool.is_left, self._values(), -np.inf)
        place = int(values.argmax())
        pool.is_left[place] = False
        self._asked(place)
        return dict(pool.configs[place])

    def tell(self, config, score):
        """Report the score of a configuration, be it asked or not.

        Parameters
        ----------
        config : mapping
        score : float
            Higher is better; NaN where it failed. Scores in the units of the knowledge tell most;
            to a surrogate, those of which all are far from the known ones tell by their order.
        """
        if not isinstance(score, numbers.Real):
            raise InvalidInputError(f"score must be a number or NaN, got {score!r}.")
        place = self._find(config)
        self._pool.is_left[place] = False
        self._told(place, float(score) if np.isfinite(score) else np.nan)

    def expect(self, configs):
        """Take configurations as running elsewhere: not asked here, their scores still to come.

        Replaces what was expected or asked before and not told.

        Parameters
        ----------
        configs : sequence of mapping
        """
        places = [self._find(config) for config in configs]
        self._pool.is_left[places] = False
        self._expected(places)

    def forecast(self, config):
        """Tell what to expect of a configuration.

        Returns
        -------
        Forecast
        """
        place = self._find(config)
        cost_s, table = None, self._pool.table
        if table.log_cost is not None:
            log_cost = self._pool.spread(self._weights @ table.log_cost, place, place + 1)
            cost_s = float(np.exp(log_cost[0]))
        return Forecast(float(self._forecast(place)), cost_s)

    def gain_left(self):
        """Tell what is expected to be gained yet, as a share of the spread of scores.

        Returns
        -------
        float
        """
        return float("inf")

    def agreement(self):
        """Tell how well the knowledge and the other trials foretell each trial.

        Returns
        -------
        float
            A rank correlation; NaN where that is not known.
        """
        return float("nan")

    def _forecast(self, place):
        score = self._pool.table.score
        return self._pool.spread(self._weights @ score, place, place + 1)[0]

    def _find(self, config):
        n_before = len(self._pool)
        place = self._pool.find(config)
        if len(self._pool) > n_before:
            self._grown(n_before)
        return place

    def _add(self, configs):
        n_before = len(self._pool)
        if self._pool.add(configs):
            self._grown(n_before)

    def _values(self):
        """How much each configuration of the pool is worth asking."""
        raise NotImplementedError

    def _asked(self, place):
        """Note what was asked."""

    def _expected(self, places):
        """Note what runs elsewhere."""

    def _told(self, place, score):
        """Learn from a score."""

    def _grown(self, n_before):
        """Make room for configurations that joined the pool."""
