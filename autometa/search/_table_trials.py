"""Trials of the families that fit tables: one configuration, fold after fold."""

import math
import warnings

import numpy as np
from optuna.trial import TrialState

from autometa.exceptions import FamilyWarning
from autometa.families import BOOSTING, Family, find_family, read_config
from autometa.search._library import Candidate
from autometa.search._stored import NOT_FINITE

#: Candidates that there must be before a first fold decides whether the others pay.
N_BEFORE_DOUBT = 3
#: Numbers of boosting steps that are compared: the fewest, and one in proportion to the next.
FEWEST_STEPS, STEP_RATIO = 5, 1.4
#: Of these, so many beyond the first fold's best are taken on the other folds.
N_FURTHER = 2
#: On the first fold boosting ends with so many steps at least, and one such number beyond these,
#: that all score worse.
FEWEST_GROWN = 25
#: Trials of a family whose space is so small that more would repeat themselves.
MOST_TRIALS = {"linear": 12, "knn": 12}
#: Trials of any family, and one more for so many rows that tell (of rare classes, those and as many
#: others): of more, the best would be so by chance.
FEW_TRIALS, ROWS_OF_A_TRIAL = 5, 100
#: What families of ours may raise for a configuration that does not suit a table.
EXPECTED = (ValueError, ArithmeticError, MemoryError)
#: A family whose first trials all fail is given up after so many.
MOST_FAILURES = 3


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
        self.n_trials, self.n_failed, self._has_warned = 0, 0, False
        self._best_first = -math.inf  # score on the first fold
        self._share = 1.0  # of each fold's training rows, those that the next trial is fitted on
        self._is_regression = models.task.is_regression
        self._source = proposals.source
        self._space = find_family(self._source).space(is_regression=self._is_regression)
        most = FEW_TRIALS + _n_telling(models.task) // ROWS_OF_A_TRIAL
        self._most = min(most, MOST_TRIALS.get(self.family, most)) if self._space else 1

    @property
    def has_enough(self):
        """Whether more trials would be for their number's sake."""
        return self.n_trials >= self._most

    def may_start(self):
        """Whether there is time, and something left to try."""
        is_new = bool(self._space) or not self.n_trials
        is_hopeless = self.n_trials == self.n_failed >= MOST_FAILURES
        self._share = self._rows_share() if is_new and not is_hopeless else 0.0
        return self._share > 0

    def _rows_share(self):
        """Of each fold's training rows, those that there is time for."""
        if isinstance(self._source, Family) and not self.pace.knows(self.family):
            try:
                self.pace.guess(self.family, *self.models.guess_seconds(self._source))
            except Exception:  # its first trial will say so
                self.pace.guess(self.family, 0.0, 1.0)
        return self.pace.rows_share(self.family, self.models.task, self.models.n_folds)

    def run(self, n_most):
        """Run one trial; return the frozen trials told."""
        self.n_trials += 1
        if self.n_trials == 1:
            self._warn_of_weights()
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
        """Fit fold after fold; a candidate of some folds only was not worth more.

        What the first fold shows of the number of steps bounds that of the others; the best of
        all folds is kept.
        """
        n_folds, steps_name = self.models.n_folds, find_family(self._source).STEPS_NAME
        fitted, predictions, steps, rows_share = [], [], None, self._share
        if rows_share < 1:
            trial.set_user_attr("autometa:rows_share", rows_share)
        with self.pace.fitting(self.family, n_folds, rows_share) as limits:
            for fold in range(n_folds):
                if fold and not self._may_fit(limits.seconds / fold * (n_folds - fold)):
                    break
                try:
                    model = self.models.make(self._source, config)
                    stale = None if fold else _Staleness(self.library.scorer).is_stale
                    self.models.fit(model, fold, limits.should_stop, rows_share, stale)
                    if steps is None:
                        steps = _points(self.family, model.n_steps_)
                    predictions.append(self.models.predict(model, fold, steps))
                except Exception as error:  # each library has errors of its own
                    self._note(trial, error)
                    return None
                fitted.append(model)
                limits.fold_ended()
                if fold > 0 or n_folds == 1:
                    continue
                scores = [self.library.scorer.score(one, 0) for one in predictions[0]]
                best = int(np.nanargmax(scores)) if np.isfinite(scores).any() else 0
                trial.set_user_attr("autometa:first_fold", float(scores[best]))
                if not self._is_worth_more(predictions[0][best], scores[best]):
                    break
                steps = steps[: best + 1 + N_FURTHER]
                predictions[0] = predictions[0][: len(steps)]
                if steps[-1] is not None:
                    config = {**config, steps_name: steps[-1]}
        if len(fitted) == n_folds:
            points = np.stack(predictions, axis=1)  # (n_points, n_folds, n_valid, ...)
            scores = self.library.scorer.scores(points)
            best = int(np.nanargmax(scores)) if np.isfinite(scores).any() else 0
            predictions = points[best]
        else:
            predictions = predictions[0][None, best]
        if not np.isfinite(scores[best]):
            self._note(trial, self.library.scorer.metric.error or NOT_FINITE)
            return None
        if steps[best] is not None:
            config = {**config, steps_name: steps[best]}
            trial.set_user_attr("autometa:n_steps", steps[best])
            for model in fitted:
                model.cut(steps[best])
        return Candidate(
            self.family,
            config,
            float(scores[best]),
            predictions,
            trial.number,
            models=fitted,
            seconds=limits.seconds,
            rows_share=rows_share,
        )

    def _may_fit(self, seconds):
        """Whether the fits that are left fit; those that can end early do so by themselves."""
        return find_family(self._source).STEPS_NAME is not None or self.pace.may_fit(seconds)

    def _note(self, trial, error):
        text = error if isinstance(error, str) else repr(error)
        trial.set_user_attr("autometa:error", text[:300])
        is_expected = isinstance(error, (str, *EXPECTED)) and not isinstance(self._source, Family)
        if not is_expected and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"A trial of the family {self.family!r} failed: {text}. The search goes on "
                "without it; study_ has the errors of all trials as 'autometa:error'.",
                FamilyWarning,
                stacklevel=2,
            )

    def _warn_of_weights(self):
        if isinstance(self._source, Family) and self._source.ignores(self.models.task.weight):
            warnings.warn(
                f"The estimator of the family {self.family!r} takes no sample_weight, and these "
                "weights are no whole multiples of each other, so that rows cannot be repeated "
                "instead: it is fitted without weights, and scored with them.",
                FamilyWarning,
                stacklevel=2,
            )

    def _is_worth_more(self, first, score):
        """Whether what the first fold shows is the family's best, or makes the ensemble better.

        The ensemble's weights were chosen by that fold too, so that it is hard to gain there.
        """
        is_best, self._best_first = score > self._best_first, max(score, self._best_first)
        library = self.library
        is_early = len(library.candidates) < N_BEFORE_DOUBT
        return is_best or is_early or library.is_worth_more_folds(first)


