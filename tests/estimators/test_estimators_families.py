"""Estimators of several families."""

from functools import partial

import numpy as np
import optuna
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import TimeSeriesSplit

from autometa import AutoMetaClassifier, AutoMetaRegressor, load
from autometa.exceptions import (
    ArtefactError,
    InvalidInputError,
    MissingExtraError,
    NoScoreWarning,
)
from autometa.families import Folds

FAMILIES = ["adapted_network", "linear", "extra_trees", "hist_gradient_boosting"]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    return X, X[:, 0] + 0.3 * rng.normal(size=90)


@pytest.fixture
def fit(table, knowledge, short_adaptation):
    def fit(kind=AutoMetaClassifier, n_trials=6, families=FAMILIES, **options):
        X, y = table
        y = np.where(y > 0, "up", "down") if kind is AutoMetaClassifier else y
        options = {"time_limit": None, "random_state": 0, "cv": 3, **options}
        return kind(n_trials=n_trials, families=families, knowledge=knowledge, **options).fit(X, y)

    return fit


@pytest.mark.parametrize("kind", [AutoMetaClassifier, AutoMetaRegressor])
def test_the_leaderboard_names_families_and_weights(fit, table, kind):
    model = fit(kind)

    board = model.leaderboard_
    assert set(board["family"]) == set(FAMILIES)
    np.testing.assert_allclose(board["weight"].sum(), 1.0)
    assert model.best_params_["family"] in FAMILIES
    found = {config["family"] for config in model.proposals_}
    assert found == set(FAMILIES)


def test_the_leaderboard_tells_what_proposals_brought(table, short_adaptation):
    X, y = table
    options = {"n_trials": 6, "families": ["knn"], "random_state": 0, "cv": 3}

    model = AutoMetaRegressor(time_limit=None, **options).fit(X, y)

    board = model.leaderboard_
    [row] = board.attrs["benefit"]
    compared = board[board["origin"].isin(["surrogate", "default", "random"])]
    by_first_fold = "pruned" in set(compared["state"])
    first_folds = {t.number: t.user_attrs["autometa:first_fold"] for t in model.study_.trials}
    scores = compared["trial"].map(first_folds) if by_first_fold else compared["score"]
    own = scores.set_axis(compared["origin"])
    assert row["family"] == "knn"
    assert row["default"] == own["default"] and row["random"] == own["random"]
    assert row["warm_at_equal_cost"] is None or row["warm_at_equal_cost"] >= row["warm"]
    assert row["warm"] in own.loc[["surrogate"]].to_list()


def test_what_was_fitted_predicts_better_than_chance(fit, table):
    X, y = table
    model = fit()

    y = np.where(y > 0, "up", "down")
    assert log_loss(y, model.predict_proba(X)) < 0.6


@pytest.mark.parametrize("kind", [AutoMetaClassifier, AutoMetaRegressor])
@pytest.mark.parametrize("families", [FAMILIES, ["linear", "knn"], ["lightgbm"]])
def test_it_comes_back_from_a_folder(fit, table, tmp_path, kind, families):
    for name in set(families) & {"lightgbm"}:
        pytest.importorskip(name)
    model = fit(kind, families=families)
    predict = "predict_proba" if kind is AutoMetaClassifier else "predict"

    model.save(tmp_path)
    again = load(tmp_path)

    X = table[0]
    np.testing.assert_array_equal(getattr(again, predict)(X), getattr(model, predict)(X))
    np.testing.assert_array_equal(again.leaderboard_["weight"], model.leaderboard_["weight"])


def test_models_of_foreign_types_are_refused(fit, tmp_path, monkeypatch):
    from autometa.estimators import _saved

    fit(families=["linear"]).save(tmp_path)
    monkeypatch.setattr(_saved, "TRUSTED_PREFIXES", ("autometa.encoding.",))

    with pytest.raises(ArtefactError, match="autometa.families"):
        load(tmp_path)


def test_a_family_that_is_not_there_is_named(fit, monkeypatch):
    with pytest.raises(InvalidInputError, match="forest"):
        fit(families=["forest"])
    monkeypatch.setitem(__import__("sys").modules, "catboost", None)
    with pytest.raises(MissingExtraError, match=r"autometa\[catboost\]"):
        fit(families=["catboost"])


