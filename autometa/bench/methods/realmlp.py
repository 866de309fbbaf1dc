"""RealMLP with its tuned defaults, from pytabkit; one model, no ensemble of folds.

It takes no time limit. Large tables take it minutes; the benchmark's limit ends those runs.
"""

from importlib import import_module

REQUIREMENTS = ["torch==2.13.0", "torch==2.13.0 pytabkit==1.7.3"]
ENVIRONMENT = "realmlp"
HAS_TIME_LIMIT = False
IMPORTS = ["pytabkit", "torch"]
#: What its authors advise where probabilities count, not labels.
PROBABILITIES = {"val_metric_name": "cross_entropy", "use_ls": False}


def fit(job):
    pytabkit, torch = import_module("pytabkit"), import_module("torch")
    torch.set_num_threads(job.n_threads)
    make = pytabkit.RealMLP_TD_Regressor if job.is_regression else pytabkit.RealMLP_TD_Classifier
    X = _whole(job, job.X)
    options = {} if job.is_regression else PROBABILITIES
    model = make(
        device="cpu",
        n_threads=job.n_threads,
        random_state=job.seed,
        tmp_folder=str(job.folder / "pytabkit"),
        verbosity=0,
        **{**options, **job.options},
    )
    return model.fit(X, job.y, cat_col_names=list(X.select_dtypes("category").columns))


def predict(model, X, job):
    X = _whole(job, X)
    return model.predict(X) if job.is_regression else model.predict_proba(X)


def _whole(job, X):
    """Fill gaps among numbers with the training median: RealMLP takes none."""
    medians = job.plain(job.X).select_dtypes("number").median().fillna(0.0)
    return job.plain(X).fillna(medians.to_dict())