class _Staleness:
    """Whether the first fold's score has been getting worse while boosting grows."""

    def __init__(self, scorer):
        self._scorer, self._next = scorer, FEWEST_STEPS
        self._best, self._n_best = -math.inf, 0

    def is_stale(self, n_steps, predict):
        """Look at some numbers of steps only, since all that has grown predicts each time."""
        if n_steps < self._next:
            return False
        self._next = math.ceil(STEP_RATIO * n_steps)
        score = self._scorer.score(predict(), 0)
        if not score < self._best:  # of labels, scores stay the same for long, and begin to rise
            self._best, self._n_best = max(score, self._best), n_steps
        most = max(FEWEST_GROWN, self._n_best * STEP_RATIO ** (N_FURTHER + 1))
        return n_steps >= most


def _n_telling(task):
    """Rows, of which those of the most frequent class count as many as all others do at most."""
    if task.is_regression:
        return len(task.y)
    return min(len(task.y), 2 * (len(task.y) - int(np.bincount(task.y).max())))


def _points(family, n_steps):
    """Numbers of steps to compare, ascending; the last is the whole."""
    if family not in BOOSTING or n_steps <= FEWEST_STEPS:
        return [n_steps]
    n_points = 1 + math.ceil(math.log(n_steps / FEWEST_STEPS, STEP_RATIO))
    return np.unique(np.geomspace(FEWEST_STEPS, n_steps, n_points).round().astype(int)).tolist()
