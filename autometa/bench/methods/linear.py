"""Logistic regression, or ridge regression, on standardised columns."""

from importlib import import_module

HAS_TIME_LIMIT = False
IMPORTS = ["sklearn.compose", "sklearn.linear_model", "sklearn.pipeline", "sklearn.impute"]


def fit(job):
    import numpy as np
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    linear_model = import_module("sklearn.linear_model")
    if job.is_regression:
        model = linear_model.RidgeCV(alphas=np.logspace(-3, 3, 13))
    else:
        model = linear_model.LogisticRegression(max_iter=2_000)
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True),
        StandardScaler(),
    )
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", min_frequency=2),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, model).fit(_as_text(job.plain(job.X)), job.y)


def predict(model, X, job):
    X = _as_text(job.plain(X))
    return model.predict(X) if job.is_regression else model.predict_proba(X)


def _as_text(X):
    return X.astype(dict.fromkeys(X.select_dtypes("category").columns, object))
