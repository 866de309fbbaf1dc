"""The search: family after family, trial after trial, until the time or the trials are used."""

import logging
import time
import warnings
from dataclasses import dataclass

import numpy as np

from autometa.evaluation import FoldScorer
from autometa.exceptions import MemoryLimitWarning
from autometa.families.adapted_network import DEFAULT_CONFIG, NAME
from autometa.search._family_proposals import FamilyProposals
from autometa.search._library import MOST_SETTLED, SETTLED_A_SECOND, Candidate, Library
from autometa.search._network_trials import NetworkTrials
from autometa.search._stored import best_trial, has_trials, read_trial, told_scores
from autometa.search._table_trials import TableTrials

logger = logging.getLogger(__name__)

#: Without a number of trials the search ends when as many trials in a row brought nothing.
PATIENCE = 40
#: What a family without weight in the ensemble still counts for, when time is shared out.
LEAST_SHARE = 0.1
#: Trials before which a family counts at least as much as the mean of all.
N_FAIR = 4


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    candidates : list of Candidate
        The best configurations.
    weights : ndarray of shape (n_candidates,)
        Of their mean, which scored best; they add up to 1.
    best_score : float
        Of that mean.
    interrupted : bool
        Ctrl-C ended the search.
    scorer : FoldScorer
    is_complete : bool
        All trials asked for were run, or a callback ended the search; no lack of time did.
    """

    candidates: list
    weights: np.ndarray
    best_score: float
    interrupted: bool
    scorer: FoldScorer
    is_complete: bool = False

    @property
    def best(self):
        """The best configuration alone."""
        return max(self.candidates, key=lambda one: one.score)

    def has_tried(self, family):
        """Whether there is a candidate of a family."""
        return any(one.family == family for one in self.candidates)

    @property
    def members(self):
        """Candidates and their weights, of those that have one."""
        pairs = zip(self.candidates, self.weights.tolist(), strict=True)
        return [(one, weight) for one, weight in pairs if weight > 0]

    def mean_of(self, members):
        """The mean of what members predict for the rows held out; None where that is unknown.

        Parameters
        ----------
        members : list of (Candidate, float)
            The weights add up to 1.

        Returns
        -------
        ndarray of shape (n_folds, n_valid, ...) or None
        """
        if not all(one.predictions.size for one, _ in members):
            return None
        return sum(weight * one.predictions for one, weight in members)

    def score_of(self, members):
        """The score of the mean of members."""
        if len(members) == 1:
            return members[0][0].score
        return float(self.scorer.scores(self.mean_of(members)[None])[0])


def run_search(
    task,
    folds,
    *,
    study,
    n_trials,
    pace,
    metric,
    initialisation,
    first=None,
    proposals=None,
    models=None,
    device="cpu",
    seed=0,
    callbacks=(),
    verbose=0,
):
    """Search families and their hyperparameters.

    Parameters
    ----------
    task : EncodedTask
    folds : Folds
    study : SearchStudy
    n_trials : int or None
        None: until the time is up, until :data:`PATIENCE` trials brought nothing, or until no
        family has more to try.
    pace : Pace
        Says what fits into the time left; time for refitting the best is left over.
    metric : Metric
    initialisation : Initialisation
    first : NetworkModel, default=None
        As proposed for the first fold, where it is there.
    proposals : sequence of FamilyProposals, default=None
        One for each family, in the order of their first trials; by default the adapted network's.
    models : callable, default=None
        ``models(valid_rows)`` returns the :class:`~autometa.evaluation.FoldModels` of the same
        rows; needed for other families than the adapted network.
    device : str
    seed : int
        Of the dropout noise and of row draws; common to all trials.
    callbacks : sequence of callable
        ``callback(study, frozen_trial)``, as in ``Study.optimize``.
    verbose : int

    Returns
    -------
    SearchResult or None
        None where not even one point of a learning curve was reached; the study is as it was
        where not even one trial could start.
    """
    scorer = FoldScorer(task, folds, metric)
    library = Library(scorer, pace.deadline)
    common = {"study": study, "library": library, "pace": pace}
    if proposals is None:
        kind = {"is_regression": task.is_regression, "n_rows": len(task.y)}
        proposals = [FamilyProposals(NAME, **kind)]
    is_alone = [one.family for one in proposals] == [NAME]
    fold_models = None if is_alone else models(scorer.rows)
    stored = best_trial(study, NAME) if is_alone else None
    runners = []
    for one in proposals:
        common["proposals"] = one
        if has_trials(study, one.family):
            best = None if is_alone else best_trial(study, one.family)
            one.resume(best, told_scores(study, one.family))
        if one.family == NAME:
            own = {"initialisation": initialisation, "seed": seed, "device": device}
            own |= {"prefix": "" if is_alone else f"{NAME}.", "first": first}
            runners.append(NetworkTrials(task, folds, **own, **common))
        else:
            runners.append(TableTrials(models=fold_models, **common))
    if study.trials and not is_alone:  # what was best comes first, in case there is time for little
        runners.sort(key=lambda runner: -runner.proposals.stored_score)
    turns = _Turns(runners, library, reads_clock=not pace.is_free, goes_on=n_trials is not None)
    n_done, n_stale, interrupted = 0, 0, False
    study.is_searching, study.is_stopped = True, False
    try:
        if stored is not None and runners[0].may_start():
            runners[0].recall(stored)
        while _is_unfinished(study, n_done, n_trials, n_stale):
            runner = turns.next()
            if runner is None:
                if pace.memory.is_short():
                    _warn_of_memory(pace.memory, n_done)
                break
            n_most = np.inf if n_trials is None else n_trials - n_done
            told, has_gained = turns.run(runner, n_most)
            n_done += len(told)
            n_stale = 0 if has_gained else n_stale + len(told)
            if not is_alone:
                pace.reserve(sum(_largest_s(one, folds) for one in _fitted(library)))
            for frozen in told:
                for callback in callbacks:
                    callback(study, frozen)
            if verbose and library.candidates:
                logger.info("%d trials, best score %.5g", n_done, library.candidates[0].score)
    except KeyboardInterrupt:
        interrupted = _note_interrupt(study)
    finally:
        study.is_searching = False
    if is_alone:
        return _best_alone(study, library, interrupted)
    if not library.candidates:
        return None
    try:
        library.settle(_most_settled(pace))
    except KeyboardInterrupt:  # the weights chosen in the search are there
        interrupted = _note_interrupt(study)
    sources = {} if interrupted else {one.family: one.source for one in proposals}
    try:
        _refit(library, fold_models, pace, sources)
    except KeyboardInterrupt:
        interrupted = _note_interrupt(study)
    score = float(library.score)
    is_complete = study.is_stopped or n_done == n_trials
    return SearchResult(
        library.candidates, library.weights, score, interrupted, scorer, is_complete
    )


def _note_interrupt(study):
    study.is_interrupted = True
    warnings.warn("Interrupted; the best model found so far is kept.", stacklevel=3)
    return True


def _most_settled(pace):
    """Held-out predictions that there is time to choose weights by once more."""
    if pace.is_free:
        return MOST_SETTLED
    return min(MOST_SETTLED, int(SETTLED_A_SECOND * max(0.0, pace.deadline.left_s)))


def _warn_of_memory(memory, n_done):
    warnings.warn(
        f"The search ended after {n_done} trials, near memory_limit={memory.gigabytes:g}; the best "
        "model found so far is kept. Raise it, or give fewer rows or columns.",
        MemoryLimitWarning,
        stacklevel=3,
    )


class _Turns:
    """Whose turn it is: first each family once, then those that the ensemble draws on.

    What a turn that made the ensemble better took counts half, with all before it. A family that
    has had enough trials waits for the others; where all have, they go on if trials are asked for.
    """

    def __init__(self, runners, library, *, reads_clock, goes_on=False):
        self.runners, self.library, self.reads_clock = list(runners), library, reads_clock
        self.goes_on = goes_on
        self.spent = dict.fromkeys(runners, 0.0)

    def next(self):
        """The family to try next, or None where nothing fits the time left."""
        able = [one for one in self.runners if not one.has_enough and one.may_start()]
        if not able and self.goes_on:
            able = [one for one in self.runners if one.has_enough and one.may_start()]
        if not able:
            return None
        new = [runner for runner in able if not runner.n_trials]
        if new or len(able) == 1:
            return (new or able)[0]
        return min(able, key=self._need)

    def _need(self, runner):
        fair = 1.0 / len(self.runners) if runner.n_trials < N_FAIR else 0.0
        share = max(self.library.share(runner.family), fair)
        return self.spent[runner] / (share + LEAST_SHARE)

    def run(self, runner, n_most):
        """Let a family run some trials; one at first, where there are others.

        Returns
        -------
        told : list of FrozenTrial
        has_gained : bool
            Whether what predicts scores better with them.
        """
        if len(self.runners) > 1 and not runner.n_trials:
            n_most = min(n_most, 1)
        started_s = time.monotonic() if self.reads_clock else 0.0
        before = self._score
        told = runner.run(n_most)
        self.spent[runner] += time.monotonic() - started_s if self.reads_clock else len(told)
        has_gained = self._score > before
        if has_gained:
            self.spent[runner] /= 2
        return told, has_gained

    @property
    def _score(self):
        """Of what predicts: the ensemble, or of one family the best."""
        if len(self.runners) > 1:
            return self.library.score
        return max((one.score for one in self.library.candidates), default=-np.inf)


def _fitted(library):
    """The table models of all rows that have a weight, the heaviest first, and the best of all."""
    pairs = zip(library.weights, library.candidates, strict=True)
    members = [
        (weight, one)
        for place, (weight, one) in enumerate(pairs)
        if (weight > 0 or place == 0) and one.models and one.rows_share == 1
    ]
    return [one for _, one in sorted(members, key=lambda pair: -pair[0])]


def _largest_s(one, folds):
    """Seconds of a candidate's fit on the fold that trains on most rows."""
    n_rows = (folds.train_weight > 0).sum(axis=1)
    return one.seconds * n_rows.max() / n_rows.sum()


