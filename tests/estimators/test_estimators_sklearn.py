"""scikit-learn's own checks, none expected to fail, and its tools around the estimators."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import autometa
from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.estimators import _base

MODELS = [AutoMetaClassifier, AutoMetaRegressor]
SHIPPED = Path(autometa.__file__).parent / "knowledge" / "shipped" / "initialisation.json"
X, Y = make_classification(60, 5, random_state=0)

needs_shipped = pytest.mark.skipif(
    not SHIPPED.exists(), reason="the checks ask for accuracy, which takes a trained initialisation"
)


@needs_shipped
@pytest.mark.usefixtures("short_adaptation")
@parametrize_with_checks(
    [make(n_trials=1, time_limit=None, random_state=0, cv=2) for make in MODELS]
)
def test_scikit_learns_checks_of_an_adapted_network_pass(estimator, check):
    check(estimator)


@needs_shipped
@parametrize_with_checks([make(n_trials=0) for make in MODELS])
def test_scikit_learns_checks_of_a_proposed_network_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("make", "n_checks"), [(AutoMetaClassifier, 67), (AutoMetaRegressor, 59)])
def test_no_check_is_silenced(make, n_checks):
    tags = get_tags(make())

    assert len(list(estimator_checks_generator(make(), legacy=True))) >= n_checks
    assert not tags._skip_test and not tags.no_validation and not tags.non_deterministic
    if make is AutoMetaClassifier:
        assert not tags.classifier_tags.poor_score and tags.classifier_tags.multi_class
    else:
        assert not tags.regressor_tags.poor_score


@pytest.fixture
def classifier(knowledge):
    return AutoMetaClassifier(n_trials=0, knowledge=knowledge, random_state=0)


@pytest.mark.parametrize("make", MODELS)
def test_a_constructor_only_stores(make):
    given = {name: object() for name in make().get_params()}

    model = make(**given)

    assert vars(model) == given
    assert clone(make(n_trials=3)).get_params() == make(n_trials=3).get_params()


def test_the_regressor_has_the_arguments_of_the_classifier_but_class_weight():
    classifier, regressor = AutoMetaClassifier().get_params(), AutoMetaRegressor().get_params()

    assert classifier.pop("class_weight", 0) is None
    assert regressor == classifier


@pytest.mark.parametrize(
    "attribute", ["leaderboard_", "metafeatures_", "n_trials_", "predict", "predict_proba", "save"]
)
def test_nothing_is_there_before_fit(attribute):
    model = AutoMetaClassifier()

    with pytest.raises(NotFittedError):
        found = getattr(model, attribute)
        found(X)


def test_a_pipeline_passes_weights_on(classifier):
    pipeline = make_pipeline(StandardScaler(), classifier)
    weight = np.arange(60) % 2

    pipeline.fit(X, Y, autometaclassifier__sample_weight=weight)

    half = make_pipeline(StandardScaler().fit(X), clone(classifier))
    expected = half[-1].fit(half[0].transform(X)[weight == 1], Y[weight == 1])
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), expected.predict_proba(half[0].transform(X))
    )


def test_a_pipeline_may_make_the_columns(classifier):
    frame = pd.DataFrame(X, columns=list("abcde"))
    pipeline = make_pipeline(FunctionTransformer(lambda f: f.assign(sum=f.a + f.b)), classifier)

    pipeline.fit(frame, Y)

    assert pipeline[-1].feature_names_in_.tolist() == [*"abcde", "sum"]
    assert pipeline.score(frame, Y) >= 0


def test_cross_validation_gives_fitted_estimators(classifier):
    scores = cross_val_score(classifier, X, Y, cv=3, scoring="neg_log_loss")
    found = cross_validate(classifier, X, Y, cv=3, return_estimator=True)

    assert np.isfinite(scores).all()
    assert all(model.n_features_in_ == 5 for model in found["estimator"])


def test_metadata_routing_passes_weights_and_groups(classifier, monkeypatch):
    given, check_given = [], _base.check_given
    monkeypatch.setattr(
        _base, "check_given", lambda *a, **o: [given.append(a), check_given(*a, **o)][1]
    )
    weight, groups = np.random.default_rng(0).random(60), np.arange(60) % 6
    with config_context(enable_metadata_routing=True):
        routed = classifier.set_fit_request(sample_weight=True, groups=True)
        routed.set_score_request(sample_weight=True)
        params = {"sample_weight": weight, "groups": groups}
        found = cross_validate(
            *(routed, X, Y),
            **{"cv": GroupKFold(3), "params": params, "error_score": "raise"},
            **{"return_estimator": True, "return_indices": True},
        )

    for (_, _, its_weight, its_groups), train in zip(given, found["indices"]["train"], strict=True):
        np.testing.assert_array_equal(its_weight, weight[train])
        np.testing.assert_array_equal(its_groups, groups[train])
    for score, model, test in zip(
        found["test_score"], found["estimator"], found["indices"]["test"], strict=True
    ):
        assert score == pytest.approx(model.score(X[test], Y[test], sample_weight=weight[test]))
    assert clone(routed)._metadata_request


def test_pickles_predict_the_same(classifier):
    classifier.fit(X, Y)

    again = pickle.loads(pickle.dumps(classifier))

    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_names_of_columns_are_kept_and_checked_once(classifier):
    frame = pd.DataFrame(X, columns=list("abcde"))
    classifier.fit(frame, Y)

    np.testing.assert_array_equal(classifier.feature_names_in_, list("abcde"))
    expected = classifier.predict_proba(frame)
    with pytest.warns(UserWarning, match="does not have valid feature names") as seen:
        found = classifier.predict_proba(X)
    assert len(seen) == 1
    np.testing.assert_array_equal(found, expected)
    classifier.fit(X, Y)
    assert not hasattr(classifier, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names") as seen:
        classifier.predict(frame)
    assert len(seen) == 1


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [3, 7], [0.0, 1.0]])
def test_predictions_are_labels(classifier, labels):
    y = np.array(labels)[Y]

    predicted = classifier.fit(X, y).predict(X)

    assert classifier.classes_.tolist() == labels
    assert set(predicted.tolist()) <= set(labels)
    assert 0 <= classifier.score(X, y) <= 1


def test_a_categorical_target_has_the_classes_that_occur(classifier):
    y = pd.Categorical(np.array(["low", "high"])[Y], categories=["low", "mid", "high"])

    assert classifier.fit(X, y).classes_.tolist() == ["high", "low"]


def test_a_notebook_shows_a_fitted_estimator(classifier):
    assert "AutoMetaClassifier" in classifier.fit(X, Y)._repr_html_()


def test_a_grid_search_in_two_processes_runs_from_a_script_without_main_guard(knowledge, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from autometa import AutoMetaClassifier
X, y = load_iris(return_X_y=True, as_frame=True)
model = AutoMetaClassifier(n_trials=0, knowledge={knowledge!r})
search = GridSearchCV(model, {{"class_weight": [None, "balanced"]}}, cv=2, n_jobs=2).fit(X, y)
print(search.best_estimator_.predict(X).shape)
"""
    )

    shown = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(SHIPPED.parents[3]), "OMP_NUM_THREADS": "1"},
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "(150,)\n"


@needs_shipped
def test_the_default_knowledge_classifies_flowers():
    X, y = load_iris(return_X_y=True, as_frame=True)

    assert AutoMetaClassifier(n_trials=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
