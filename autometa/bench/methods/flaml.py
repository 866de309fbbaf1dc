"""FLAML, as its users call it."""

from importlib import import_module

# XGBoost before 3 as FLAML asks for it; its wheel for Linux brings CUDA's communication library.
REQUIREMENTS = ["flaml[automl]==2.7.0 catboost>=1.2"]
ENVIRONMENT = "flaml"
IMPORTS = ["flaml", "flaml.automl", "lightgbm", "xgboost", "catboost"]
METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "rmse"}


def fit(job):
    model = import_module("flaml").AutoML()
    X = job.plain(job.X)
    model.fit(
        X,
        job.y,
        task="regression" if job.is_regression else "classification",
        metric=METRICS[job.metric],
        time_budget=job.time_limit,
        n_jobs=job.n_threads,
        seed=job.seed,
        log_file_name=str(job.folder / "flaml.log"),
        verbose=0,
        **job.options,
    )
    return model


def predict(model, X, job):
    import numpy as np

    X = job.plain(X)
    answer = model.predict(X) if job.is_regression else model.predict_proba(X)
    if answer is None:
        raise RuntimeError("FLAML has fitted no model within the time limit")
    if job.is_regression:
        return answer
    found = np.zeros((len(X), job.n_classes))
    found[:, np.asarray(model.classes_).astype(int)] = answer
    return found
