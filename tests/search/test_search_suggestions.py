"""Configurations to try first, as a list and in a user's own study."""

import time

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from search.conftest import N_OTHERS, merit_of

from autometa import Knowledge, suggest, warm_start
from autometa.exceptions import (
    InvalidInputError,
    OtherKindWarning,
    UnknownMetafeaturesWarning,
    UnknownSpaceWarning,
)
from autometa.proposers import PortfolioProposer

FAR = {"size": 90.0, "noise": -50.0, **{f"other_{j}": 1e3 for j in range(N_OTHERS)}}


@pytest.fixture
def given(knowledge):
    return {"family": "svm", "knowledge": knowledge}


def test_the_best_comes_first_with_what_is_known_of_it(given, knowledge):
    proposals = suggest(metafeatures={"size": 1.0}, n=5, **given)

    first = proposals[0]
    score = merit_of(1.0, first.config["C"], first.config["kernel"])
    assert 0.9 - score < 0.08
    assert abs(first.predicted_score - score) < 0.1
    assert first.predicted_cost_s == pytest.approx(2.0)
    assert first.origin == "surrogate" and first.ood_score < 1.25
    assert (abs(knowledge.metafeatures.loc[first.neighbours, "size"] - 1.0) < 0.6).all()
    assert len({tuple(sorted(proposal.config.items())) for proposal in proposals}) == 5


def test_meta_features_move_the_proposals(given):
    small, large = (
        [p.config["C"] for p in suggest(metafeatures={"size": size}, n=3, **given)]
        for size in (-1.2, 1.2)
    )

    assert np.log(small).mean() < np.log(large).mean() - 1


def test_far_from_everything_known_it_is_the_portfolio_and_in_the_midst_it_is_not(given):
    portfolio = PortfolioProposer(given["knowledge"], "svm").start()
    static = [portfolio.ask() for _ in range(6)]

    far = suggest(metafeatures=FAR, n=6, **given)
    midst = suggest(metafeatures={"size": 0.5}, n=6, **given)

    assert [proposal.config for proposal in far] == static
    assert {proposal.origin for proposal in far} == {"portfolio"}
    assert far[0].ood_score > 2 and far[0].neighbours == []
    assert [proposal.config for proposal in midst] != static


def test_without_meta_features_all_tasks_count_alike(given):
    proposals = suggest(n=3, **given)

    assert {proposal.ood_score for proposal in proposals} == {None}
    assert {tuple(proposal.neighbours) for proposal in proposals} == {()}


@pytest.mark.parametrize(("cost_exponent", "first"), [(0.0, "rbf"), (1.0, "linear")])
def test_what_is_cheap_and_nearly_as_good_comes_first_where_seconds_count(
    costly_knowledge, cost_exponent, first
):
    given = {"family": "svm", "knowledge": costly_knowledge, "cost_exponent": cost_exponent}
    study = optuna.create_study()

    enqueued = warm_start(study, n=2, **given)

    assert [proposal.config for proposal in enqueued] == [p.config for p in suggest(n=2, **given)]
    assert enqueued[0].config == {"kernel": first}
    assert study.trials[0].system_attrs["fixed_params"] == {"kernel": first}


def test_a_space_of_ones_own_is_kept_to(given):
    space = {"C": FloatDistribution(0.5, 2.0), "kernel": CategoricalDistribution(["linear"])}

    proposals = suggest(metafeatures={"size": 1.5}, n=4, space=space, **given)

    assert all(0.5 <= proposal.config["C"] <= 2.0 for proposal in proposals)
    assert len({proposal.config["C"] for proposal in proposals}) > 1


def test_a_study_tries_what_is_enqueued_first_and_knows_where_it_came_from(given):
    study = optuna.create_study(direction="minimize")

    enqueued = warm_start(study, metafeatures={"size": 1.0}, n=3, **given)
    study.optimize(
        lambda t: (
            -merit_of(
                1.0,
                t.suggest_float("C", 0.01, 100),
                t.suggest_categorical("kernel", ["rbf", "linear"]),
            )
        ),
        n_trials=4,
    )

    assert len(enqueued) == 3
    for trial, proposal in zip(study.trials, enqueued, strict=False):
        assert trial.params["C"] == proposal.config["C"]
        assert trial.user_attrs["autometa:origin"] == "surrogate"
        assert trial.user_attrs["autometa:predicted_score"] == proposal.predicted_score
    assert "autometa:origin" not in study.trials[3].user_attrs


def test_nothing_is_enqueued_twice(given):
    study = optuna.create_study()

    first = warm_start(study, metafeatures={"size": 1.0}, n=3, **given)
    again = warm_start(study, metafeatures={"size": 1.0}, n=3, **given)

    assert (len(first), again, len(study.trials)) == (3, [], 3)


def test_proposals_fit_the_ranges_that_a_study_has_shown(given):
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("C", 0.01, 0.5), n_trials=1)

    enqueued = warm_start(study, metafeatures={"size": 1.0}, n=3, **given)
    study.optimize(lambda trial: trial.suggest_float("C", 0.01, 0.5), n_trials=len(enqueued))

    assert enqueued
    assert all(trial.params["C"] <= 0.5 for trial in study.trials)


def test_a_new_study_of_a_part_tries_nothing_twice(given):
    space, study = {"C": FloatDistribution(0.01, 100)}, optuna.create_study()

    enqueued = warm_start(study, metafeatures={"size": 1.0}, n=6, space=space, **given)
    study.optimize(lambda trial: trial.suggest_float("C", 0.01, 100), n_trials=6)

    assert len(enqueued) == 6
    assert len({f"{trial.params['C']:.9g}" for trial in study.trials}) == 6
    assert [trial.system_attrs["fixed_params"] for trial in study.trials] == [
        {"C": proposal.config["C"]} for proposal in enqueued
    ]


