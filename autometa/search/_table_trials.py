"""Trials of the families that fit tables: one configuration, fold after fold."""

import warnings

import numpy as np
from optuna.trial import TrialState

from autometa.exceptions import FamilyWarning
from autometa.families import Family, find_family, read_config
from autometa.search._library import Candidate

#: Candidates that there must be before a first fold decides whether the others pay.
N_BEFORE_DOUBT = 3
#: Trials of a family whose space is so small that more would repeat themselves.
MOST_TRIALS = {"linear": 12, "knn": 12}
#: A family whose first trials all fail is given up after so many.
MOST_FAILURES = 3
#: Of the time left, what the first trial of a user's own estimator may take.
FIRST_SHARE = 0.3


class TableTrials:
    """Ask for configurations of one family and evaluate them.

    Parameters
    ----------
    study : SearchStudy
    models : FoldModels
    library : Library
    pace : Pace
    proposals : FamilyProposals
    """

    def __init__(self, *, study, models, library, pace, proposals):
        self.family, self.study, self.models = proposals.family, study, models
        self.library, self.pace, self.proposals = library, pace, proposals
        self.n_trials = self.n_failed = 0
        self._is_regression = models.task.is_regression
        self._source, self._guess_s = proposals.source, None
        self._space = find_family(self._source).space(is_regression=self._is_regression)
        self._most = MOST_TRIALS.get(self.family, np.inf) if self._space else 1

    def may_start(self):
        """Whether there is time, and something left to try."""
        is_new = self.n_trials < self._most
        is_hopeless = self.n_trials == self.n_failed >= MOST_FAILURES
        return (
            is_new
            and not is_hopeless
            and self.pace.may_fit(self.family, self.models.task, self.models.n_folds)
        )

    def run(self, n_most):
        """Run one trial; return the frozen trials told."""
        self.n_trials += 1
        names = {name: f"{self.family}.{name}" for name in self._space}
        attrs = {"autometa:family": self.family, "autometa:origin": "sampler"}
        proposed = self.proposals.next()
        if proposed is not None:
            config, of_proposal = proposed
            attrs |= of_proposal
            self.study.enqueue_trial({names[name]: value for name, value in config.items()})
        trial = self.study.ask({names[name]: d for name, d in self._space.items()})
        for name, value in attrs.items():
            trial.set_user_attr(name, value)
        given = {name: trial.params[long] for name, long in names.items()}
        config = read_config(self._source, given, is_regression=self._is_regression)
        try:
            candidate = self._evaluate(trial, config)
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        self.proposals.tell(config, None if candidate is None else candidate.score)
        if candidate is None:
            self.n_failed += 1
            return [self.study.tell(trial, state=TrialState.FAIL)]
        if len(candidate.models) < self.models.n_folds:
            trial.report(candidate.score, 0)
            return [self.study.tell(trial, state=TrialState.PRUNED)]
        self.library.add(candidate)
        return [self.study.tell(trial, candidate.score)]

    def _evaluate(self, trial, config):
        """Fit fold after fold; a candidate of some folds only was not worth more."""
        n_folds = self.models.n_folds
        fitted, predictions = [], []
        with self.pace.fitting(self.family, n_folds) as limits:
            for fold in range(n_folds):
                try:
                    model = self.models.make(self._source, config)
                    self.models.fit(model, fold, limits.should_stop)
                    predictions.append(self.models.predict(model, fold))
                except self._errors as error:
                    self._note(trial, error)
                    return None
                fitted.append(model)
                limits.fold_ended()
                steps_name = find_family(self._source).STEPS_NAME
                if model.n_steps_ is not None and model.n_steps_ < model.n_steps:
                    config = {**config, steps_name: max(1, model.n_steps_)}
                    trial.set_user_attr("autometa:n_steps", model.n_steps_)
                if fold + 1 < n_folds and not self._is_worth_more(predictions[0]):
                    break
        if len(fitted) < n_folds:
            score = self.library.scorer.score(predictions[0], 0)
        else:
            score = self.library.scorer.scores(np.stack(predictions)[None])[0]
        if not np.isfinite(score):
            return None
        return Candidate(
            self.family,
            config,
            float(score),
            np.stack(predictions),
            trial.number,
            models=fitted,
            seconds=limits.seconds,
        )

    def _fits_at_all(self):
        """Whether a fit of a user's estimator, of which nothing is known yet, ends in time."""
        if self.pace.is_free:
            return True
        if self._guess_s is None:
            try:
                self._guess_s = self.models.guess_seconds(self._source)
            except Exception:  # its first trial will say so
                self._guess_s = 0.0
        return self._guess_s * self.models.n_folds < FIRST_SHARE * self.pace.deadline.left_s

    @property
    def _errors(self):
        """What a fit may raise; of estimators that are not ours, anything."""
        is_own = isinstance(self._source, Family)
        return Exception if is_own else (ValueError, ArithmeticError, MemoryError)

    def _note(self, trial, error):
        trial.set_user_attr("autometa:error", repr(error)[:300])
        if isinstance(self._source, Family) and not self.n_failed:
            warnings.warn(
                f"A trial of the family {self.family!r} failed: {error!r}. The search goes on "
                "without it; study_ has the errors of all trials as 'autometa:error'.",
                FamilyWarning,
                stacklevel=2,
            )

    def _is_worth_more(self, first):
        library = self.library
        return len(library.candidates) < N_BEFORE_DOUBT or library.is_worth_more_folds(first)
