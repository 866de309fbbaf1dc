"""Comparisons against figures worked out by hand or by another library."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from autometa.bench import compare_runs, elo, over_time
from autometa.exceptions import InvalidInputError

SCORES = {
    "good": {"t1": 0.9, "t2": 0.8, "t3": 0.7},
    "fair": {"t1": 0.8, "t2": 0.9, "t3": 0.6},
    "poor": {"t1": 0.4, "t2": 0.7, "t3": None},
}


def test_ranks_are_means_over_tasks_and_a_failure_is_the_worst(make_runs):
    found = compare_runs(make_runs(SCORES))

    assert found.methods == ["good", "fair", "poor"]
    assert found.ranks.mean().round(2).to_dict() == {"good": 1.33, "fair": 1.67, "poor": 3.0}
    assert found.table()["failed"].to_dict() == {"good": 0, "fair": 0, "poor": 1}
    assert found.table().loc["poor", "share_worst"] == 1.0


def test_failures_share_the_worst_rank(make_runs):
    scores = {"a": {"t": 0.9}, "b": {"t": None}, "c": {"t": None}}

    assert compare_runs(make_runs(scores)).ranks.loc["t"].to_dict() == {"a": 1, "b": 2.5, "c": 2.5}


def test_what_rounding_leaves_makes_no_rank(make_runs):
    scores = {"a": 0.1 + 0.2, "b": 0.3, "c": 0.3 - 1e-9, "diverged": -1e13}
    runs = make_runs({method: {"t": score} for method, score in scores.items()})

    assert [*compare_runs(runs).ranks.loc["t"][[*scores]]] == [1.5, 1.5, 3, 4]


def test_normalised_scores_go_from_a_constant_prediction_to_the_best(make_runs):
    normalised = compare_runs(make_runs(SCORES)).normalised

    assert normalised.loc["t1"].to_dict() == pytest.approx({"good": 1, "fair": 0.75, "poor": 0})
    assert normalised.loc["t3", "poor"] == 0.0


def test_a_task_with_many_folds_weighs_as_much_as_one_with_few(make_runs):
    runs = make_runs({"a": {"t1": 0.9, "t2": 0.6}, "b": {"t1": 0.8, "t2": 0.7}})
    more = [runs[runs["task"] == "t1"].assign(fold=fold) for fold in (1, 2, 3)]

    found = compare_runs(pd.concat([runs, *more]))

    assert found.ranks.mean().to_dict() == {"a": 1.5, "b": 1.5}


def test_each_kind_of_task_is_judged_by_its_own_metric(make_runs):
    binary = make_runs({"a": {"t": 0.9}, "b": {"t": 0.8}})
    numbers = binary.assign(task="n", kind="regression", rmse=[3.0, 2.0], constant_rmse=4.0)

    found = compare_runs(pd.concat([binary, numbers]))

    assert found.ranks.loc["t"].to_dict() == {"a": 1, "b": 2}
    assert found.ranks.loc["n"].to_dict() == {"a": 2, "b": 1}
    assert found.table()["rmse_ratio"].to_dict() == {"a": 0.75, "b": 0.5}
    assert compare_runs(pd.concat([binary, numbers]), kind="regression").n_tasks == 1


def test_win_rates_and_their_tests_are_those_of_scipy(make_runs):
    rng = np.random.default_rng(0)
    tasks = [f"t{i}" for i in range(20)]
    scores = {name: dict(zip(tasks, rng.uniform(0.6, 0.9, 20), strict=True)) for name in "abc"}
    found = compare_runs(make_runs(scores))

    duel = found.wins().loc[("a", "b")]

    difference = found.normalised["a"] - found.normalised["b"]  # all are better than a constant
    wins = int((difference > 0).sum())
    assert (duel["wins"], duel["ties"], duel["win_rate"]) == (wins, 0, wins / 20)
    assert duel["p_sign"] == pytest.approx(stats.binomtest(wins, 20).pvalue)
    assert duel["p_wilcoxon"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    other = found.wins().loc[("a", "c")]
    smaller, larger = sorted([duel["p_wilcoxon"], other["p_wilcoxon"]])
    assert min(duel["p_holm"], other["p_holm"]) == pytest.approx(min(1, 2 * smaller))
    assert max(duel["p_holm"], other["p_holm"]) == pytest.approx(min(1, max(larger, 2 * smaller)))


def test_equal_scores_are_ties(make_runs):
    duel = compare_runs(make_runs({"a": {"t": 0.8}, "b": {"t": 0.8}})).wins().loc[("a", "b")]

    assert (duel["ties"], duel["win_rate"], duel["p_wilcoxon"]) == (1, 0.5, 1.0)


def test_the_critical_difference_is_that_of_demsar(make_runs):
    # Table 5 of Demšar (2006): q = 2.569 for four methods; 14 data sets give CD = 1.25.
    rng = np.random.default_rng(0)
    tasks = [f"t{i}" for i in range(14)]
    scores = {
        name: {t: 0.6 + 0.05 * number + rng.uniform(0, 0.04) for t in tasks}
        for number, name in enumerate("abcd")
    }

    found = compare_runs(make_runs(scores)).critical_difference()

    assert found["critical_difference"] == pytest.approx(1.25, abs=0.01)
    assert found["groups"] == [["d", "c"], ["c", "b"], ["b", "a"]]
    assert found["p_friedman"] < 1e-6


def test_friedmans_test_of_equal_ranks_finds_nothing(make_runs):
    scores = {name: {"t1": 0.8, "t2": 0.7} for name in "abc"}

    assert compare_runs(make_runs(scores)).critical_difference()["p_friedman"] == 1.0


def test_elo_ratings_say_how_often_one_wins():
    n = 1000
    a = np.r_[np.ones(750), np.zeros(250)]
    scores = pd.DataFrame({"a": a, "random_forest": 1 - a})

    found = elo(scores)

    assert len(scores) == n
    assert found.loc["random_forest", "elo"] == 1000.0
    assert found.loc["a", "elo"] == pytest.approx(1000 + 400 * np.log10(3), abs=1)
    assert found.loc["a", "elo_low"] < found.loc["a", "elo"] < found.loc["a", "elo_high"]


def test_elo_is_finite_for_who_never_wins():
    assert np.isfinite(elo(pd.DataFrame({"a": [1.0, 1.0], "b": [0.0, 0.0]}))).all(axis=None)


def test_folds_without_runs_of_all_methods_are_left_out_and_counted(make_runs):
    runs = make_runs({"a": {"t1": 0.9, "t2": 0.8}, "b": {"t1": 0.8, "t2": 0.9}})

    found = compare_runs(runs[:-1])

    assert found.n_tasks == 1
    assert found.left_out == {"b": 1}


def test_methods_without_a_limit_take_part_at_every_budget(make_runs):
    limited = {"a": {"t": 0.9}}
    runs = [make_runs(limited, budget_s=s, fit_s=s) for s in (1.0, 10.0)]
    runs.append(make_runs({"b": {"t": 0.8}}, unlimited="b", fit_s=5.0))

    found = {s: compare_runs(pd.concat(runs), s).table() for s in (1.0, 10.0)}

    assert found[1.0]["late"].to_dict() == {"a": 0, "b": 1}
    assert found[10.0]["late"].to_dict() == {"a": 0, "b": 0}
    with pytest.raises(InvalidInputError, match=r"one of \[1.0, 10.0\], got None"):
        compare_runs(pd.concat(runs))


def test_more_folds_of_a_method_without_a_limit_leave_the_comparison_whole(make_runs):
    runs = [make_runs({"a": {"t": 0.9}}), make_runs({"b": {"t": 0.8}}, unlimited="b")]
    runs.append(runs[1].assign(fold=1))

    found = compare_runs(pd.concat(runs))

    assert len(found.scores) == 1
    assert found.left_out == {}


def test_runs_of_other_settings_are_not_mixed(make_runs):
    runs = make_runs({"a": {"t": 0.9}})

    with pytest.raises(InvalidInputError, match=r"several values of n_threads: \[1, 2\]"):
        compare_runs(pd.concat([runs, runs.assign(n_threads=2)]))


def test_a_failure_counts_as_the_worst_or_the_constant_prediction_in_means(make_runs):
    table = compare_runs(make_runs(SCORES)).table()

    assert table.loc["poor", "roc_auc"] == pytest.approx((0.4 + 0.7 + 0.5) / 3)


@pytest.mark.parametrize("options", [{"metric": "speed"}, {"methods": ["a", "z"]}])
def test_what_there_is_not_cannot_be_compared(make_runs, options):
    with pytest.raises(InvalidInputError, match="speed|z"):
        compare_runs(make_runs({"a": {"t": 0.9}}), **options)


def test_over_time_one_scale_serves_all_budgets(make_runs):
    runs = [
        make_runs({"a": {"t": 0.7}}, budget_s=1.0),
        make_runs({"a": {"t": 0.9}}, budget_s=10.0),
        make_runs({"b": {"t": 0.8}}, unlimited="b"),
    ]

    table = over_time(pd.concat(runs)).set_index(["method", "budget_s"])["normalised"]

    assert table.round(2).tolist() == [0.5, 1.0, 0.75]


def test_a_failure_loses_to_whatever_has_a_score(make_runs):
    scores = {"good": {"t": 0.9}, "bad": {"t": 0.45}, "worse": {"t": 0.4}, "failed": {"t": None}}

    found = compare_runs(make_runs(scores))

    wins = found.wins()["wins"]
    assert [wins["bad", other] for other in ("good", "worse", "failed")] == [0, 1, 1]
    assert wins["worse", "failed"] == 1
    assert found.table()["elo"].is_monotonic_decreasing


def test_failures_of_both_are_a_tie(make_runs):
    duel = compare_runs(make_runs({"a": {"t": None}, "b": {"t": None}})).wins().loc[("a", "b")]

    assert (duel["ties"], duel["p_wilcoxon"]) == (1, 1.0)
