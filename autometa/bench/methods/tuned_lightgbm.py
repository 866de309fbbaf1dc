"""LightGBM tuned from cold by Optuna's TPE until the time is up; the best is fitted on all rows.

Five folds, stratified for classes; early stopping chooses the number of trees. A trial ends after
fewer folds where time is short; from the second fold on, a trial worse than the median is pruned.
"""

import time
from importlib import import_module

REQUIREMENTS = ["lightgbm>=4.0 scikit-learn", "optuna>=4.0"]
ENVIRONMENT = "boosting"
IMPORTS = ["lightgbm", "optuna", "sklearn.model_selection"]
N_FOLDS = 5
MAX_TREES = 2_000
#: Of the time limit, kept for the last fit.
LAST_SHARE = 0.2


def fit(job):
    lightgbm, optuna = import_module("lightgbm"), import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends = time.monotonic() + job.time_limit
    search_ends = ends - LAST_SHARE * job.time_limit
    X = job.plain(job.X)
    folds = [
        (lightgbm.Dataset(X.iloc[train], job.y[train], params=QUIET), valid)
        for train, valid in _folds(job)
    ]

    def objective(trial):
        config, losses, n_trees = {**sample(trial), **settings(job)}, [], []
        for number, (train, valid) in enumerate(folds):
            if time.monotonic() >= search_ends:
                break
            valid = lightgbm.Dataset(X.iloc[valid], job.y[valid], reference=train, params=QUIET)
            stop = [lightgbm.early_stopping(30, verbose=False), _until(lightgbm, search_ends)]
            model = lightgbm.train(config, train, MAX_TREES, [valid], callbacks=stop)
            losses.append(next(iter(model.best_score["valid_0"].values())))
            n_trees.append(model.best_iteration or model.current_iteration())
            trial.report(sum(losses) / len(losses), number)
            if trial.should_prune():
                raise optuna.TrialPruned
        if not losses:
            raise optuna.TrialPruned
        trial.set_user_attr("n_trees", max(1, round(sum(n_trees) / len(n_trees))))
        return sum(losses) / len(losses)

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=job.seed, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=1),
    )
    study.optimize(objective, timeout=max(0.0, search_ends - time.monotonic()))
    done = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    config = study.best_params if done else {}
    n_trees = study.best_trial.user_attrs["n_trees"] if done else 100
    data = lightgbm.Dataset(X, job.y, params=QUIET)
    return lightgbm.train(
        {**config, **settings(job)}, data, n_trees, callbacks=[_until(lightgbm, ends)]
    )


def predict(model, X, job):
    import numpy as np

    X = job.plain(X)
    found = np.asarray(model.predict(X))
    return np.stack([1 - found, found], axis=1) if job.kind == "binary" else found


def sample(trial):
    """Ranges as they are common for LightGBM."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "subsample_freq": trial.suggest_int("subsample_freq", 0, 1),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-8, 10.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-8, 10.0, log=True),
    }


# Trees with few rows need bins of few rows, and these are fixed with the data.
QUIET = {"verbose": -1, "feature_pre_filter": False}


def settings(job):
    """What is not searched: the objective, whose loss also scores the trials."""
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
    metric = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse"}
    found = {"objective": objective[job.kind], "metric": metric[job.kind], **QUIET}
    if job.kind == "multiclass":
        found["num_class"] = job.n_classes
    return {**found, "num_threads": job.n_threads, "seed": job.seed}


def _folds(job):
    import warnings

    import numpy as np
    from sklearn.model_selection import KFold, StratifiedKFold

    n_folds = min(N_FOLDS, len(job.y))
    is_stratified = not job.is_regression and np.bincount(job.y).max() >= n_folds
    make = StratifiedKFold if is_stratified else KFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes of fewer rows than folds
        return list(make(n_folds, shuffle=True, random_state=job.seed).split(job.y, job.y))


def _until(lightgbm, ends):
    """Add no tree after some moment."""

    def stop(env):
        if time.monotonic() >= ends:
            scores = env.evaluation_result_list or []
            raise lightgbm.callback.EarlyStopException(env.iteration, scores)

    return stop
