"""Estimators of users as families: what they are given, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from autometa.exceptions import InvalidInputError
from autometa.families import (
    Family,
    TablePreparation,
    check_families,
    find_family,
    read_config,
)
from autometa.families._own_models import fit_weighted

SMOOTHING = {"var_smoothing": FloatDistribution(1e-9, 1.0, log=True)}


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that remembers what it was fitted on."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 0.5)


class RegressionRecorder(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.y_ = y
        return self

    def predict(self, X):
        return np.full(len(X), self.y_.max())


class Backwards(GaussianNB):
    """Gives its classes in descending order."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.forwards_, self.classes_ = self.classes_, self.classes_[::-1]
        return self

    def predict_proba(self, X):
        self.classes_ = self.forwards_
        found = super().predict_proba(X)[:, ::-1]
        self.classes_ = self.forwards_[::-1]
        return found


def test_probabilities_are_in_the_order_of_the_classes():
    X, y = np.arange(9.0)[:, None], np.repeat([0, 1, 2], 3)

    found, expected = (
        Family("own", estimator).make({}).fit(X, y).predict_proba(X)
        for estimator in (Backwards(), GaussianNB())
    )

    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("choice", [StandardScaler(), (5, [5]), [5], np.int64(5)])
def test_choices_that_a_study_would_not_keep_are_refused(choice):
    with warnings.catch_warnings(action="ignore"):  # Optuna's
        space = {"max_depth": CategoricalDistribution([None, True, 1, 0.5, "a", choice])}

    with pytest.raises(InvalidInputError, match="'max_depth' in the family 'own' .* a family for"):
        Family("own", RandomForestClassifier(), space)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Family("svm", GaussianNB()), "'svm' is taken by a family of autometa"),
        (lambda: Family("my svm", GaussianNB()), "letters, digits and underscores"),
        (lambda: Family("own", GaussianNB), r"Give GaussianNB\(\)"),
        (lambda: Family("own", object()), "BaseEstimator"),
        (lambda: Family("own", StandardScaler()), "BaseEstimator|neither classifier"),
        (lambda: Family("own", BaseEstimator()), "BaseEstimator"),
        (lambda: Family("own", LinearSVC()), "CalibratedClassifierCV"),
        (lambda: Family("own", make_pipeline(SVC())), "has no predict_proba"),
        (lambda: Family("own", GaussianNB(), {"C": FloatDistribution(0, 1)}), "no parameter of"),
        (
            lambda: Family(
                "own", make_pipeline(LogisticRegression()), {"C": FloatDistribution(0, 1)}
            ),
            "Did you mean 'logisticregression__C'",
        ),
        (lambda: Family("own", GaussianNB(), {"var_smoothing": (0, 1)}), "optuna distribution"),
        (lambda: Family("own", GaussianNB(), takes="matrix"), "'numbers', 'frame'"),
    ],
)
def test_what_could_not_be_searched_is_refused_at_once(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_the_first_configuration_is_the_estimator_as_given_where_the_space_holds_it():
    forest = RandomForestClassifier(n_estimators=7, min_samples_leaf=50)
    space = {
        "n_estimators": IntDistribution(5, 50),
        "min_samples_leaf": IntDistribution(1, 20),
        "max_depth": CategoricalDistribution([None, 3]),
        "max_leaf_nodes": IntDistribution(2, 32, log=True),
    }

    family = Family("own", forest, space)

    expected = {
        "n_estimators": 7,
        "min_samples_leaf": 20,
        "max_depth": None,
        "max_leaf_nodes": 8,
    }
    assert family.DEFAULT_CONFIG == expected
    assert find_family(family) is family
    assert read_config(family, {"max_depth": 3}, is_regression=False) == expected | {"max_depth": 3}
    made = family.make(read_config(family, {"max_depth": None}, is_regression=False))
    assert made.model.estimator.max_depth is None


def test_the_estimator_given_is_never_changed(make_table):
    X, y = make_table(n_classes=3)
    given = Recorder()
    family = Family("own", given)

    model = family.make({}, seed=5).fit(X, y)

    assert vars(given) == {"random_state": None}
    assert vars(family.estimator) == {"random_state": None}
    assert model.model_.estimator_.random_state == 5
    assert set(model.model_.estimator_.y_) == {0, 1, 2}
    assert set(model.predict(X)) <= set(y)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Family("own", Recorder()),
        lambda: Family("own", make_pipeline(StandardScaler(), Recorder())),
    ],
)
def test_weights_reach_what_takes_them(make_table, make):
    X, y = make_table(n_classes=3)
    weight = np.linspace(0.0, 2.0, len(y))

    model = make().make({}).fit(X, y, weight)

    fitted = model.model_.estimator_
    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    np.testing.assert_allclose(last.weight_, weight[1:] / weight[1:].mean())


