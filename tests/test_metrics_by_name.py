"""Metrics agree with scikit-learn's scorers, and stand folds that lack a class."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autometa._metrics import CLASS_METRICS, NUMBER_METRICS, Metric, find_metric
from autometa.exceptions import InvalidInputError


class Predicted(BaseEstimator):
    """An estimator that was fitted and predicts what it is given."""

    def __init__(self, classes=None):
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = self.classes
        return self

    def predict(self, X):
        return X[:, 0] if self.classes is None else self.classes_[X.argmax(axis=1)]


class PredictedClasses(ClassifierMixin, Predicted):
    def predict_proba(self, X):
        return X


class PredictedNumbers(RegressorMixin, Predicted):
    pass


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", CLASS_METRICS)
def test_a_class_metric_is_scikit_learns_scorer(name, n_classes):
    rng = np.random.default_rng(n_classes)
    y, weight = rng.integers(n_classes, size=60), rng.random(60)
    probabilities = rng.dirichlet(np.ones(n_classes), 60)
    fitted = PredictedClasses(np.arange(n_classes)).fit(None, None)
    if name == "roc_auc" and n_classes > 2:
        name_there = "roc_auc_ovr"
    else:
        name_there = name
    expected = metrics.get_scorer(name_there)(fitted, probabilities, y, sample_weight=weight)

    assert Metric(name).score(y, probabilities, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NUMBER_METRICS)
def test_a_number_metric_is_scikit_learns_scorer(name):
    rng = np.random.default_rng(0)
    y, numbers, weight = rng.normal(size=(3, 60))
    weight = np.abs(weight)
    fitted = PredictedNumbers().fit(None, None)
    expected = metrics.get_scorer(name)(fitted, numbers[:, None], y, sample_weight=weight)

    assert Metric(name).score(y, numbers, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", [*CLASS_METRICS, *NUMBER_METRICS])
def test_rows_of_weight_zero_do_not_count(name):
    rng = np.random.default_rng(1)
    is_regression = name in NUMBER_METRICS
    y = rng.normal(size=30) if is_regression else rng.integers(3, size=30)
    prediction = rng.normal(size=30) if is_regression else rng.dirichlet(np.ones(3), 30)
    weight = np.repeat([0.0, 1.0, 2.0], 10)

    found = Metric(name).score(y, prediction, weight)

    assert found == Metric(name).score(y[10:], prediction[10:], weight[10:])


@pytest.mark.parametrize("name", CLASS_METRICS)
def test_a_fold_with_one_class_only_has_a_score(name):
    better = Metric(name).score(np.zeros(4, int), np.tile([0.7, 0.2, 0.1], (4, 1)))
    worse = Metric(name).score(np.zeros(4, int), np.tile([0.1, 0.7, 0.2], (4, 1)))

    assert np.isfinite([better, worse]).all()
    assert better >= worse


@pytest.mark.parametrize("name", NUMBER_METRICS)
def test_a_fold_with_one_row_only_has_a_score(name):
    assert Metric(name).score(np.ones(1), np.ones(1)) > Metric(name).score(np.ones(1), np.zeros(1))


def test_certainty_that_is_wrong_costs_a_finite_amount():
    score = Metric("neg_log_loss").score(np.array([0]), np.array([[0.0, 1.0]]))

    assert np.isfinite(score)


@pytest.mark.parametrize(
    ("name", "is_regression"),
    [("f2", False), ("r2", False), ("accuracy", True), (metrics.log_loss, False)],
)
def test_an_unknown_metric_is_refused_with_the_known_ones(name, is_regression):
    with pytest.raises(InvalidInputError) as raised:
        find_metric(name, is_regression=is_regression)

    for known in NUMBER_METRICS if is_regression else CLASS_METRICS:
        assert known in str(raised.value)
