"""What all proposers share: knowledge of one family goes in, a search by ask and tell comes out."""

import numbers

import numpy as np

from autometa._random import as_generator
from autometa.exceptions import InvalidInputError, NothingLeftError
from autometa.proposers._pool import Pool
from autometa.proposers._score_table import ScoreTable


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

    def start(self, metafeatures=None, candidates=None, *, random_state=0):
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

        Returns
        -------
        Search
        """
        pool = Pool(self.table, candidates, as_generator(random_state), self.n_new)
        return self._search(pool, metafeatures)

    def _search(self, pool, metafeatures):
        raise NotImplementedError


class Search:
    """Ask for configurations and tell their scores; in any order, also several asks at once."""

    def __init__(self, pool):
        self._pool = pool

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
            Higher is better, in any units; NaN where it failed.
        """
        if not isinstance(score, numbers.Real):
            raise InvalidInputError(f"score must be a number or NaN, got {score!r}.")
        n_before = len(self._pool)
        place = self._pool.find(config)
        self._pool.is_left[place] = False
        if len(self._pool) > n_before:
            self._grown(n_before)
        self._told(place, float(score) if np.isfinite(score) else np.nan)

    def _add(self, configs):
        n_before = len(self._pool)
        if self._pool.add(configs):
            self._grown(n_before)

    def _values(self):
        """How much each configuration of the pool is worth asking."""
        raise NotImplementedError

    def _asked(self, place):
        """Note what was asked."""

    def _told(self, place, score):
        """Learn from a score."""

    def _grown(self, n_before):
        """Make room for configurations that joined the pool."""
