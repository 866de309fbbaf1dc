"""What to try first of a family: what knowledge proposes, or else its library's defaults."""

import contextlib

import numpy as np
import optuna

from autometa.exceptions import NothingLeftError
from autometa.families import (
    default_config,
    drop_inactive,
    find_family,
    first_config,
    read_config,
)
from autometa.families.adapted_network import NAME as NETWORK
from autometa.proposers import PortfolioProposer, SurrogateProposer
from autometa.search._proposing import as_far_as_known, find_proposer
from autometa.search._replay import MIN_GAIN, ask
from autometa.search._stored import read_trial
from autometa.space import closest_value

#: Proposals of one family; a sampler goes on after them. So many in a row may not fit its space.
MOST_PROPOSALS, MOST_MISFITS = 12, 100
#: After the first proposal come the library's defaults, after so many a random configuration, so
#: that it can be told what the proposals brought.
N_WARM = 3
#: On tables of more rows the defaults come first, since what is best on few rows, such as the at
#: most 1,000 that the evaluations which ship are of, is too tame.
KNOWN_ROWS = 2_000
ORIGIN = "autometa:origin"
#: With less time left, a family takes the static portfolio, since the surrogate takes half a second
#: to make and asks for meta-features, and tries the defaults before it.
MIN_SECONDS = 20.0
#: Where time is limited, improvement counts per predicted second to this power.
COST_EXPONENT = 0.3


class FamilyProposals:
    """Configurations of one family to try, one after another, given what those before scored.

    Parameters
    ----------
    family : str or Family
    find_knowledge : callable, default=None
        Returns a Knowledge or None; asked where not the library's defaults are tried first. What it
        does not hold is tried by these.
    metafeatures : callable
        Returns those of the table; asked where a surrogate is to be conditioned on them.
    is_regression : bool
    n_rows : int
    deadline : Deadline, default=None
        Of the search; asked when the first configuration is.

    Attributes
    ----------
    family : str
        Its name.
    source : str or Family
    proposed : list of dict
        The configurations given so far, with their ``family``.
    stored_score : float
        Of a search that is resumed: the best of the family so far.
    """

    def __init__(
        self,
        family,
        find_knowledge=None,
        metafeatures=None,
        *,
        is_regression,
        n_rows,
        deadline=None,
    ):
        self.source = family
        self.family, self.proposed = find_family(family).NAME, []
        self._search, self._default_at, self._stored = None, 0, None
        self._told, self._asked, self._known_names = [], [], set()
        self._space = find_family(family).space(is_regression=is_regression)
        if family == NETWORK:
            self._default = first_config(n_rows, is_regression=is_regression)
        else:
            self._default = default_config(family, is_regression=is_regression)
        self._filling, self.stored_score = self._default, -np.inf
        self._find_knowledge, self._metafeatures = find_knowledge, metafeatures
        self._is_regression = is_regression
        self._deadline, self._n_rows, self._is_resumed = deadline, n_rows, False

    def first(self):
        """The library's defaults, or what stands for them; with the family."""
        return {"family": self.family, **self._default}

    def resume(self, stored=None, told=()):
        """Leave out what an earlier search has tried, and begin with its best.

        Parameters
        ----------
        stored : FrozenTrial, default=None
            The best trial of the family.
        told : sequence of (dict, float)
            Its configurations, as they were asked for, with their scores.
        """
        self._default, self._stored = None, stored
        for asked, score in told:
            known = {name: value for name, value in asked.items() if name in self._space}
            config = read_config(self.source, known, is_regression=self._is_regression)
            self._told.append((config, score))
        self._is_resumed = True
        self.stored_score = -np.inf if stored is None else stored.value

    def next(self):
        """Return a configuration with the user attributes of its trial, or None for no more."""
        if self._stored is not None:
            stored, self._stored = self._stored, None
            return read_trial(stored, self.family), {ORIGIN: "resumed"}
        n_before = len(self.proposed)
        if n_before or self._default is None or not self._defaults_come_first:
            self._start()
        if n_before == self._default_at or self._search is None:
            config, self._default = self._default, None
            attributes = {ORIGIN: "default"}
        elif n_before == N_WARM + 1 and not self._is_resumed:
            config, attributes = self._draw(), {ORIGIN: "random"}
        else:
            config, attributes = self._ask()
        if config is None:
            return None
        self.proposed.append({"family": self.family, **config})
        return config, attributes

    @property
    def _is_limited(self):
        return self._deadline is not None and self._deadline.seconds is not None

    @property
    def _is_short(self):
        return self._is_limited and self._deadline.left_s < MIN_SECONDS

    @property
    def _defaults_come_first(self):
        is_by_rows = self.family == NETWORK  # what it tries first depends on the number of rows
        return is_by_rows or self._is_short or self._n_rows > KNOWN_ROWS

    def _start(self):
        """Start the search by knowledge, once, as the time left allows."""
        if self._find_knowledge is None:
            return
        knowledge, self._find_knowledge = self._find_knowledge(), None
        if knowledge is None or self.family not in knowledge.families:
            return
        is_short, options = self._is_short, {}
        self._default_at = 0 if self._defaults_come_first else 1
        if self._is_resumed:
            self._default_at = -1
        make = PortfolioProposer if is_short else SurrogateProposer
        if self._is_limited and not is_short:
            options["cost_exponent"] = COST_EXPONENT
        proposer = find_proposer(knowledge, self.family, self._is_regression, make, **options)
        described = None
        if not is_short and len(knowledge.metafeatures.columns):
            described = as_far_as_known(self._metafeatures(), knowledge)
        self._search = proposer.start(described)
        self._known_names = set(proposer.space)
        for config, score in self._told:
            self.tell(config, score)

    def _draw(self):
        sampler = optuna.samplers.RandomSampler(seed=0)
        return {
            name: sampler.sample_independent(None, None, name, distribution)
            for name, distribution in self._space.items()
        }

    def _ask(self):
        if len(self.proposed) >= MOST_PROPOSALS or self._search.gain_left() < MIN_GAIN:
            return None, None
        for _ in range(MOST_MISFITS):
            try:
                proposal = ask(self._search)
            except NothingLeftError:
                break
            with contextlib.suppress(LookupError):  # a category that this family lacks
                config = self._fit(proposal.config)
                self._asked.append((config, proposal.config))
                return config, proposal.to_attributes()
        return None, None

    def _fit(self, config):
        """Bring a configuration into the family's space; what it lacks is by default."""
        config = {**self._filling, **config}
        fitted = {
            name: closest_value(config[name], distribution)
            for name, distribution in self._space.items()
            if name in config
        }
        return drop_inactive(fitted, find_family(self.source).CONDITIONS)

    def tell(self, config, score):
        """Learn from a score; NaN where the configuration failed."""
        if self._search is not None:
            self._search.tell(self._known(config), float(score) if score is not None else np.nan)

    def _known(self, config):
        """A configuration as knowledge has it: as it was proposed, or what is known of it."""
        proposed = (known for fitted, known in self._asked if fitted == config)
        own = {name: value for name, value in config.items() if name in self._known_names}
        return next(proposed, own)