def test_ten_proposals_take_less_than_50_ms(given):
    seconds = []
    for _ in range(5):
        start = time.process_time()
        suggest(metafeatures={"size": 1.0}, n=10, **given)
        seconds.append(time.process_time() - start)

    assert min(seconds) < 0.05


def test_bad_input_is_told(given, knowledge):
    with pytest.raises(InvalidInputError, match="n must be an integer >= 1, got 0"):
        suggest(n=0, **given)
    with pytest.raises(InvalidInputError, match="y was given without X"):
        suggest(y=[1, 2], **given)
    for wrong in (-1.0, "fast", float("nan")):
        with pytest.raises(InvalidInputError, match="cost_exponent must be a number >= 0"):
            suggest(cost_exponent=wrong, **given)
    with pytest.raises(InvalidInputError, match="must be an optuna distribution"):
        suggest(space={"C": 3}, **given)
    with pytest.raises(InvalidInputError, match="ships with autometa holds no evaluations of"):
        suggest(family="no such family")
    with pytest.raises(InvalidInputError, match=r"got ndarray. Give it first: warm_start\(study"):
        warm_start(np.zeros((4, 1)), [0, 1] * 2, **given)
    several = optuna.create_study(directions=["minimize"] * 2)
    with pytest.raises(InvalidInputError, match="2 objectives"):
        warm_start(several, **given)


def test_categories_of_ones_own_are_kept_to(given):
    space = {
        "kernel": CategoricalDistribution(["sigmoid", "rbf"]),
        "C": CategoricalDistribution([0.1, 1.0, 10.0]),
    }
    study = optuna.create_study(direction="maximize")

    warm_start(study, n=6, space=space, **given)
    study.optimize(
        lambda trial: (
            trial.suggest_categorical("C", [0.1, 1.0, 10.0])
            * len(trial.suggest_categorical("kernel", ["sigmoid", "rbf"]))
        ),
        n_trials=6,
    )

    configs = [p.config for p in suggest(n=6, space=space, **given)]
    assert {config["C"] for config in configs} <= {0.1, 1.0, 10.0}
    assert {config.get("kernel", "rbf") for config in configs} == {"rbf"}
    keys = [tuple(sorted(config.items())) for config in configs]
    assert len(set(keys)) == len(keys)


def test_names_that_nobody_knows_are_told(given):
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("svc__C", 0.1, 1.0), n_trials=1)

    with pytest.raises(InvalidInputError, match="nothing is known of 'svc__C'. Known are C, "):
        warm_start(study, **given)
    with pytest.raises(InvalidInputError, match="nothing is known of 'c'"):
        suggest(space={"c": FloatDistribution(1, 2)}, **given)
    with pytest.warns(UnknownSpaceWarning, match="nothing is known of 'c'"):
        suggest(space={"c": FloatDistribution(1, 2), "C": FloatDistribution(1, 2)}, **given)


@pytest.mark.parametrize(
    ("described", "first"),
    [
        ({"n_classes": 2}, 1),
        ({"n_classes": np.nan, "target_distinct_share": 0.9}, 9),
        ({"n_classes": np.nan}, 5),
        ({"n_classes": pd.NA}, 5),
        ({"n_classes": 0}, 5),
    ],
)
def test_meta_features_tell_the_kind_of_a_target_where_they_know_it(described, first):
    rows = [
        {"task": kind, "family": "m", "hp_k": k, "score": score}
        for kind, scores in {"binary": (1.0, 0.9, 0.0), "regression": (0.0, 0.9, 1.0)}.items()
        for k, score in zip((1, 5, 9), scores, strict=True)
    ]
    names = pd.DataFrame(
        {"n_classes": [2, np.nan], "target_distinct_share": [np.nan, 1]},
        index=["binary", "regression"],
    )
    tasks = {kind: {"kind": kind} for kind in names.index}
    knowledge = Knowledge.from_evaluations(pd.DataFrame(rows), names, tasks=tasks)

    [proposal] = suggest(family="m", metafeatures=described, knowledge=knowledge, n=1)

    assert proposal.config == {"k": first}


def test_meta_features_of_other_names_than_ours_do_without_those_of_the_table(given, rng):
    X, y = rng.normal(size=(40, 2)), [0, 1] * 20

    with pytest.warns(UnknownMetafeaturesWarning, match=r"other names .size, noise, .*all known"):
        proposals = suggest(X, y, n=2, **given)

    assert [p.config for p in proposals] == [p.config for p in suggest(n=2, **given)]


def test_knowledge_of_the_other_kind_is_warned_of():
    rows = pd.DataFrame({"task": ["a", "b"], "family": "m", "hp_k": [1, 9], "score": [0.0, 1.0]})
    tasks = {name: {"kind": "regression"} for name in "ab"}
    knowledge = Knowledge.from_evaluations(rows, None, tasks=tasks)
    X, ratings = np.arange(40.0)[:, None], np.arange(40) % 2

    for _ in range(2):
        with pytest.warns(OtherKindWarning, match="only tasks with targets of numbers"):
            suggest(X, ratings, family="m", knowledge=knowledge)
    suggest(X, ratings, family="m", knowledge=knowledge, kind="regression")
    with pytest.raises(InvalidInputError, match="kind must be one of .*got 'numbers'"):
        suggest(X, ratings, family="m", knowledge=knowledge, kind="numbers")
