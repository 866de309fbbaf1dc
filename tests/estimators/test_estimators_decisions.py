"""Thresholds and shifts that a metric asks for, chosen on rows held out."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    make_scorer,
    mean_pinball_loss,
)

from autometa import AutoMetaClassifier, AutoMetaRegressor, load
from autometa._metrics import Metric
from autometa.estimators._decisions import add_offsets, choose_offsets, choose_shift
from autometa.exceptions import InvalidInputError

OPTIONS = {"n_trials": 2, "families": ["linear"], "time_limit": None, "cv": 3, "random_state": 0}
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)


@pytest.fixture(scope="module")
def rare():
    """Rows of which one in ten is of the class 1, with some signal; half for training."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(1200, 3))
    y = (X[:, 0] + rng.normal(size=1200) > 1.8).astype(int)
    return X[:600], y[:600], X[600:], y[600:]


def fail(group, study):
    """End all trials of a group without a score."""
    return [study.tell(trial, state=optuna.trial.TrialState.FAIL) for trial in group.trials], []


def scorer_of(name, y):
    """Score one fold by a metric."""
    metric = Metric(name)
    return SimpleNamespace(scores=lambda p: np.array([metric.score(y, one[0]) for one in p]))


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("balanced_accuracy", balanced_accuracy_score),
        ("f1", f1_score),
        (make_scorer(f1_score, pos_label=1), f1_score),
    ],
)
def test_labels_are_chosen_for_a_metric_of_labels(rare, knowledge, metric, score):
    X, y, X_test, y_test = rare
    plain = AutoMetaClassifier(knowledge=knowledge, **OPTIONS).fit(X, y)

    model = AutoMetaClassifier(metric=metric, knowledge=knowledge, **OPTIONS).fit(X, y)

    assert score(y_test, model.predict(X_test)) > score(y_test, plain.predict(X_test)) + 0.05
    assert model.class_offsets_[1] > 0 and not plain.class_offsets_.any()
    assert 0.5 < model.predict_proba(X_test)[:, 0].mean()  # which knows nothing of thresholds
    assert abs(model.best_score_ - score(y_test, model.predict(X_test))) < 0.1


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "neg_brier_score"])
def test_other_metrics_leave_the_most_probable_class(rare, knowledge, metric):
    X, y, X_test, _ = rare

    model = AutoMetaClassifier(metric=metric, knowledge=knowledge, **OPTIONS).fit(X, y)

    best = model.predict_proba(X_test).argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X_test), best)
    assert not model.class_offsets_.any()


def test_the_network_alone_is_tuned_too(rare, knowledge, short_adaptation):
    X, y, _, _ = rare
    options = {**OPTIONS, "families": "auto"}

    model = AutoMetaClassifier(metric="balanced_accuracy", knowledge=knowledge, **options)

    assert model.fit(X[:200], y[:200]).class_offsets_[1] > 0


def test_a_resumed_network_alone_decides_as_before(rare, knowledge, short_adaptation):
    X, y, X_test, _ = rare
    stored = {"storage": optuna.storages.InMemoryStorage(), "study_name": "mine"}
    options = {**OPTIONS, "families": ["adapted_network"], "n_trials": 1, **stored}
    make = partial(AutoMetaClassifier, metric="f1", knowledge=knowledge, **options)
    first = make().fit(X[:200], y[:200])
    # what comes next is worse
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autometa.search._network_trials._Group.tell", fail)
        again = make().fit(X[:200], y[:200])

    assert again.n_trials_ == 2 and again.best_score_ == first.best_score_
    assert first.class_offsets_.any()
    np.testing.assert_allclose(again.class_offsets_, first.class_offsets_)
    assert again.temperature_ == pytest.approx(first.temperature_)
    np.testing.assert_array_equal(again.predict(X_test), first.predict(X_test))


def test_a_quantile_loss_gives_quantiles(knowledge, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = 100 + 10 * X[:, 0] + 5 * rng.exponential(size=600)
    plain = AutoMetaRegressor(knowledge=knowledge, **OPTIONS).fit(X[:300], y[:300])

    model = AutoMetaRegressor(metric=PINBALL, knowledge=knowledge, **OPTIONS).fit(X[:300], y[:300])

    assert 0.84 < (y[300:] <= model.predict(X[300:])).mean() < 0.95
    losses = [mean_pinball_loss(y[300:], m.predict(X[300:]), alpha=0.9) for m in (model, plain)]
    assert losses[0] < 0.8 * losses[1]
    assert abs(-model.best_score_ - losses[0]) < 0.3 * losses[0]
    model.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path).predict(X), model.predict(X))


