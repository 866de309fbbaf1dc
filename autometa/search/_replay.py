"""A study's trials told to a search by knowledge: what to try next, or why to stop asking it."""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
from optuna.trial import TrialState

from autometa.exceptions import NothingLeftError
from autometa.space import closest_value

#: Of a trial: the configuration proposed, which others must know of before its values are set.
CONFIG = "autometa:config"
#: Of a trial: why the base sampler took over, from there on and for every worker.
HANDED_OVER = "autometa:handed_over"
USED_UP, CONTRADICTED = "used up", "contradicted"

#: Scores from which the evidence is looked at, and the agreement below which it contradicts. A
#: higher agreement or an earlier look gives up knowledge that is right, a lower one keeps wrong
#: knowledge for longer.
MIN_EVIDENCE, MIN_AGREEMENT = 12, 0.1
#: Expected gain, as a share of the spread of scores, below which nothing is left to gain.
MIN_GAIN = 5e-4
#: Scores in a row without a better one, of trials since the first proposal, after which nothing is
#: left to gain either.
PATIENCE = 20
#: Proposals in one study; and told trials, which all cost time at every proposal.
MAX_PROPOSALS, MAX_TOLD = 60, 150
#: Proposals in a row that all run already, as far as the study is known to tune them.
MAX_TAKEN = 16


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, and what is known of it.

    Attributes
    ----------
    config : dict of str to value
    predicted_score : float
        In the units of the knowledge; higher is better.
    predicted_cost_s : float or None
        Seconds on tables such as those known, whatever the new one's size; those that ship are
        of at most 1,000 rows.
    origin : str
    neighbours : list of str
        Names of the known tasks that count most.
    ood_score : float or None
        How far the new task is from all known ones; None without meta-features.
    """

    config: dict
    predicted_score: float
    predicted_cost_s: float | None
    origin: str
    neighbours: list
    ood_score: float | None

    def to_attributes(self):
        """User attributes of a trial; what is unknown is left out."""
        described = {
            "autometa:origin": self.origin,
            "autometa:neighbours": self.neighbours or None,
            "autometa:predicted_score": self.predicted_score,
            "autometa:predicted_cost_s": self.predicted_cost_s,
            "autometa:ood_score": self.ood_score,
        }
        return {name: value for name, value in described.items() if value is not None}


def ask(search):
    """Take the next proposal of a search.

    Returns
    -------
    Proposal
    """
    origin = search.origin
    config = search.ask()
    forecast = search.forecast(config)
    ood_score = None if np.isnan(search.ood_score) else round(search.ood_score, 3)
    return Proposal(config, *forecast, origin, search.neighbours, ood_score)


def values_for(config, distributions):
    """Values of a configuration for those of the distributions that have such a value."""
    values = {}
    for name, distribution in distributions.items():
        if name in config:
            with contextlib.suppress(LookupError):
                values[name] = closest_value(config[name], distribution)
    return values


def _are_close(one, other):
    """Whether two configurations are equal, but for rounding."""

    def are_close(value, another):
        are_numbers = isinstance(value, float) and isinstance(another, float)
        return value == another or (are_numbers and math.isclose(value, another, rel_tol=1e-9))

    return one.keys() == other.keys() and all(are_close(one[name], other[name]) for name in one)


class Replay:
    """A search that follows the trials of a study; any worker that reads them gets the same.

    Parameters
    ----------
    start : callable
        ``start(fit)`` returns a new search whose proposals have passed through ``fit``.
    space : UserSpace
    sign : float
        1 where the study maximises, -1 where it minimises.

    Attributes
    ----------
    handed_over : str or None
        Why the knowledge is not asked any more.
    is_recorded : bool
        A trial tells so.
    """

    def __init__(self, start, space, sign):
        self._start, self.space, self._sign = start, space, sign
        self._search = None
        self._told = {}  # of finished trials, by number: what was told
        self.proposals = {}  # of running trials, by number
        self._running = []
        self.handed_over, self.is_recorded = None, False

    def follow(self, trials, number):
        """Take in what became of all trials but the one of ``number``."""
        for trial in trials:
            if HANDED_OVER in trial.user_attrs:
                self.handed_over, self.is_recorded = trial.user_attrs[HANDED_OVER], True
        if self.handed_over:
            return
        others = [trial for trial in trials if trial.number != number]
        finished = [t for t in others if t.state.is_finished() and t.number not in self._told]
        news = [self.space.see(trial.distributions, _left_alone(trial)) for trial in finished]
        if any(news):
            self._search, self._told = None, {}
            finished = [trial for trial in others if trial.state.is_finished()]
        if self._search is None:
            self._search = self._start(self.space.fit)
        for trial in finished:
            self.proposals.pop(trial.number, None)
            score = self._score_of(trial)
            if self.space.names.intersection(trial.params):
                self._search.tell(self.space.complete(trial.params), score)
            self._told[trial.number] = score
        self._running = [trial for trial in others if not trial.state.is_finished()]
        running = [self._expected(trial) for trial in self._running]
        self._search.expect([config for config in running if config])
        self.handed_over = self._reason_to_stop(trials)

    def propose(self):
        """Take the next proposal, or None where there is none.

        None that runs already as far as the study is known to tune it, unless all of many do.
        """
        if self.handed_over or self._search is None:
            return None
        first, shown = None, self._shown()
        taken = [values_for(_planned(trial), shown) for trial in self._running]
        for _ in range(MAX_TAKEN if shown else 1):
            try:
                proposal = ask(self._search)
            except NothingLeftError:
                break
            part = values_for(proposal.config, shown)
            if not any(_are_close(part, other) for other in taken):
                return proposal
            first = first or proposal
        self.handed_over = None if first else USED_UP
        return first

    def _shown(self):
        """The distributions that trials which run have asked for, of what is known."""
        shown = {}
        for trial in self._running:
            shown |= {k: d for k, d in trial.distributions.items() if k in self.space.names}
        return shown

    def _score_of(self, trial):
        if trial.state == TrialState.COMPLETE:
            return self._sign * trial.value
        if trial.state == TrialState.FAIL or not trial.intermediate_values:
            return float("nan")
        # A pruned trial ends before it is at its best, and others were better when it ended.
        score = self._sign * trial.intermediate_values[max(trial.intermediate_values)]
        complete = [value for value in self._told.values() if np.isfinite(value)]
        return min(score, float(np.median(complete))) if complete else score

    def _expected(self, trial):
        """Configuration of a trial that runs or waits, as far as it is known; or None."""
        params = _planned(trial)
        return self.space.complete(params) if self.space.names.intersection(params) else None

    def _reason_to_stop(self, trials):
        proposed = [trial.number for trial in trials if CONFIG in trial.system_attrs]
        if len(proposed) >= MAX_PROPOSALS or len(self._told) >= MAX_TOLD:
            return USED_UP
        scores = {number: score for number, score in self._told.items() if np.isfinite(score)}
        if len(scores) < MIN_EVIDENCE:
            return None
        is_own = [number >= min(proposed, default=np.inf) for number in scores]
        since_best = is_own[int(np.argmax(list(scores.values()))) + 1 :]
        if sum(since_best) >= PATIENCE:
            return USED_UP
        if self._search.agreement() < MIN_AGREEMENT:
            return CONTRADICTED
        return USED_UP if self._search.gain_left() < MIN_GAIN else None


def _planned(trial):
    """What a trial that runs or waits has asked for, or will have when it asks."""
    planned = trial.system_attrs.get(CONFIG, {}) | trial.system_attrs.get("fixed_params", {})
    return {**planned, **trial.params}


def _left_alone(trial):
    """Proposed hyperparameters that a trial never asked for, though it came to its end."""
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return ()
    return set(trial.system_attrs.get(CONFIG, ())) - set(trial.params)
