"""A random forest of scikit-learn, with its defaults; categories as codes."""

HAS_TIME_LIMIT = False
IMPORTS = ["sklearn.ensemble"]


def fit(job):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    make = RandomForestRegressor if job.is_regression else RandomForestClassifier
    model = make(n_jobs=job.n_threads, random_state=job.seed, **job.options)
    return model.fit(_codes(job, job.X), job.y)


def predict(model, X, job):
    X = _codes(job, X)
    return model.predict(X) if job.is_regression else model.predict_proba(X)


def _codes(job, X):
    """Categories by their codes in the training table, unknown ones and gaps as NaN."""
    X = job.plain(X)
    for name in X.select_dtypes("category").columns:
        codes = X[name].cat.codes
        X[name] = codes.where(codes >= 0)
    return X.astype("float32")
