"""This package, by its public estimators."""

from importlib import import_module

IMPORTS = ["autometa", "autometa.search", "autometa.families", "torch", "optuna"]


def fit(job):
    autometa = import_module("autometa")
    make = autometa.AutoMetaRegressor if job.is_regression else autometa.AutoMetaClassifier
    model = make(
        time_limit=job.time_limit,
        n_jobs=job.n_threads,
        random_state=job.seed,
        on_known_task="ignore",  # the benchmark looks for known tasks itself
        **job.options,
    )
    return model.fit(job.X, job.y)