def test_a_row_alone_and_in_a_batch_agree(fit, table):
    X, model = table[0], fit()

    alone = np.concatenate([model.predict_proba(X[[i]]) for i in range(10)])

    np.testing.assert_allclose(alone, model.predict_proba(X)[:10], atol=1e-9)


def test_two_rows_are_the_same_as_one_of_weight_two(table, knowledge, short_adaptation):
    X, y = table
    y = (y > 0).astype(int)
    weight = np.random.default_rng(1).integers(0, 3, len(y))
    options = {"n_trials": 5, "families": FAMILIES, "knowledge": knowledge, "random_state": 0}
    options |= {"time_limit": None, "cv": 3}

    weighted = AutoMetaClassifier(**options).fit(X, y, sample_weight=weight)
    repeated = AutoMetaClassifier(**options).fit(X.repeat(weight, 0), y.repeat(weight))

    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize(("full_reading_s", "first"), [(1e4, "linear"), (1.0, "adapted_network")])
def test_where_time_is_short_for_its_rows_the_network_comes_last(
    fit, monkeypatch, full_reading_s, first
):
    for name in ("MAX_STEP_ROWS", "MAX_CONTEXT_ROWS", "FEWEST_CONTEXT_ROWS"):
        monkeypatch.setattr(f"autometa.families.adapted_network.{name}", 16)
    monkeypatch.setattr("autometa.estimators._base.FULL_READING_S", full_reading_s)
    seen = []

    model = fit(
        n_trials=1, families="auto", time_limit=30, callbacks=[lambda *told: seen.append(1)]
    )

    assert model.proposals_[0]["family"] == first
    assert len(seen) == 1


def test_models_of_splits_in_time_learn_from_the_newest_rows(fit, table):
    X, _ = table
    old = np.arange(90) < 70
    y = np.where(old, 0.0, 50.0)  # a jump that the first folds cannot know of
    X = np.column_stack([X, ~old])

    model = AutoMetaRegressor(
        families=["extra_trees", "linear"], cv=TimeSeriesSplit(4), n_trials=3, time_limit=None
    ).fit(X, y)

    assert abs(model.predict(X[~old]) - 50.0).max() < 5.0


def test_where_folds_share_all_rows_their_models_predict_together():
    one = np.ones(6)
    dealt = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1.0]])
    in_time = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0.0]])

    assert Folds(dealt, 1 - dealt).are_bagged
    assert not Folds(in_time, one - in_time).are_bagged
    assert not Folds(dealt[:1], 1 - dealt[:1]).are_bagged


def test_class_weights_are_for_fits_and_not_for_scores():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 4))
    y = np.where(X[:, 0] + rng.normal(size=400) > 1.5, "rare", "common")
    scores = {}
    for weight in (None, "balanced"):
        model = AutoMetaClassifier(
            metric="accuracy",
            class_weight=weight,
            families=["linear"],
            n_trials=1,
            time_limit=None,
            random_state=0,
        ).fit(X, y)
        scores[weight] = model.best_score_
        if weight is not None:
            assert (model.predict(X) == "rare").mean() > 1.5 * (y == "rare").mean()

    assert scores[None] > (y == "common").mean() - 0.02
    assert scores["balanced"] < scores[None] - 0.03  # its errors count as they are


def test_a_resumed_search_begins_with_the_best_that_is_stored(table, tmp_path):
    X, y = table
    stored = {"storage": f"sqlite:///{tmp_path}/study.db", "study_name": "mine"}
    options = {"families": ["linear", "extra_trees"], "time_limit": None, "random_state": 0}
    make = partial(AutoMetaClassifier, **stored, **options, ensemble=False)
    first = make(n_trials=5).fit(X, y > 0)

    resumed = make(n_trials=1).fit(X, y > 0)

    assert resumed.n_trials_ == 6
    assert resumed.best_score_ == pytest.approx(first.best_score_)
    assert resumed.best_params_["family"] == first.best_params_["family"]
    assert "resumed" in set(resumed.leaderboard_["origin"])


