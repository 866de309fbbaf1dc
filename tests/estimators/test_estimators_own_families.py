"""Estimators of users beside autometa's families, from `fit` to a folder and back."""

import pickle
import sys
import time
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch
from sklearn.ensemble import HistGradientBoostingRegressor, StackingClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, WhiteKernel
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from autometa import AutoMetaClassifier, AutoMetaRegressor, Family, load
from autometa.evaluation import FoldModels
from autometa.exceptions import ArtefactError, FamilyWarning, InvalidInputError, NoScoreWarning
from autometa.families import EncodedTask, Folds

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "up", "down")


class Centroids(ClassifierMixin, BaseEstimator):
    """The nearest mean of a class, softly; a type that autometa does not know."""

    def __init__(self, sharpness=1.0):
        self.sharpness = sharpness

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        distance = np.square(X[:, None] - self.means_).sum(axis=2)
        weight = np.exp(-self.sharpness * (distance - distance.min(axis=1, keepdims=True)))
        return weight / weight.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


#: What :func:`last` looks for.
LAST = None


def last(frame):
    """The column LAST alone; its names must be those of the table."""
    assert frame.columns.names == LAST.names
    return frame[LAST].to_numpy()


class Broken(Centroids):
    def fit(self, X, y):
        raise TypeError("no such luck")


class Slow(Centroids):
    """Takes time with the square of rows."""

    def fit(self, X, y):
        time.sleep(1e-6 * len(X) ** 2)
        return super().fit(X, y)


CENTROIDS = Family("centroids", Centroids(), {"sharpness": FloatDistribution(0.1, 9, log=True)})


@pytest.fixture
def fit(knowledge):
    def fit(families, kind=AutoMetaClassifier, y=Y, n_trials=4, X=X, **options):
        options = {"time_limit": None, "random_state": 0, "cv": 2, **options}
        return kind(n_trials=n_trials, families=families, knowledge=knowledge, **options).fit(X, y)

    return fit


def test_an_own_estimator_is_searched_beside_the_others(fit):
    svc = make_pipeline(StandardScaler(), SVC(probability=True))
    family = Family("my_svm", svc, {"svc__C": FloatDistribution(1e-2, 1e2, log=True)})

    model = fit([family, "knn"], n_trials=8)

    board = model.leaderboard_
    own = board[board["family"] == "my_svm"].sort_values("trial")
    assert own["origin"].iloc[0] == "default"
    assert own["my_svm.svc__C"].iloc[0] == 1.0 and own["my_svm.svc__C"].nunique() > 1
    assert {"family": "my_svm", "svc__C": 1.0} in model.proposals_
    assert (model.predict(X) == Y).mean() > 0.9


def test_the_same_seed_gives_the_same_numbers_and_a_clone_too(fit):
    first = fit(["linear", CENTROIDS])

    again = clone(first).fit(X, Y)

    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(first)).predict_proba(X), first.predict_proba(X)
    )


def test_a_regressor_of_counts_sees_counts(fit):
    counts = np.random.default_rng(0).poisson(np.exp(X[:, 0]))
    poisson = Family(
        "poisson", PoissonRegressor(), {"alpha": FloatDistribution(1e-3, 10, log=True)}
    )

    model = fit([poisson], AutoMetaRegressor, counts, n_trials=2)

    assert (model.predict(X) > 0).all()  # which a linear model's are not
    assert np.corrcoef(model.predict(X), counts)[0, 1] > 0.5


def test_a_frame_reaches_an_estimator_that_takes_frames(knowledge):
    frame = pd.DataFrame({"kind": list("ab") * 30, "size": X[:, 0]})
    frame.loc[::7, "size"] = np.nan
    target = (frame["kind"] == "a") * 10.0
    frame["kind"] = frame["kind"].astype("category")
    options = {"max_iter": 9, "min_samples_leaf": 2, "categorical_features": "from_dtype"}
    model = HistGradientBoostingRegressor(**options)
    family = Family("own", model, {"max_depth": CategoricalDistribution([None, 3])}, takes="frame")

    options = {"n_trials": 2, "time_limit": None, "cv": 2, "random_state": 0}
    found = AutoMetaRegressor(families=[family], knowledge=knowledge, **options).fit(frame, target)

    assert np.abs(found.predict(frame) - target).max() < 5


