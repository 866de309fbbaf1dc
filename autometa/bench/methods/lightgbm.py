"""LightGBM with its defaults."""

from importlib import import_module

REQUIREMENTS = ["lightgbm>=4.0 scikit-learn"]
ENVIRONMENT = "boosting"
HAS_TIME_LIMIT = False
IMPORTS = ["lightgbm"]


def fit(job):
    lightgbm = import_module("lightgbm")
    make = lightgbm.LGBMRegressor if job.is_regression else lightgbm.LGBMClassifier
    model = make(n_jobs=job.n_threads, random_state=job.seed, verbose=-1, **job.options)
    X = job.plain(job.X)
    return model.fit(X, job.y)


def predict(model, X, job):
    X = job.plain(X)
    return model.predict(X) if job.is_regression else model.predict_proba(X)
