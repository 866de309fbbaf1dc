"""What predictions of a fold are worth: AUC, log-loss, RMSE."""

import numpy as np

from autometa._metrics import Metric
from autometa.exceptions import InvalidInputError

#: What each kind of task is judged by, as the AutoML Benchmark does; and the sign that makes the
#: higher the better.
MAIN_METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
SIGN = {"roc_auc": 1.0, "accuracy": 1.0, "r2": 1.0, "log_loss": -1.0, "rmse": -1.0, "mae": -1.0}
_SCORERS = {
    "roc_auc": "roc_auc",
    "log_loss": "neg_log_loss",
    "accuracy": "accuracy",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "r2": "r2",
}
CLASS_METRICS = ("roc_auc", "log_loss", "accuracy")
NUMBER_METRICS = ("rmse", "mae", "r2")


def check_metric(metric):
    """Refuse a metric that runs do not have; None is the main one of each kind of task."""
    if metric is not None and metric not in SIGN:
        raise InvalidInputError(f"metric must be one of {sorted(SIGN)}, got {metric!r}.")


def score_fold(y, prediction, kind):
    """Score predictions of test rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class indices, or numbers.
    prediction : ndarray of shape (n_rows, n_classes) or (n_rows,)
        Probabilities (rows are scaled to a sum of 1), or numbers.
    kind : {"binary", "multiclass", "regression"}

    Returns
    -------
    dict of str to float
        By metric, as it is commonly given: log-loss and RMSE fall when things get better.

    Examples
    --------
    >>> score_fold(np.array([1.0, 2.0]), np.array([1.0, 4.0]), "regression")["rmse"]
    1.41
    """
    names = NUMBER_METRICS if kind == "regression" else CLASS_METRICS
    if kind != "regression":
        prediction = np.clip(prediction, 0.0, None)
        total = prediction.sum(axis=1, keepdims=True)
        n_classes = prediction.shape[1]
        prediction = np.where(total > 0, prediction / np.where(total > 0, total, 1), 1 / n_classes)
    return {name: SIGN[name] * Metric(_SCORERS[name]).score(y, prediction) for name in names}


def constant_prediction(y_train, n_rows, n_classes):
    """Predict what needs no table: shares of classes, or the mean.

    Returns
    -------
    ndarray of shape (n_rows, n_classes) or (n_rows,)
    """
    if n_classes is None:
        return np.full(n_rows, np.mean(y_train))
    shares = np.bincount(y_train, minlength=n_classes) / len(y_train)
    return np.tile(shares, (n_rows, 1))