@pytest.mark.parametrize("is_requested", [True, False])
def test_with_metadata_routing_a_pipeline_takes_weights_where_they_are_requested(
    make_table, is_requested
):
    X, y = make_table(n_classes=3)
    weight = np.linspace(1.0, 2.0, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        recorder = Recorder().set_fit_request(sample_weight=True) if is_requested else Recorder()

        model = Family("own", make_pipeline(scaler, recorder)).make({}).fit(X, y, weight)

    found = model.model_.estimator_[-1].weight_
    if is_requested:
        np.testing.assert_allclose(found, weight / weight.mean())
    else:
        assert found is None


@pytest.mark.parametrize("kind", [CalibratedClassifierCV, VotingClassifier, AdaBoostClassifier])
@pytest.mark.parametrize("is_requested", [True, False])
def test_with_metadata_routing_estimators_of_estimators_can_be_fitted(kind, is_requested):
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    weight = np.sqrt(1.0 + np.arange(len(y)))  # such rows cannot be repeated
    with sklearn.config_context(enable_metadata_routing=True):
        bayes = GaussianNB().set_fit_request(sample_weight=True) if is_requested else GaussianNB()
        if kind is VotingClassifier:
            bayes = [("bayes", bayes)]
        options = {"voting": "soft"} if kind is VotingClassifier else {}

        weighted, plain = (
            fit_weighted(kind(bayes, **options), X, y, one).predict_proba(X)
            for one in (weight, None)
        )

    takes_them = is_requested and kind is not AdaBoostClassifier  # which does not route yet
    assert (weighted != plain).any() == takes_them


def test_what_takes_no_weights_gets_rows_of_whole_weights_several_times(make_table):
    X, y = make_table(n_rows=60, n_classes=3)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    family = Family("own", KNeighborsClassifier())

    weighted = family.make({}).fit(X, y, weight).predict_proba(X)
    repeated = family.make({}).fit(X.iloc[np.repeat(np.arange(60), weight)], y.repeat(weight))

    np.testing.assert_allclose(weighted, repeated.predict_proba(X))


def test_a_regressor_sees_its_target_in_the_units_of_the_user(make_table):
    from types import SimpleNamespace

    X, y = make_table(n_classes=None)
    units = SimpleNamespace(center=float(y.mean()), scale=float(y.std()))

    model = Family("own", RegressionRecorder()).make({}, units=units)
    model.fit(X, (y - units.center) / units.scale)

    np.testing.assert_allclose(model.model_.estimator_.y_, y)
    np.testing.assert_allclose(model.predict(X) * units.scale + units.center, y.max())


def test_numbers_have_no_gaps_and_no_infinities():
    seen = pd.DataFrame({"size": [1.0, np.nan, 3.0, np.inf], "kind": ["a", "b", None, "c"]})
    new = pd.DataFrame({"size": [np.nan, -np.inf, 9.0, 2.0], "kind": ["d", None, "a", "b"]})
    preparation = TablePreparation("filled").fit(seen)

    cells = preparation.transform(new)

    assert np.isfinite(preparation.transform(seen)).all() and np.isfinite(cells).all()
    assert cells[:, 0].tolist() == [2.0, 1.0, 3.0, 2.0]
    assert cells.shape[1] > 4  # with marks of gaps


def test_a_frame_is_given_as_it_is(make_table):
    X, y = make_table(n_classes=3)

    model = Family("own", Recorder(), takes="frame").make({}).fit(X, y)

    pd.testing.assert_frame_equal(model.model_.estimator_.X_, X)


def test_probabilities_of_another_shape_are_an_error(make_table):
    class Wrong(Recorder):
        def predict_proba(self, X):
            return np.ones((len(X), 2))

    X, y = make_table(n_classes=3)
    model = Family("own", Wrong()).make({}).fit(X, y)

    with pytest.raises(ValueError, match=r"finite numbers >= 0 of shape \(.*, 3\)"):
        model.predict_proba(X)


def test_numbers_that_are_not_finite_are_an_error(make_table):
    class Wrong(RegressionRecorder):
        def predict(self, X):
            return np.full(len(X), np.nan)

    X, y = make_table(n_classes=None)

    with pytest.raises(ValueError, match="predict must give finite numbers"):
        Family("own", Wrong()).make({}).fit(X, y).predict(X)


def test_a_regressor_is_a_regression_family():
    assert Family("own", Ridge()).is_regression
    assert Family("own", make_pipeline(StandardScaler(), KNeighborsRegressor())).is_regression
    assert not Family("own", GaussianNB(), SMOOTHING).is_regression


@pytest.mark.parametrize("make", [np.array, pd.Series, tuple, set])
def test_families_may_come_in_any_collection(make):
    from autometa.estimators._options import find_families

    families = make(["linear", "knn"])

    check_families(families, is_regression=False)
    assert set(find_families(families)) == {"linear", "knn"}


@pytest.mark.parametrize(
    ("families", "message"),
    [
        ([Ridge()], r"Give autometa.Family\('my_name', Ridge\(\)\)"),
        ([Ridge], r"Give autometa.Family\('my_name', Ridge\(\)\)"),
        (np.array([]), "families must be 'auto' or a list"),
        (iter(["linear"]), "families must be 'auto' or a list"),
        (Ridge(), "families must be 'auto' or a list"),
        (3, "families must be 'auto' or a list"),
        ("linear", "families must be 'auto' or a list"),
    ],
)
def test_what_is_no_collection_of_families_is_refused(families, message):
    with pytest.raises(InvalidInputError, match=message):
        check_families(families, is_regression=True)
