"""What the proposed networks are measured against: common models with their defaults."""

import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

N_TREES = 300
RIVALS = ("linear", "random_forest", "lightgbm")


def predict_rival(name, halves, *, seed, n_threads):
    """Fit a rival on the training half and predict the test half.

    Parameters
    ----------
    name : {"linear", "random_forest", "lightgbm", "catboost"}
    halves : Halves
    seed : int
    n_threads : int

    Returns
    -------
    ndarray of shape (n_test, n_classes) or (n_test,)
        Probabilities, or numbers.
    """
    is_regression = halves.n_classes is None
    if name == "lightgbm":
        import lightgbm

        make = lightgbm.LGBMRegressor if is_regression else lightgbm.LGBMClassifier
        model = make(n_jobs=n_threads, random_state=seed, verbose=-1)
    elif name == "catboost":
        import catboost

        make = catboost.CatBoostRegressor if is_regression else catboost.CatBoostClassifier
        categories = [n for n, c in halves.X_train.items() if c.dtype.kind not in "iufb"]
        places = halves.X_train.columns.get_indexer(categories)
        model = make(
            cat_features=[f"column_{place}" for place in places],
            **{"thread_count": n_threads, "random_seed": seed, "verbose": 0},
            allow_writing_files=False,
        )
    elif name == "random_forest":
        make = RandomForestRegressor if is_regression else RandomForestClassifier
        model = _with_columns_prepared(
            make(n_estimators=N_TREES, n_jobs=n_threads, random_state=seed), is_scaled=False
        )
    elif name == "linear":
        model = Ridge() if is_regression else LogisticRegression(max_iter=2000)
        model = _with_columns_prepared(model, is_scaled=True)
    else:
        raise ValueError(f"name must be among {(*RIVALS, 'catboost')}, got {name!r}.")
    X_train, X_test = _plain(halves.X_train), _plain(halves.X_test)
    if name == "catboost":
        X_train, X_test = (_with_text(X) for X in (X_train, X_test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # slow convergence, single-valued columns
        model.fit(X_train, halves.y_train)
        return model.predict(X_test) if is_regression else model.predict_proba(X_test)


def _with_columns_prepared(model, *, is_scaled):
    is_number = make_column_selector(dtype_include="number")
    is_category = make_column_selector(dtype_exclude="number")
    numbers = [SimpleImputer(strategy="median", keep_empty_features=True)]
    if is_scaled:
        numbers.append(StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    return make_pipeline(
        make_column_transformer((make_pipeline(*numbers), is_number), (categories, is_category)),
        model,
    )


def _plain(X):
    """Columns that every library reads: numbers of one type, categories of text, short names."""
    columns = {}
    for position, (_, column) in enumerate(X.items()):
        if column.dtype.kind in "iufb":
            column = column.astype(np.float64)
        else:
            categories = column.astype("category").cat
            column = categories.rename_categories([str(c) for c in categories.categories])
        columns[f"column_{position}"] = column
    return type(X)(columns)


def _with_text(X):
    """Categories as text, "" where they are missing: what CatBoost reads."""
    return X.apply(
        lambda c: (
            c.astype(object).where(c.notna(), "").astype(str)
            if isinstance(c.dtype, pd.CategoricalDtype)
            else c
        )
    )
