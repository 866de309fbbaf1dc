"""CatBoost with its defaults."""

from importlib import import_module

REQUIREMENTS = ["catboost>=1.2"]
ENVIRONMENT = "boosting"
HAS_TIME_LIMIT = False
IMPORTS = ["catboost"]


def fit(job):
    catboost = import_module("catboost")
    make = catboost.CatBoostRegressor if job.is_regression else catboost.CatBoostClassifier
    X = _with_text(job.plain(job.X))
    model = make(
        thread_count=job.n_threads,
        random_seed=job.seed,
        cat_features=list(X.select_dtypes("object").columns),
        allow_writing_files=False,
        verbose=False,
        **job.options,
    )
    return model.fit(X, job.y)


def predict(model, X, job):
    X = _with_text(job.plain(X))
    return model.predict(X) if job.is_regression else model.predict_proba(X)


def _with_text(X):
    columns = X.select_dtypes("category").columns
    return X.assign(**{name: X[name].astype(object).fillna("missing") for name in columns})