def _refit(library, fold_models, pace, sources):
    """Fit what predicts on all rows too, as far as time allows.

    Of folds that do not share all rows, the model of the one that trains on most is kept until
    then.
    """
    folds = fold_models.folds
    largest = int((folds.train_weight > 0).sum(axis=1).argmax())
    if not folds.are_bagged:
        for one in library.candidates:
            one.models[:] = one.models[largest : largest + 1]
    pace.reserve(0.0)
    for one in _fitted(library):
        if one.family in sources and pace.may_refit(_largest_s(one, folds)):
            try:
                model = fold_models.make(sources[one.family], one.config)
                fold_models.fit(model)
            except Exception:  # of a library, as in a trial; the folds' models are there
                continue
            if folds.are_bagged:
                one.refits.append(model)
            else:
                one.models[:] = [model]


def _best_alone(study, library, interrupted):
    """The best of the adapted network's trials, stored ones included."""
    best = best_trial(study, NAME)
    if best is None:
        return None
    config = {**DEFAULT_CONFIG, **read_trial(best, NAME)}
    n_steps = best.user_attrs["autometa:n_steps"]
    tried = {one.trial: one.predictions for one in library.candidates}
    # a stored trial's are gone where there was no time to make them again
    predictions = tried.get(best.number, np.empty(0))
    one = Candidate(NAME, config, best.value, predictions, best.number, n_steps)
    return SearchResult([one], np.ones(1), best.value, interrupted, library.scorer)


def _is_unfinished(study, n_done, n_trials, n_stale):
    if study.is_stopped:
        return False
    if n_trials is not None:
        return n_done < n_trials
    return n_stale < PATIENCE
