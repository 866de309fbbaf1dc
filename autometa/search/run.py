"""The search: trials are asked in groups, adapted together, reported, pruned and told."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from optuna.trial import TrialState

from autometa.evaluation import FoldScorer, evaluate_group
from autometa.families import space
from autometa.families.adapted_network import DEFAULT_CONFIG, first_config

logger = logging.getLogger(__name__)

#: Trials asked at once on a CPU and on a GPU.
GROUP_SIZES = {"cpu": 8, "cuda": 32}
#: Without a number of trials the search ends when as many trials in a row brought nothing.
PATIENCE = 40


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    best_config : dict
    n_steps : int
        The best point of its learning curve.
    best_score : float
    interrupted : bool
        Ctrl-C ended the search.
    """

    best_config: dict
    n_steps: int
    best_score: float
    interrupted: bool


def run_search(
    task,
    folds,
    *,
    study,
    n_trials,
    pace,
    metric,
    initialisation,
    device="cpu",
    seed=0,
    callbacks=(),
    verbose=0,
):
    """Search the adaptation's hyperparameters.

    Parameters
    ----------
    task : EncodedTask
    folds : Folds
    study : SearchStudy
    n_trials : int or None
        None: until the time is up, or until :data:`PATIENCE` trials brought nothing.
    pace : Pace
        Says what fits into the time left; time for refitting the best is left over.
    metric : Metric
    initialisation : Initialisation
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
    distributions = space(is_regression=task.is_regression)
    scorer, n_folds = FoldScorer(task, folds, metric), len(folds.train_weight)
    group_size = GROUP_SIZES.get(device.partition(":")[0], 8)
    n_done, interrupted = 0, False
    study.is_searching, study.is_stopped = True, False
    try:
        while _is_unfinished(study, n_done, n_trials) and pace.may_start(n_folds):
            if not study.trials:
                first = first_config(len(task.y), is_regression=task.is_regression)
                study.enqueue_trial(first, user_attrs={"autometa:origin": "default"})
            n_asked = group_size if n_trials is None else min(group_size, n_trials - n_done)
            n_asked = min(n_asked, pace.group_size(n_folds))
            group = _Group([study.ask(distributions) for _ in range(n_asked)], pace)
            pace.group_starts(n_asked * n_folds)
            try:
                evaluate_group(
                    task,
                    folds,
                    [trial.params for trial in group.trials],
                    scorer=scorer,
                    initialisation=initialisation,
                    seed=seed,
                    device=device,
                    may_go_on=pace.may_go_on,
                    report=group.report,
                )
            finally:
                told = group.tell(study)
            n_done += n_asked
            for frozen in told:
                for callback in callbacks:
                    callback(study, frozen)
            if verbose:
                logger.info("%d trials, best score %.5g", n_done, _best(study)[0])
    except KeyboardInterrupt:
        interrupted = True
        warnings.warn("Interrupted; the best model found so far is kept.", stacklevel=2)
    finally:
        study.is_searching = False
    best_score, best = _best(study)
    if best is None:
        return None
    config = {**DEFAULT_CONFIG, **best.params}
    return SearchResult(config, best.user_attrs["autometa:n_steps"], best_score, interrupted)


class _Group:
    """Trials that run together: their curves, and what they end as."""

    def __init__(self, trials, pace):
        self.trials, self.pace = trials, pace
        self.curves = [{} for _ in trials]
        self.is_pruned = [False] * len(trials)

    def report(self, indices, n_steps, scores):
        self.pace.reported(n_steps)
        pruned = []
        for index, score in zip(indices, scores, strict=True):
            trial, curve = self.trials[index], self.curves[index]
            if n_steps not in curve:
                curve[n_steps] = float(score)
                trial.report(float(score), n_steps)
            stale = n_steps - max(curve, key=curve.get) > max(20, 0.5 * n_steps)
            prune = trial.should_prune()
            self.is_pruned[index] = prune
            pruned.append(prune or stale)
        return np.array(pruned, dtype=bool)

    def tell(self, study):
        told = []
        for trial, curve, is_pruned in zip(self.trials, self.curves, self.is_pruned, strict=True):
            scores = {step: score for step, score in curve.items() if np.isfinite(score)}
            if not scores:
                told.append(study.tell(trial, state=TrialState.FAIL))
                continue
            best_step = max(scores, key=scores.get)
            trial.set_user_attr("autometa:n_steps", best_step)
            if "autometa:origin" not in trial.user_attrs:
                trial.set_user_attr("autometa:origin", "sampler")
            if is_pruned:
                told.append(study.tell(trial, state=TrialState.PRUNED))
            else:
                told.append(study.tell(trial, scores[best_step]))
        _, best = _best(study)
        if best is not None:
            self.pace.group_ended(best.user_attrs["autometa:n_steps"])
        return told


def _is_unfinished(study, n_done, n_trials):
    if study.is_stopped:
        return False
    if n_trials is not None:
        return n_done < n_trials
    values = [trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))]
    all_trials = len(study.trials)
    if not values:
        return all_trials < PATIENCE
    best_number = study.best_trial.number
    return all_trials - best_number <= PATIENCE


def _best(study):
    """The best score and trial of those that a search told; others may have added their own."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    told = [trial for trial in complete if "autometa:n_steps" in trial.user_attrs]
    if not told:
        return float("-inf"), None
    best = max(told, key=lambda trial: trial.value)
    return best.value, best
