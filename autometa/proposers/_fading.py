"""Fading: the farther a new task is from all known ones, the more of the static portfolio."""

import numpy as np

from autometa.proposers._base import Search

_N_TRIALS = 10  # told scores after which the trials themselves have taught enough


class FadingSearch(Search):
    """Blend what a search and the static portfolio find worth asking.

    Every told score moves the blend towards the search, which learns from it.

    Parameters
    ----------
    search, portfolio : Search
        Over the same pool.
    share : float
        Of the portfolio, in (0, 1]; 1 asks in its order until the first score is told.
    """

    def __init__(self, search, portfolio, share):
        super().__init__(search._pool, search._weights)
        self.neighbours, self.ood_score = search.neighbours, search.ood_score
        self._search, self._portfolio, self._share = search, portfolio, share
        self._n_told = 0

    @property
    def _share_now(self):
        return self._share * max(0.0, 1.0 - self._n_told / _N_TRIALS)

    @property
    def origin(self):
        return self._portfolio.origin if self._share_now > 0.5 else self._search.origin

    def _values(self):
        share = self._share_now
        self._grow_portfolio()
        # A static portfolio holds what was evaluated; what was drawn is as good as the last of it.
        static, n_stored = self._portfolio._values(), self._pool.n_stored
        static[:n_stored] = _normalised(static[:n_stored])
        static[n_stored:] = static[:n_stored].min()
        if share >= 1.0:
            return static
        learned = self._search._values()
        if share <= 0.0:
            return learned
        return (1.0 - share) * _normalised(learned) + share * static

    def gain_left(self):
        return self._search.gain_left()

    def agreement(self):
        return self._search.agreement()

    def _forecast(self, place):
        return self._search._forecast(place)

    def _asked(self, place):
        self._grow_portfolio()
        self._search._asked(place)
        self._portfolio._asked(place)

    def _expected(self, places):
        self._grow_portfolio()
        self._search._expected(places)
        self._portfolio._expected(places)

    def _told(self, place, score):
        self._n_told += 1
        self._search._told(place, score)
        self._grow_portfolio()
        self._portfolio._told(place, score)

    def _grown(self, n_before):
        self._search._grown(n_before)

    def _grow_portfolio(self):
        """Catch up with what the other search added to the pool."""
        n_before = len(self._portfolio._regret)
        if n_before < len(self._pool):
            self._portfolio._grown(n_before)


def _normalised(values):
    """Bring values to at most 1, with 0 for the median."""
    values = values - np.median(values)
    return values / max(float(values.max()), 1e-12)