def test_a_network_that_there_was_no_time_for_has_its_row(fit, monkeypatch):
    monkeypatch.setattr("autometa.search._network_trials.NetworkTrials.may_start", lambda self: 0)
    model = fit(n_trials=None, families=["linear", "adapted_network"])

    board = model.leaderboard_
    weights = board.groupby("family")["weight"].sum()
    assert weights.to_dict() == pytest.approx({"adapted_network": 0.5, "linear": 0.5})
    assert board.set_index("family").loc["adapted_network", "state"] == "not tried"


def test_a_network_that_few_trials_leave_out_has_no_weight(fit):
    board = fit(n_trials=1, families=["linear", "adapted_network"]).leaderboard_

    assert board[["family", "weight"]].to_numpy().tolist() == [["linear", 1.0]]


def test_a_network_that_a_stored_study_has_tried_is_not_taken_untried(fit, monkeypatch):
    stored = {"storage": optuna.storages.InMemoryStorage(), "study_name": "mine"}
    fit(n_trials=2, families=["adapted_network", "linear"], **stored)
    monkeypatch.setattr("autometa.search._network_trials.NetworkTrials.may_start", lambda self: 0)

    board = fit(n_trials=None, families=["linear", "adapted_network"], **stored).leaderboard_

    assert board.groupby("family")["weight"].sum().to_dict() == {
        "adapted_network": 0.0,
        "linear": pytest.approx(1.0),
    }


def test_where_no_trial_has_a_score_a_warning_says_why(table):
    X, y = table

    with pytest.warns(NoScoreWarning, match=r"No trial of linear has .*too little time.*predict"):
        AutoMetaRegressor(families=["linear"], time_limit=0.0).fit(X, y)
    with pytest.warns(NoScoreWarning, match="first error is ValueError: .*Logarithmic"):
        AutoMetaRegressor(
            families=["linear"], metric="neg_mean_squared_log_error", n_trials=2, time_limit=None
        ).fit(X, np.maximum(10 * y, 0.0))


def test_a_metric_of_counts_sees_zeros():
    rng = np.random.default_rng(10)
    X, counts = rng.normal(size=(80, 2)), rng.poisson(1.0, 80)

    model = AutoMetaRegressor(
        families=["knn"], metric="neg_mean_poisson_deviance", n_trials=1, time_limit=None
    ).fit(X, counts)

    assert np.isfinite(model.best_score_) and type(model.best_score_) is float


def test_a_metric_that_cannot_score_a_target_is_refused_before_any_is_fitted(monkeypatch):
    monkeypatch.setattr("autometa.families.adapted_network.propose_weights", None)
    X = np.arange(20.0)[:, None]
    Y = np.column_stack([np.arange(20.0), -np.arange(20.0)])

    with pytest.raises(InvalidInputError, match="neg_mean_squared_log_error cannot score numbers"):
        AutoMetaRegressor(metric="neg_mean_squared_log_error").fit(X, Y)


def test_a_network_that_the_metric_cannot_score_has_no_weight(fit, monkeypatch):
    def refuse(task, folds, configs, *, report, **options):
        n_configs = len(configs)
        report(range(n_configs), 1, [np.nan] * n_configs, [None] * n_configs)

    monkeypatch.setattr("autometa.search._network_trials.evaluate_group", refuse)

    model = fit(AutoMetaRegressor, 4, ["adapted_network", "extra_trees"])

    board = model.leaderboard_
    network = board[board["family"] == "adapted_network"]
    assert set(network["state"]) == {"fail"} and "not tried" not in set(board["state"])
    errors = [trial.user_attrs.get("autometa:error") for trial in model.study_.trials]
    assert "the score is not finite" in errors


@pytest.mark.parametrize("family", ["lightgbm", "catboost", "hist_gradient_boosting"])
def test_a_split_in_which_all_numbers_are_alike_is_fitted(family, knowledge):
    if family != "hist_gradient_boosting":
        pytest.importorskip(family)
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = np.r_[np.zeros(50), np.arange(50.0)]

    model = AutoMetaRegressor(
        families=[family, "linear"],
        cv=TimeSeriesSplit(4),
        n_trials=2,
        time_limit=None,
        knowledge=knowledge,
    ).fit(X, y)

    assert set(model.leaderboard_["state"]) <= {"complete", "pruned"}
