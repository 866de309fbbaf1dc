"""The score of configurations on a task by cross-validation, each evaluated once and kept."""

import json
import time

from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from autometa.evaluation import TableEvaluator, TableFolds
from autometa.families import drop_inactive
from autometa.knowledge import Initialisation
from benchmarks.results_file import ResultsFile


class Scores:
    """A file of scores, shared by all methods that ask for the same configuration.

    Parameters
    ----------
    path : path
    max_rows, n_folds, seed : int
        Of the rows drawn and their folds; other ones have scores of their own.
    """

    def __init__(self, path, *, max_rows, n_folds=3, seed=0):
        self.settings = {"max_rows": max_rows, "n_folds": n_folds, "seed": seed}
        self._file = ResultsFile(path, ("task", "family", "settings", "config"))
        self._known = {
            _key(row["task"], row["family"], row["config"]): row
            for row in self._file.rows()
            if row["settings"] == self.settings
        }
        self._task = self._evaluator = None

    def evaluate(self, task, family, config):
        """Look a configuration up, or evaluate and keep it.

        Returns
        -------
        dict
            ``score`` (None where it failed) and ``cost_s``.
        """
        key = _key(task.name, family, config)
        if key not in self._known:
            row = {"task": task.name, "family": family, "settings": self.settings}
            row |= {"config": config, **self._evaluate(task, family, config)}
            self._file.add(row)
            self._known[key] = row
        return self._known[key]

    def _evaluate(self, task, family, config):
        if self._task is not task:
            table = TableFolds.from_task(task, **self.settings)
            self._task, self._evaluator = task, TableEvaluator(table)
        if family == "adapted_network" and self._evaluator.initialisation is None:
            self._evaluator.initialisation = Initialisation.default()
        started_s = time.process_time()
        try:
            [curve] = self._evaluator.evaluate(family, [config])
        except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
            message = f"{type(error).__name__}: {error}"[:300]
            return {"score": None, "cost_s": time.process_time() - started_s, "error": message}
        score = curve[-1]["score"]
        is_finite = abs(score) < float("inf")  # NaN is not
        return {"score": score if is_finite else None, "cost_s": curve[-1]["cost_s"]}


def run_study(study, space, conditions, n_trials, evaluate):
    """Run a study by ask and tell.

    Parameters
    ----------
    study : optuna.Study
    space : dict of str to optuna distribution
        Parents before the hyperparameters that are conditional on them.
    conditions : dict
        As of the families.
    n_trials : int
    evaluate : callable
        ``evaluate(config)`` returns a score, or None.

    Returns
    -------
    scores : list of float or None
        In order of the trials.
    search_s : float
        Seconds of processor time that went into everything but evaluating.
    """
    scores, search_s = [], 0.0
    for _ in range(n_trials):
        started_s = time.process_time()
        trial = study.ask()
        config = draw(trial, space, conditions)
        search_s += time.process_time() - started_s
        score = evaluate(config)
        started_s = time.process_time()
        if score is None:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, score)
        search_s += time.process_time() - started_s
        scores.append(score)
    return scores, search_s


def draw(trial, space, conditions):
    """Let a trial suggest every hyperparameter that is active."""
    config = {}
    for name, distribution in space.items():
        if name not in drop_inactive({**config, name: None}, conditions):
            continue
        if isinstance(distribution, CategoricalDistribution):
            config[name] = trial.suggest_categorical(name, distribution.choices)
            continue
        is_float = isinstance(distribution, FloatDistribution)
        suggest = trial.suggest_float if is_float else trial.suggest_int
        options = {"step": distribution.step, "log": distribution.log}
        config[name] = suggest(name, distribution.low, distribution.high, **options)
    return config


def _key(task, family, config):
    return json.dumps([task, family, config], sort_keys=True)