def test_thresholds_come_back_from_a_folder(rare, knowledge, tmp_path):
    X, y, X_test, _ = rare
    model = AutoMetaClassifier(metric="f1", knowledge=knowledge, **OPTIONS).fit(X, y)

    model.save(tmp_path)

    again = load(tmp_path)
    np.testing.assert_array_equal(again.class_offsets_, model.class_offsets_)
    np.testing.assert_array_equal(again.predict(X_test), model.predict(X_test))


def test_a_metric_that_the_labels_do_not_fit_is_refused(knowledge, rare):
    X, y, _, _ = rare

    with pytest.raises(InvalidInputError, match="pos_label"):
        AutoMetaClassifier(metric="f1", knowledge=knowledge, **OPTIONS).fit(
            X, np.where(y > 0, "yes", "no")
        )


def test_offsets_of_several_classes_raise_the_rare_ones():
    rng = np.random.default_rng(0)
    shares = np.array([0.9, 0.07, 0.03])
    y = rng.choice(3, 900, p=shares)
    likelihood = np.exp(1.5 * (np.eye(3)[y] + rng.normal(size=(900, 3))))
    mean = likelihood * shares / (likelihood * shares).sum(axis=1, keepdims=True)
    scorer = scorer_of("balanced_accuracy", y)

    offsets, score = choose_offsets(scorer, mean[None], shares)

    assert offsets[2] > offsets[0] and offsets[1] > offsets[0]
    expected = balanced_accuracy_score(y, add_offsets(mean, offsets).argmax(axis=1))
    assert score == pytest.approx(expected)
    assert score > balanced_accuracy_score(y, mean.argmax(axis=1)) + 0.1


def test_where_nothing_scores_better_offsets_stay_zero():
    y = np.array([0, 1] * 20)
    certain = np.eye(2)[y] * 0.98 + 0.01

    offsets, score = choose_offsets(scorer_of("f1", y), certain[None], np.array([0.5, 0.5]))

    assert offsets.tolist() == [0, 0] and score == 1


def test_a_shift_is_the_quantile_of_the_errors():
    y = np.linspace(0, 1, 101)[None]
    scorer = SimpleNamespace(
        scores=lambda p: np.array([-mean_pinball_loss(y[0], one[0], alpha=0.9) for one in p])
    )

    shift, score = choose_shift(scorer, np.zeros((1, 101)), y)

    assert shift == pytest.approx(0.9, abs=0.03)
    assert score == pytest.approx(-mean_pinball_loss(y[0], np.full(101, shift), alpha=0.9))


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_a_metric_that_a_shift_does_not_change_gets_none(noise):
    rounding = noise * np.arange(60)
    scorer = SimpleNamespace(scores=lambda p: 0.7 + rounding[: len(p)])

    shift, score = choose_shift(scorer, np.zeros((1, 101)), np.linspace(0, 1, 101)[None])

    assert shift == 0 and score == 0.7


def test_what_has_no_score_as_it_is_may_be_shifted():
    scorer = SimpleNamespace(scores=lambda p: np.array([np.nan, *np.arange(len(p) - 1.0)]))

    shift, _ = choose_shift(scorer, np.zeros((1, 101)), np.linspace(0, 1, 101)[None])

    assert shift > 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_metric_that_thresholds_do_not_change_gets_none(n_classes):
    mean = np.random.default_rng(0).dirichlet(np.ones(n_classes), size=(1, 50))
    rng = np.random.default_rng(1)
    scorer = SimpleNamespace(scores=lambda p: 0.7 + 1e-15 * rng.normal(size=1))

    offsets, _ = choose_offsets(scorer, mean, np.full(n_classes, 1 / n_classes))

    assert not offsets.any()


def test_thresholds_without_a_score_do_not_hide_the_others(rare, knowledge):
    X, y, _, _ = rare

    def f1_or_error(estimator, X, y):
        predicted = estimator.predict(X)
        if not predicted.any():
            raise ZeroDivisionError("no row is predicted 1")
        return f1_score(y, predicted)

    options = OPTIONS | {"n_trials": 3}  # the first two predict no 1 and have no score
    model = AutoMetaClassifier(metric=f1_or_error, knowledge=knowledge, **options).fit(X, y)

    assert model.class_offsets_[1] > 0


def test_where_no_threshold_has_a_score_labels_stay(rare):
    mean = np.random.default_rng(0).dirichlet(np.ones(2), size=(1, 50))
    scorer = SimpleNamespace(scores=lambda p: np.full(len(p), np.nan))

    offsets, _ = choose_offsets(scorer, mean, np.array([0.5, 0.5]))

    assert not offsets.any()
