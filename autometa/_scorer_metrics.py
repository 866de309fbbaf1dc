"""Scorers of scikit-learn, and callables like them, as metrics of predictions."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autometa._repeats import repeat_by_weight
from autometa.exceptions import InvalidInputError


@dataclass(frozen=True)
class ScorerMetric:
    """Score predictions by a callable ``scorer(estimator, X, y)``; the higher, the better.

    The scorer sees an estimator that predicts what is to be scored, the labels of the user, and
    the predictions themselves in the place of ``X``.

    Attributes
    ----------
    scorer : callable
    name : str
    classes : ndarray of shape (n_classes,) or None
        Labels of the user; None for numbers.
    """

    scorer: object
    name: str
    classes: np.ndarray | None = None

    def with_classes(self, classes):
        """Return the metric for these labels, or for numbers where they are None.

        Raises
        ------
        InvalidInputError
            Where the scorer cannot score them.
        """
        metric = replace(self, classes=classes)
        try:
            metric._probe  # noqa: B018
        except Exception as error:
            target = "numbers" if classes is None else f"the classes {classes.tolist()[:10]}"
            raise InvalidInputError(
                f"metric={self.name} cannot score {target}: {error} Give another, e.g. by "
                "sklearn.metrics.make_scorer with pos_label, average or labels."
            ) from error
        return metric

    @property
    def is_of_labels(self):
        """Whether it looks at predicted labels alone, so that thresholds matter."""
        return self.classes is not None and self._probe[1] == {"predict"}

    @property
    def takes_shifts(self):
        """Whether it may pay to shift numbers, as for an asymmetric loss."""
        return self.classes is None

    def score(self, y, prediction, weight=None):
        """Score the predictions of some rows, as :meth:`autometa._metrics.Metric.score` does.

        A scorer that needs all classes sees those only that have rows; NaN where that fails too.
        """
        if weight is not None:
            counts = weight > 0
            y, prediction, weight = y[counts], prediction[counts], weight[counts]
            if weight.max() == weight.min():
                weight = None
        if weight is not None and not self._probe[0]:
            rows = repeat_by_weight(weight)
            if rows is not None:
                y, prediction = y[rows], prediction[rows]
            weight = None
        try:
            return self._ask(y, prediction, weight, self.classes)[0]
        except ValueError:
            present = np.unique(y)
            if self.classes is None or not 2 <= len(present) < len(self.classes):
                return np.nan
        try:
            among = prediction[:, present] + 1e-12
            among = among / among.sum(axis=1, keepdims=True)
            y = np.searchsorted(present, y)
            return self._ask(y, among, weight, self.classes[present])[0]
        except ValueError:
            return np.nan

    @cached_property
    def _probe(self):
        """Whether weights are taken, and which methods are called, on made-up rows."""
        if self.classes is None:
            y = np.array([1.0, 2.0, 4.0, 3.0])
            prediction = y + 0.5
        else:
            y = np.arange(2 * len(self.classes)) % len(self.classes)
            prediction = np.full((len(y), len(self.classes)), 1 / len(self.classes))
        try:
            _, used = self._ask(y, prediction, np.ones(len(y)), self.classes)
            return True, used
        except (TypeError, ValueError):  # it takes no weights
            _, used = self._ask(y, prediction, None, self.classes)
            return False, used

    def _ask(self, y, prediction, weight, classes):
        options = {} if weight is None else {"sample_weight": weight}
        if classes is None:
            estimator, rows = _Numbers(), np.asarray(prediction, dtype=np.float64)[:, None]
        else:
            estimator, rows, y = _Classes(classes), np.asarray(prediction, np.float64), classes[y]
        found = self.scorer(estimator, rows, y, **options)
        return float(found), estimator.used

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, ScorerMetric) and self.name == other.name


class _Numbers(RegressorMixin, BaseEstimator):
    """Predicts the one column that it is given."""

    def __init__(self):
        self.used, self.fitted_ = set(), True

    def predict(self, X):
        self.used.add("predict")
        return X[:, 0]


class _Classes(ClassifierMixin, BaseEstimator):
    """Predicts the probabilities that it is given."""

    def __init__(self, classes):
        self.used, self.classes_ = set(), classes

    def predict(self, X):
        self.used.add("predict")
        return self.classes_[X.argmax(axis=1)]

    def predict_proba(self, X):
        self.used.add("predict_proba")
        return X

    def decision_function(self, X):
        self.used.add("decision_function")
        return X[:, 1] if len(self.classes_) == 2 else X
