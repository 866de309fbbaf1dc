"""Metrics agree with scikit-learn's scorers, and stand folds that lack a class."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import make_scorer, mean_pinball_loss

from autometa._label_metrics import BINARY
from autometa._metrics import CLASS_METRICS, NUMBER_METRICS, Metric, find_metric
from autometa._scorer_metrics import ScorerMetric
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
    if name in BINARY and n_classes > 2:
        pytest.skip("for two classes")
    if name == "roc_auc" and n_classes > 2:
        name_there = "roc_auc_ovr"
    else:
        name_there = name
    expected = metrics.get_scorer(name_there)(fitted, probabilities, y, sample_weight=weight)

    assert Metric(name).score(y, probabilities, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_values", [1, 2, 5])
def test_equal_probabilities_count_as_in_scikit_learn(n_values):
    rng = np.random.default_rng(n_values)
    y, weight, share = rng.integers(2, size=60), rng.random(60), rng.integers(n_values, size=60)
    probabilities = np.stack([n_values - share, 1 + share], axis=1) / (n_values + 1)

    found = Metric("roc_auc").score(y, probabilities, weight)

    expected = metrics.roc_auc_score(y, probabilities[:, 1], sample_weight=weight)
    assert found == pytest.approx(expected, abs=1e-12)


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
    assert better >= worse or name in BINARY  # of which class 1 has no rows here


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


@pytest.mark.parametrize(
    ("name", "n_classes"),
    [
        ("average_precision", 2),
        ("neg_brier_score", 2),
        ("matthews_corrcoef", 3),
        ("jaccard_macro", 3),
        ("roc_auc_ovo", 3),
    ],
)
def test_any_scorer_of_scikit_learn_is_asked_as_scikit_learn_does(name, n_classes):
    rng = np.random.default_rng(3)
    labels = np.array([0, 1, 5])[:n_classes]
    y, weight = rng.integers(n_classes, size=60), rng.random(60)
    probabilities = rng.dirichlet(np.ones(n_classes), 60)
    fitted = PredictedClasses(labels).fit(None, None)
    weights = {} if name == "roc_auc_ovo" else {"sample_weight": weight}
    expected = metrics.get_scorer(name)(fitted, probabilities, labels[y], **weights)

    metric = find_metric(name, is_regression=False).with_classes(labels)

    found = metric.score(y, probabilities, weights.get("sample_weight"))
    assert found == pytest.approx(expected, abs=1e-12)
    assert metric.is_of_labels == (name in ("matthews_corrcoef", "jaccard_macro"))


@pytest.mark.parametrize(
    "scorer",
    [
        metrics.make_scorer(metrics.mean_pinball_loss, alpha=0.9, greater_is_better=False),
        metrics.get_scorer("neg_median_absolute_error"),
        metrics.get_scorer("d2_absolute_error_score"),
    ],
)
def test_a_scorer_of_numbers_agrees_with_scikit_learns(scorer):
    rng = np.random.default_rng(0)
    y, numbers, weight = rng.normal(size=(3, 60))
    weight = np.abs(weight)
    fitted = PredictedNumbers().fit(None, None)

    metric = find_metric(scorer, is_regression=True).with_classes(None)

    expected = scorer(fitted, numbers[:, None], y, sample_weight=weight)
    assert metric.score(y, numbers, weight) == pytest.approx(expected, abs=1e-12)
    assert metric.takes_shifts and not metric.is_of_labels


class Pinball:
    """A loss that is an object, and has no name."""

    def __call__(self, y, predicted):
        return mean_pinball_loss(y, predicted, alpha=0.9)


@pytest.mark.parametrize("loss", [Pinball(), partial(mean_pinball_loss, alpha=0.9)])
def test_a_scorer_of_an_object_has_the_name_of_its_type(loss):
    metric = find_metric(make_scorer(loss, greater_is_better=False), is_regression=True)

    assert type(loss).__name__ in metric.name
    y, prediction = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 2.0])
    expected = -mean_pinball_loss(y, prediction, alpha=0.9)
    assert metric.with_classes(None).score(y, prediction) == pytest.approx(expected)


def test_pinball_loss_is_as_written_by_hand():
    scorer = metrics.make_scorer(metrics.mean_pinball_loss, alpha=0.8, greater_is_better=False)
    y, numbers = np.array([1.0, 4.0]), np.array([3.0, 2.0])

    found = find_metric(scorer, is_regression=True).with_classes(None).score(y, numbers)

    assert found == pytest.approx(-(0.2 * 2 + 0.8 * 2) / 2)


def test_labels_of_the_user_reach_a_scorer():
    scorer = metrics.make_scorer(metrics.f1_score, pos_label="no")
    metric = find_metric(scorer, is_regression=False).with_classes(np.array(["no", "yes"]))
    y, predicted = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])

    assert metric.score(y, predicted) == pytest.approx(2 / 3)


def test_f1_of_labels_that_are_not_zero_and_one_is_about_class_one():
    metric = Metric("f1").with_classes(np.array([1, 2]))
    y, predicted = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])

    assert metric.score(y, predicted) == pytest.approx(metrics.f1_score([1, 1, 2], [1, 2, 2]))


def test_a_scorer_that_takes_no_weights_sees_rows_of_whole_weights_several_times():
    def share(estimator, X, y):
        return (estimator.predict(X) == y).mean()

    metric = ScorerMetric(share, "share").with_classes(np.array(["a", "b"]))
    y, predicted = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]])

    assert metric.score(y, predicted, np.array([2.0, 1.0, 1.0])) == 0.75
    assert metric.score(y, predicted, np.array([1.3, 1.0, 1.1])) == pytest.approx(2 / 3)


def test_a_fold_that_lacks_a_class_is_scored_on_the_others():
    metric = find_metric("roc_auc_ovo", is_regression=False).with_classes(np.arange(3))
    y, predicted = np.array([0, 0, 1]), np.array([[0.6, 0.1, 0.3], [0.5, 0.3, 0.2], [0, 0.9, 0.1]])

    assert metric.score(y, predicted) == 1.0
    assert np.isnan(metric.score(np.zeros(3, int), predicted))


@pytest.mark.parametrize(
    ("metric", "classes", "message"),
    [
        ("f1", ["no", "yes"], "make_scorer.f1_score, pos_label="),
        ("precision", [0, 1, 2], "is about the class 1 of two"),
        ("average_precision", ["no", "yes"], "cannot score the classes"),
        (metrics.make_scorer(metrics.f1_score), [0, 1, 2], "cannot score the classes"),
    ],
)
def test_a_metric_that_cannot_score_these_classes_says_so(metric, classes, message):
    with pytest.raises(InvalidInputError, match=message):
        find_metric(metric, is_regression=False).with_classes(np.array(classes))


def test_a_metric_of_classes_cannot_score_numbers():
    scorer = metrics.get_scorer("neg_log_loss")

    with pytest.raises(InvalidInputError, match="cannot score numbers"):
        find_metric(scorer, is_regression=True).with_classes(None)
    with pytest.raises(InvalidInputError, match="for numbers"):
        find_metric("matthews_corrcoef", is_regression=True)


def test_of_several_labels_in_a_row_none_is_scored():
    with pytest.raises(InvalidInputError, match="each target is scored alone. .*'f1_macro'"):
        find_metric("f1_samples", is_regression=False)


def precision_by_hand(estimator, X, y):
    is_predicted = estimator.predict(X) == "yes"
    return int((y[is_predicted] == "yes").sum()) / int(is_predicted.sum())


def test_a_scorer_that_fails_on_some_predictions_is_not_refused_and_remembers_why():
    metric = find_metric(precision_by_hand, is_regression=False)
    metric = metric.with_classes(np.array(["no", "yes"]))
    y = np.array([0, 1])

    assert metric.is_of_labels and metric.error is None
    assert metric.score(y, np.array([[0.2, 0.8], [0.3, 0.7]])) == 0.5
    assert np.isnan(metric.score(y, np.array([[0.9, 0.1], [0.8, 0.2]])))
    assert metric.error == "ZeroDivisionError: division by zero"


def test_whatever_a_scorer_raises_is_no_score_and_the_first_error_is_remembered():
    errors = iter([IndexError("first"), ValueError("second")])

    def scorer(estimator, X, y):
        if len(y) == 3:
            raise next(errors)
        return 0.5

    metric = find_metric(scorer, is_regression=True).with_classes(None)

    assert np.isnan(metric.score(np.ones(3), np.ones(3)))
    assert np.isnan(metric.score(np.ones(3), np.ones(3)))
    assert metric.error == "IndexError: first"
    assert metric.with_classes(None).error is None


def test_a_score_that_is_not_a_number_is_an_error_too():
    def scorer(estimator, X, y):
        return np.nan if len(y) == 3 else 0.5

    metric = find_metric(scorer, is_regression=True).with_classes(None)

    assert np.isnan(metric.score(np.ones(3), np.ones(3)))
    assert metric.error == "ValueError: the score is NaN"


def test_a_scorer_is_tried_on_the_target_that_it_shall_score():
    squared_log = find_metric("neg_mean_squared_log_error", is_regression=True)
    poisson = find_metric("neg_mean_poisson_deviance", is_regression=True)
    many = np.linspace(-5, 4, 5_000)

    for y in (np.array([1.0, -3.0]), many):
        with pytest.raises(InvalidInputError, match="numbers from -[35] to [14]: .*targets"):
            squared_log.with_classes(None, y)
    assert squared_log.with_classes(None, many + 5).with_classes(None).error is None
    # of what is right, zeros, it could not say
    assert poisson.with_classes(None, np.array([0.0, 2.0])).score(np.ones(2), np.ones(2)) == 0


def test_a_rare_class_is_among_the_rows_that_a_scorer_is_tried_on():
    seen = []

    def scorer(estimator, X, y):
        seen.append(set(y.tolist()))
        return 0.5

    y = np.zeros(100_000, dtype=int)
    y[[5, 6]] = 1, 2

    find_metric(scorer, is_regression=False).with_classes(np.array(["a", "b", "c"]), y)

    assert seen == [{"a", "b", "c"}]