def test_columns_of_any_name_reach_an_estimator_that_takes_frames(fit, tmp_path, monkeypatch):
    module = sys.modules[__name__]
    families = [
        Family("own", make_pipeline(FunctionTransformer(last), GaussianNB()), takes="frame")
    ]
    for names in (
        [1, 2, 0],
        [2020, 2021, 2022],
        pd.date_range("2020", periods=3),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["who", "year"]),
    ):
        frame = pd.DataFrame(X[:, ::-1], columns=names)
        monkeypatch.setattr(module, "LAST", frame.columns[-1:])

        model = fit(families, X=frame, n_trials=1)

        assert model.score(frame, Y) > 0.9
        model.save(tmp_path / str(names[0]))
        trusted = [f"{__name__}.last"]
        again = load(tmp_path / str(names[0]), trusted=trusted)
        np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_an_estimator_that_takes_frames_sees_the_same_cells_at_fit_and_predict(fit):
    size = [f"{value:.1f}" for value in X[:, 0]]
    frame = pd.DataFrame({"size": size})
    frame.loc[::9, "size"] = "?"
    frame = pd.concat([frame, frame])  # so that no fold lacks a category
    model = make_pipeline(OneHotEncoder(), LogisticRegression())

    found = fit(
        [Family("own", model, takes="frame")],
        X=frame,
        y=np.tile(Y, 2),
        n_trials=1,
        cv=[(range(60), range(60, 120))],
    )

    assert found.predict(frame).shape == (120,)


def test_an_estimator_without_hyperparameters_has_one_trial(fit):
    model = fit(["linear", Family("bayes", GaussianNB())], n_trials=5)

    assert model.leaderboard_["family"].tolist().count("bayes") == 1


def test_an_estimator_that_fails_is_reported_and_given_up(fit):
    broken = Family("broken", Broken(), {"sharpness": FloatDistribution(0.1, 9)})

    with pytest.warns(FamilyWarning, match="'broken' failed: TypeError.*no such luck") as caught:
        model = fit(["linear", broken], n_trials=9)

    assert len(caught) == 1
    board = model.leaderboard_
    assert (board.loc[board["family"] == "broken", "state"] == "fail").sum() <= 3
    assert (board.loc[board["family"] == "linear", "state"] == "complete").any()


def test_an_estimator_that_would_take_too_long_is_not_started(knowledge):
    rows = np.random.default_rng(0).normal(size=(8_000, 2))
    slow = Family("slow", Slow(), {"sharpness": FloatDistribution(0.1, 9)})
    model = AutoMetaClassifier(families=["linear", slow], time_limit=4, knowledge=knowledge)

    model.fit(rows, np.where(rows[:, 0] > 0, "up", "down"))  # one fold alone takes 36 seconds

    assert "slow" not in set(model.leaderboard_["family"])


def test_what_a_fit_takes_is_guessed_from_few_rows():
    rows = np.random.default_rng(0).normal(size=(2_000, 1, 3))
    task = EncodedTask(rows, (rows[:, 0, 0] > 0).astype(int), np.ones(2_000), 2)
    halves = np.tile([[0.0, 1.0], [1.0, 0.0]], 1_000)
    folds = Folds(halves, 1 - halves)
    models = FoldModels(pd.DataFrame(rows[:, :, 0]), task, folds, None, seed=0, n_threads=1)

    guess, rows_power = models.guess_seconds(Family("slow", Slow()))

    assert 1 <= rows_power <= 3
    assert 0.5 < guess < 15  # 1 second of sleep, and what else the machine does


def test_where_all_fails_the_proposed_weights_predict(fit):
    with pytest.warns(NoScoreWarning, match="no such luck"), pytest.warns(FamilyWarning):
        model = fit([Family("broken", Broken())])

    assert np.isfinite(model.predict_proba(X)).all() and model.best_params_ == {}


@pytest.mark.parametrize(
    ("kind", "families", "message"),
    [
        (AutoMetaRegressor, [CENTROIDS], "'centroids' is a classifier .* Give a regressor"),
        (AutoMetaClassifier, [Family("own", LinearRegression())], "Give a classifier"),
        (AutoMetaClassifier, [CENTROIDS, Family("centroids", GaussianNB())], "two of the name"),
        (AutoMetaClassifier, CENTROIDS, "families must be 'auto' or a list"),
        (AutoMetaClassifier, [GaussianNB()], r"autometa.Family\('my_name', GaussianNB\(\)\)"),
    ],
)
def test_families_that_do_not_fit_are_refused(kind, families, message):
    y = X[:, 0] if kind is AutoMetaRegressor else Y

    with pytest.raises(InvalidInputError, match=message):
        kind(families=families).fit(X, y)


def test_choices_of_tuples_are_tried_but_not_stored(fit):
    with warnings.catch_warnings(action="ignore"):  # Optuna's
        space = {"priors": CategoricalDistribution([(0.5, 0.5), (0.1, 0.9)])}
    family = Family("own", GaussianNB(), space)

    assert fit([family]).best_params_["priors"] in space["priors"].choices
    with pytest.raises(InvalidInputError, match=r"\(0.5, 0.5\) of 'priors' .* as a list"):
        fit([family], storage=optuna.storages.InMemoryStorage())


