"""Metrics under the names of scikit-learn's scorers: the higher, the better."""

from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from autometa.exceptions import InvalidInputError


@dataclass(frozen=True)
class Metric:
    """A metric that can be asked for by name.

    Parameters
    ----------
    name : str
        A name in :data:`CLASS_METRICS` or :data:`NUMBER_METRICS`.

    Examples
    --------
    >>> metric = Metric("accuracy")
    >>> metric.score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]))
    0.67
    """

    name: str

    def score(self, y, prediction, weight=None):
        """Score the predictions of some rows, of which classes may be absent.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Class indices, or numbers.
        prediction : ndarray of shape (n_rows, n_classes) or (n_rows,)
            Probabilities, or numbers.
        weight : ndarray of shape (n_rows,), optional
            Rows of weight 0 do not count; at least one is above 0.

        Returns
        -------
        float
        """
        weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        counts = weight > 0
        if not counts.all():
            y, prediction, weight = y[counts], prediction[counts], weight[counts]
        function = {**CLASS_METRICS, **NUMBER_METRICS}[self.name]
        return float(function(np.asarray(y), np.asarray(prediction, dtype=np.float64), weight))


def find_metric(name, *, is_regression):
    """Return the metric that a user asked for; None gives the default.

    Examples
    --------
    >>> find_metric(None, is_regression=False)
    Metric(name='neg_log_loss')
    """
    known = NUMBER_METRICS if is_regression else CLASS_METRICS
    if name is None:
        return Metric(next(iter(known)))
    if not isinstance(name, str) or name not in known:
        target = "numbers" if is_regression else "classes"
        raise InvalidInputError(
            f"metric must be one of {', '.join(known)} for {target}, got {name!r}."
        )
    return Metric(name)


def _neg_log_loss(y, probabilities, weight):
    # A learning curve takes many of these, and scikit-learn's takes ten times as long.
    share = probabilities[np.arange(len(y)), y] / probabilities.sum(axis=1)
    floor = np.finfo(np.float64).eps
    return np.average(np.log(share.clip(floor, 1.0)), weights=weight)


def _roc_auc(y, probabilities, weight):
    """One class against the rest, averaged over the classes that have rows on both sides."""
    present = np.unique(y)
    if len(present) < 2:
        return 0.5  # there is no pair to order, whatever is predicted
    if probabilities.shape[1] == 2:
        present = [1]
    return np.mean(
        [metrics.roc_auc_score(y == c, probabilities[:, c], sample_weight=weight) for c in present]
    )


def _accuracy(y, probabilities, weight):
    return metrics.accuracy_score(y, probabilities.argmax(axis=1), sample_weight=weight)


def _balanced_accuracy(y, probabilities, weight):
    return metrics.recall_score(
        y, probabilities.argmax(axis=1), labels=np.unique(y), average="macro", sample_weight=weight
    )


def _neg_root_mean_squared_error(y, numbers, weight):
    return -metrics.root_mean_squared_error(y, numbers, sample_weight=weight)


def _neg_mean_squared_error(y, numbers, weight):
    return -metrics.mean_squared_error(y, numbers, sample_weight=weight)


def _neg_mean_absolute_error(y, numbers, weight):
    return -metrics.mean_absolute_error(y, numbers, sample_weight=weight)


def _r2(y, numbers, weight):
    if len(y) < 2:  # scikit-learn: undefined; here as for any target without variance
        return float(y[0] == numbers[0])
    return metrics.r2_score(y, numbers, sample_weight=weight)


#: The first of each is the default.
CLASS_METRICS = {
    "neg_log_loss": _neg_log_loss,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
}
NUMBER_METRICS = {
    "neg_root_mean_squared_error": _neg_root_mean_squared_error,
    "neg_mean_absolute_error": _neg_mean_absolute_error,
    "neg_mean_squared_error": _neg_mean_squared_error,
    "r2": _r2,
}
