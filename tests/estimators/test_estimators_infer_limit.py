"""One model or as many as predict in time: ``ensemble`` and ``infer_limit``."""

import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from autometa import AutoMetaClassifier, AutoMetaRegressor, Family
from autometa.estimators._infer_limit import SHARE, Choice, Stopwatch, choose_within
from autometa.estimators._members import Members
from autometa.exceptions import InferLimitWarning, InvalidInputError

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0] + 0.5 * np.random.default_rng(1).normal(size=60)
FAMILIES = ["adapted_network", "linear", "extra_trees", "knn"]


class Slow(LogisticRegression):
    """Takes a second for the thousand rows that are timed."""

    def predict_proba(self, X):
        time.sleep(len(X) // 1_000)
        return super().predict_proba(X)


@pytest.fixture
def fit(knowledge, short_adaptation):
    def fit(kind=AutoMetaClassifier, families=FAMILIES, n_trials=6, **options):
        y = Y if kind is AutoMetaRegressor else np.where(Y > 0, "up", "down")
        options = {"time_limit": None, "random_state": 0, "cv": 3, **options}
        return kind(n_trials=n_trials, families=families, knowledge=knowledge, **options).fit(X, y)

    return fit


@pytest.mark.parametrize("kind", [AutoMetaClassifier, AutoMetaRegressor])
def test_without_an_ensemble_the_best_configuration_predicts_alone(fit, kind):
    model = fit(kind, ensemble=False)

    board = model.leaderboard_
    assert board["weight"].tolist() == [1.0] + [0.0] * (len(board) - 1)
    assert model.best_score_ == board["score"].iloc[0]
    assert model.best_params_["family"] == board["family"].iloc[0]
    kept = model._model_
    assert len(kept.networks) == 1 or [len(models) for _, models in kept.tables] == [3, 1]


def test_the_fitted_object_keeps_members_only(fit):
    model = fit(n_trials=12)

    n_members = (model.leaderboard_["weight"] > 0).sum()
    tables = model._model_.tables  # models of folds, and one of all rows
    assert len(model._model_.networks) + len(tables) / 2 == n_members
    held = [value for value in vars(model).values() if isinstance(value, (list, dict))]
    assert not any("TableModel" in repr(value) for value in held)


def test_a_wide_limit_changes_nothing(fit):
    np.testing.assert_array_equal(fit(infer_limit=10.0).predict_proba(X), fit().predict_proba(X))


def test_what_is_too_slow_is_left_out(fit):
    slow = Family("slow", Slow(C=10.0))

    with warnings.catch_warnings():
        warnings.simplefilter("error", InferLimitWarning)
        model = fit(families=[slow, "linear"], n_trials=3, infer_limit=5e-4)

    board = model.leaderboard_.set_index("family")["weight"]
    assert board["slow"] == 0 and board["linear"].sum() == 1
    assert model.best_params_["family"] == "linear"


@pytest.mark.parametrize("options", [{"n_trials": 4}, {"n_trials": 0}, {"families": "auto"}])
def test_where_nothing_is_fast_enough_the_fastest_is_kept_with_a_warning(fit, options):
    with pytest.warns(InferLimitWarning, match="infer_limit=1e-09 seconds a row is not reached"):
        model = fit(infer_limit=1e-9, **options)

    kept = model._model_
    assert len(kept.networks) + len(kept.tables) == 1
    assert all(len(network.weights["head"]) == 1 for _, network in kept.networks)
    assert all(len(models) == 1 for _, models in kept.tables)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"infer_limit": 0}, "infer_limit must be a number of seconds a row > 0"),
        ({"infer_limit": "1ms"}, "infer_limit must be a number"),
        ({"infer_limit": True}, "infer_limit must be a number"),
        ({"ensemble": None}, "ensemble must be True, or False"),
    ],
)
def test_limits_that_make_no_sense_are_refused(fit, option, message):
    with pytest.raises(InvalidInputError, match=message):
        fit(**option)


class FakeWatch(Stopwatch):
    """Inputs of 1 second a kind, and models that take what their candidate says."""

    def __init__(self):
        pass

    def input_s(self, candidate):
        return candidate.kind, 1.0

    def model_s(self, candidate):
        return candidate.seconds


def candidate(seconds, kind="a", n_models=3):
    return SimpleNamespace(seconds=seconds, kind=kind, models=[None] * n_models, refits=[])


def choose(candidates, weights, limit_s, others=()):
    choices = [Choice(*pair) for pair in zip(candidates, weights, strict=True)]
    chosen = choose_within(choices, others, FakeWatch(), limit_s / SHARE, n_bags=4)
    return {one.candidate.seconds: (round(one.weight, 3), one.n_models) for one in chosen}


def test_models_of_folds_go_before_members():
    members = [candidate(2.0), candidate(1.0)]

    assert choose(members, [0.5, 0.5], 10.0) == {2.0: (0.5, 3), 1.0: (0.5, 3)}
    assert choose(members, [0.5, 0.5], 9.0) == {2.0: (0.5, 3), 1.0: (0.5, 2)}
    assert choose(members, [0.5, 0.5], 4.0) == {2.0: (0.5, 1), 1.0: (0.5, 1)}


def test_the_member_of_least_weight_for_its_time_goes_first():
    members = [candidate(2.0), candidate(1.0, kind="b"), candidate(0.5)]

    chosen = choose(members, [0.6, 0.1, 0.3], 3.6)

    assert chosen == {2.0: (0.667, 1), 0.5: (0.333, 1)}


def test_networks_count_by_their_bags():
    assert choose([candidate(1.0, n_models=0)], [1.0], 9.0) == {1.0: (1.0, 4)}


def test_no_time_is_kept_for_networks_that_there_are_not():
    network, table = candidate(1.0, n_models=0), candidate(1.5, n_models=5)
    choices = [Choice(network, 0.5), Choice(table, 0.5)]

    chosen = choose_within(choices, (), FakeWatch(), 8.0 / SHARE, 4, lambda one: False)

    assert [one.n_models for one in chosen] == [1, 4]


def test_the_first_network_of_few_rows_is_one(fit, monkeypatch):
    chosen = []

    def choose(*given):
        chosen.extend(choose_within(*given))
        return chosen

    monkeypatch.setattr("autometa.estimators._base.choose_within", choose)
    model = fit(families=["adapted_network"], n_trials=1, infer_limit=10.0)

    [(_, network)] = model._model_.networks
    assert [one.n_models for one in chosen] == [len(network.weights["head"])] == [1]


def test_another_candidate_stands_in_where_no_member_is_fast_enough():
    others = [candidate(6.0), candidate(0.5), candidate(0.1)]

    assert choose([candidate(5.0)], [1.0], 2.5, others) == {0.5: (1.0, 3)}
    assert choose([candidate(5.0)], [1.0], 0.5, others) == {0.1: (1.0, 1)}


@pytest.mark.parametrize(
    ("n_models", "expected"),
    [
        (None, [(0.25, ["a", "b"]), (0.25, ["all"])]),
        (3, [(0.25, ["a", "b"]), (0.25, ["all"])]),
        (2, [(0.5, ["all", "a"])]),
        (1, [(0.5, ["all"])]),
    ],
)
def test_models_of_all_rows_count_half_and_come_first(n_models, expected):
    members = Members(None)

    members.add_tables(0.5, SimpleNamespace(models=["a", "b"], refits=["all"]), n_models)

    assert members.tables == expected
