"""Metrics under the names of scikit-learn's scorers: the higher, the better."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn import metrics

from autometa._label_metrics import BINARY, LABEL_METRICS, count_pairs
from autometa._scorer_metrics import ScorerMetric
from autometa.exceptions import InvalidInputError


@dataclass(frozen=True)
class Metric:
    """A metric that can be asked for by name.

    Parameters
    ----------
    name : str
        A name in :data:`CLASS_METRICS` or :data:`NUMBER_METRICS`.
    positive : int, default=1
        The class that "f1", "precision" and "recall" are about.

    Examples
    --------
    >>> metric = Metric("accuracy")
    >>> metric.score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]))
    0.67
    """

    name: str
    positive: int = 1

    #: Numbers are not shifted for it.
    takes_shifts = False
    #: It always gives a score; see :class:`autometa._scorer_metrics.ScorerMetric`.
    error = None

    @property
    def is_of_labels(self):
        """Whether it looks at predicted labels alone, so that thresholds matter.

        Not so for accuracy: the most probable class is the one that it wants.
        """
        return self.name in LABEL_METRICS and self.name not in ("accuracy", "f1_micro")

    def with_classes(self, classes, y=None):
        """Return the metric for labels of the user, or for numbers where they are None.

        It scores any target ``y``.
        """
        if classes is None or self.name not in BINARY:
            return self
        if len(classes) != 2 or 1 not in classes.tolist():
            raise InvalidInputError(
                f"metric={self.name!r} is about the class 1 of two, and y has the classes "
                f"{classes.tolist()[:10]}. Give e.g. 'f1_macro', or "
                f"sklearn.metrics.make_scorer({self.name}_score, pos_label=...)."
            )
        return replace(self, positive=classes.tolist().index(1))

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
        if self.name in LABEL_METRICS:
            predicted, n_classes = prediction.argmax(axis=1), prediction.shape[1]
            counts = count_pairs(np.asarray(y), predicted, weight, n_classes)
            return float(LABEL_METRICS[self.name](counts, self.positive))
        function = {**CLASS_METRICS, **NUMBER_METRICS}[self.name]
        return float(function(np.asarray(y), np.asarray(prediction, dtype=np.float64), weight))


#: Those of scikit-learn that are about several labels of one row.
SAMPLES_METRICS = ("f1_samples", "jaccard_samples", "precision_samples", "recall_samples")


def find_metric(metric, *, is_regression):
    """Return the metric that a user asked for; None gives the default.

    Parameters
    ----------
    metric : str, callable or None
        A name of ours, any other name of a scikit-learn scorer for the kind of target, or a scorer
        ``scorer(estimator, X, y)``, such as of ``make_scorer``.
    is_regression : bool

    Returns
    -------
    Metric or ScorerMetric

    Examples
    --------
    >>> find_metric(None, is_regression=False)
    Metric(name='neg_log_loss', positive=1)
    >>> find_metric("neg_median_absolute_error", is_regression=True).name
    'neg_median_absolute_error'
    """
    known = NUMBER_METRICS if is_regression else CLASS_METRICS
    if metric is None:
        return Metric(next(iter(known)))
    if isinstance(metric, str):
        if metric in known:
            return Metric(metric)
        if metric in SAMPLES_METRICS and not is_regression:
            raise InvalidInputError(
                f"metric={metric!r} compares the labels of a row with each other, and each target "
                f"is scored alone. Give e.g. {metric.replace('_samples', '_macro')!r}."
            )
        if metric in metrics.get_scorer_names() and _is_of_numbers(metric) == is_regression:
            return ScorerMetric(metrics.get_scorer(metric), metric)
    elif callable(metric) and not getattr(metric, "__module__", "").startswith("sklearn.metrics."):
        return ScorerMetric(metric, name_of_scorer(metric))
    elif callable(metric) and not hasattr(metric, "__name__"):  # sklearn's scorers are objects
        return ScorerMetric(metric, name_of_scorer(metric))
    target = "numbers" if is_regression else "classes"
    hint = f" {metric.__name__} is no scorer: wrap it." if callable(metric) else ""
    raise InvalidInputError(
        f"metric must be one of {', '.join(known)}, another name among "
        f"sklearn.metrics.get_scorer_names() for {target}, or a scorer as of "
        f"sklearn.metrics.make_scorer, got {metric!r}.{hint}"
    )


def _is_of_numbers(name):
    """Whether a scorer of scikit-learn is for numeric targets."""
    others = ("r2", "explained_variance", "d2_absolute_error_score")
    return "error" in name or "deviance" in name or name in others


def name_of_scorer(scorer):
    """What a study remembers a scorer by."""
    if hasattr(scorer, "__qualname__"):
        return f"{scorer.__module__}.{scorer.__qualname__}"
    try:
        return repr(scorer)
    except AttributeError:  # of scikit-learn, where what it wraps has no name
        kind = type(getattr(scorer, "_score_func", scorer))
        return f"make_scorer({kind.__module__}.{kind.__qualname__})"


# An ensemble's selection takes thousands of scores, of which scikit-learn's functions, which check
# what they are given, take ten times as long as these.


def _neg_log_loss(y, probabilities, weight):
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
    return np.mean([_ordered_share(y == c, probabilities[:, c], weight) for c in present])


def _ordered_share(is_positive, score, weight):
    """Of all pairs of a positive and a negative row, those in order; equal scores count half."""
    order = np.argsort(score)
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # of runs of equal scores
    weight = weight[order]
    positive = np.cumsum(np.where(is_positive[order], weight, 0.0))[ends]
    negative = np.cumsum(np.where(is_positive[order], 0.0, weight))[ends]
    below = negative + np.append(0.0, negative[:-1])
    return np.diff(positive, prepend=0.0) @ below / (2 * positive[-1] * negative[-1])


def _neg_root_mean_squared_error(y, numbers, weight):
    return -np.sqrt(np.average(np.square(y - numbers), weights=weight))


def _neg_mean_squared_error(y, numbers, weight):
    return -np.average(np.square(y - numbers), weights=weight)


def _neg_mean_absolute_error(y, numbers, weight):
    return -np.average(np.abs(y - numbers), weights=weight)


def _r2(y, numbers, weight):
    error = np.average(np.square(y - numbers), weights=weight)
    variance = np.average(np.square(y - np.average(y, weights=weight)), weights=weight)
    if variance == 0:  # as scikit-learn has it
        return float(error == 0)
    return 1 - error / variance


#: The first of each is the default.
CLASS_METRICS = {
    "neg_log_loss": _neg_log_loss,
    "roc_auc": _roc_auc,
    "roc_auc_ovr": _roc_auc,
    **LABEL_METRICS,
}
NUMBER_METRICS = {
    "neg_root_mean_squared_error": _neg_root_mean_squared_error,
    "neg_mean_absolute_error": _neg_mean_absolute_error,
    "neg_mean_squared_error": _neg_mean_squared_error,
    "r2": _r2,
}
