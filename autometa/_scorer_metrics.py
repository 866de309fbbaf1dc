"""Scorers of scikit-learn, and callables like them, as metrics of predictions."""

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autometa._repeats import repeat_by_weight
from autometa.exceptions import InvalidInputError

#: Rows of the target that a scorer is tried on at most.
MOST_TRIED = 1_000


@dataclass(eq=False)
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
    y : ndarray of shape (n_tried,) or None
        Rows of the target that the scorer is tried on before any search; by default made-up ones.
    error : str or None
        Why the scorer gave no score when it first gave none.
    """

    scorer: object
    name: str
    classes: np.ndarray | None = None
    y: np.ndarray | None = None
    error: str | None = field(default=None, init=False)

    def with_classes(self, classes, y=None):
        """Return the metric for these labels, or for numbers where they are None.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,) or None
        y : ndarray of shape (n_rows,), optional
            The target, as class indices or numbers; by default the one of an earlier call.

        Raises
        ------
        InvalidInputError
            Where the scorer cannot score the target, however well or badly it is predicted.
        """
        y = self.y if y is None else _few_rows(y)
        metric = replace(self, classes=classes, y=y)
        try:
            metric._probe  # noqa: B018
        except Exception as error:
            if classes is None:
                target = "numbers" if y is None else f"numbers from {y.min():g} to {y.max():g}"
                hint = "one for numbers like these"
            else:
                target = f"the classes {classes.tolist()[:10]}"
                hint = "e.g. by sklearn.metrics.make_scorer with pos_label, average or labels"
            raise InvalidInputError(
                f"metric={self.name} cannot score {target}: {_describe(error)}. "
                f"Give another, {hint}."
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

        A scorer that needs all classes sees those only that have rows. Where that fails too, the
        score is NaN, and the metric remembers the first ``error``.
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
        except Exception as error:  # a scorer of users may raise anything
            found = self._ask_among_present(y, prediction, weight)
            if np.isnan(found) and self.error is None:
                self.error = _describe(error)
            return found

    def _ask_among_present(self, y, prediction, weight):
        """Score as if the classes without rows were none; NaN where that cannot be."""
        present = np.unique(y)
        if self.classes is None or not 2 <= len(present) < len(self.classes):
            return np.nan
        among = prediction[:, present] + 1e-12
        among = among / among.sum(axis=1, keepdims=True)
        y = np.searchsorted(present, y)
        try:
            return self._ask(y, among, weight, self.classes[present])[0]
        except Exception:
            return np.nan

    @cached_property
    def _probe(self):
        """Whether weights are taken, and which methods are called.

        What a scorer takes may fail on some predictions, such as those of one class only: it is
        asked for several, and its first error is raised where it can score none of them.
        """
        y, predictions = self._predictions_to_try()
        errors = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for prediction in predictions:
                for weight in (np.ones(len(y)), None):
                    try:
                        return weight is not None, self._ask(y, prediction, weight, self.classes)[1]
                    except Exception as error:  # a scorer of users may raise anything
                        errors.append(error)
        raise errors[1]  # without weights, which it may not take

    def _predictions_to_try(self):
        """The target, and predictions of it: without knowledge, right, and wrong."""
        if self.classes is None:
            y = np.array([1.0, 2.0, 4.0, 3.0]) if self.y is None else self.y
            return y, [np.full(len(y), y.mean()), y, np.roll(y, 1)]
        n_classes = len(self.classes)
        y = np.arange(2 * n_classes) % n_classes if self.y is None else self.y
        right = np.eye(n_classes)[y]
        return y, [np.full((len(y), n_classes), 1 / n_classes), right, np.roll(right, 1, axis=0)]

    def _ask(self, y, prediction, weight, classes):
        options = {} if weight is None else {"sample_weight": weight}
        if classes is None:
            estimator, rows = _Numbers(), np.asarray(prediction, dtype=np.float64)[:, None]
        else:
            estimator, rows, y = _Classes(classes), np.asarray(prediction, np.float64), classes[y]
        found = float(self.scorer(estimator, rows, y, **options))
        if np.isnan(found):
            raise ValueError("the score is NaN")
        return found, estimator.used

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, ScorerMetric) and self.name == other.name


def _few_rows(y):
    """Some rows of a target, among them the least and the largest."""
    if len(y) <= MOST_TRIED:
        return y
    places = np.linspace(0, len(y) - 1, MOST_TRIED).astype(int)
    few = np.sort(y)[places]
    if y.dtype.kind in "iu":  # classes, of which none may lack
        few = np.concatenate([few, np.unique(y)])
    return np.random.default_rng(0).permutation(few)


def _describe(error):
    return f"{type(error).__name__}: {error}"[:300].rstrip(":. ")


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