def test_own_types_come_back_only_where_they_are_named(fit, tmp_path, monkeypatch):
    model = fit([CENTROIDS])
    model.save(tmp_path)
    name = f"{__name__}.Centroids"

    with pytest.raises(ArtefactError, match=rf"load\(folder, trusted=\['{name}'\]\)"):
        load(tmp_path)
    with pytest.raises(InvalidInputError, match="list of full names"):
        load(tmp_path, trusted=name)
    again = load(tmp_path, trusted=[name])
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.families == "auto"  # JSON holds no estimators

    monkeypatch.delattr(sys.modules[__name__], "Centroids")
    with pytest.raises(ArtefactError, match="cannot be imported here"):
        load(tmp_path, trusted=[name])


BAYES = [("bayes", GaussianNB()), ("centroids", GaussianNB(var_smoothing=0.1))]


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), SVC(probability=True)),
        CalibratedClassifierCV(GaussianNB()),
        CalibratedClassifierCV(GaussianNB(), method="isotonic"),
        GaussianProcessClassifier(),
        GaussianProcessRegressor(RBF() * 2.0 + Matern() ** 2 + DotProduct() + WhiteKernel(9.0)),
        MLPClassifier(max_iter=5),
        MLPClassifier(max_iter=5, solver="sgd"),
        StackingClassifier(BAYES, GaussianNB()),
        TweedieRegressor(),
        VotingClassifier(BAYES, voting="soft"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_of_scikit_learn_need_no_naming(fit, estimator, tmp_path):
    family = Family("own", estimator)
    kind, y = (AutoMetaRegressor, X[:, 0]) if family.is_regression else (AutoMetaClassifier, Y)
    model = fit([family], kind, y)
    assert model.best_params_ == {"family": "own"}

    model.save(tmp_path)

    np.testing.assert_array_equal(load(tmp_path).predict(X), model.predict(X))


def hidden_class():
    class Hidden(Centroids):
        pass

    return Hidden()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_pipeline(FunctionTransformer(lambda X: X), GaussianNB()), "<lambda>"),
        (hidden_class, r"Hidden, which could not be loaded again.* at the top level of a module"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(fit, make, message, tmp_path):
    model = fit([Family("own", make())])

    with pytest.raises(InvalidInputError, match=message):
        model.save(tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


def test_what_skops_cannot_write_is_not_saved(fit, tmp_path):
    model = fit([Family("own", GaussianNB())])
    (_, models), *_ = model._model_.tables
    models[0].clusters_ = Birch()

    with pytest.raises(InvalidInputError, match="cannot be saved: .*Birch"):
        model.save(tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


def half(X):
    return X / 2


class Multiple:
    def __init__(self, factor):
        self.factor = factor

    def of(self, X):
        return self.factor * X


def test_functions_and_methods_that_can_be_imported_are_saved(fit, tmp_path):
    steps = FunctionTransformer(half), FunctionTransformer(Multiple(3.0).of)
    model = fit([Family("own", make_pipeline(*steps, GaussianNB()))])

    model.save(tmp_path)

    trusted = [f"{__name__}.{name}" for name in ("half", "Multiple", "Multiple.of")]
    np.testing.assert_array_equal(load(tmp_path, trusted=trusted).predict(X), model.predict(X))


class Counted(GaussianNB):
    """Knows how often it was fitted."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        Counted.fits += 1
        return super().fit(X, y, sample_weight)


def test_where_the_other_folds_do_not_fit_one_is_fitted(fit, monkeypatch):
    monkeypatch.setattr("autometa.search.Pace.may_fit", lambda self, seconds: False)
    Counted.fits = 0

    model = fit(["extra_trees", Family("counted", Counted())], n_trials=2)

    assert Counted.fits == 1
    board = model.leaderboard_.set_index("family")
    assert board.loc["counted", "state"] == "pruned"


def test_weights_that_an_estimator_cannot_take_are_said(fit):
    family = Family("neighbours", KNeighborsClassifier())

    with pytest.warns(FamilyWarning, match="'neighbours' takes no sample_weight"):
        fit([family, "linear"], class_weight={"up": 1.0, "down": 1.234})


def test_rows_that_occur_often_count_as_often_for_what_takes_no_weights(knowledge):
    few = np.repeat(np.arange(6.0), [300, 1, 1, 1, 1, 1])[:, None]
    y = np.repeat(["up", "down"], [300, 5])
    options = {"n_trials": 1, "time_limit": None, "cv": 2, "knowledge": knowledge}
    family = Family("neighbours", KNeighborsClassifier(n_neighbors=20))

    model = AutoMetaClassifier(families=[family], **options).fit(few, y)

    assert model.predict_proba([[0.0]])[0, 1] > 0.9
