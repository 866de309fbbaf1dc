"""What every proposer promises."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from autometa import Knowledge
from autometa.exceptions import InvalidInputError, NothingLeftError
from autometa.proposers import NearestTasksProposer, PortfolioProposer, SurrogateProposer
from autometa.space import is_missing

PROPOSERS = [NearestTasksProposer, PortfolioProposer, SurrogateProposer]


def key(config):
    return tuple(None if is_missing(value) else value for value in config.values())


@pytest.fixture(scope="module", params=PROPOSERS)
def proposer(request, knowledge):
    return request.param(knowledge, "svm")


@pytest.mark.parametrize("told", [0.5, np.nan, -1e9, "rising", "mixed"])
@pytest.mark.parametrize("metafeatures", [None, {"size": 1.0}, {"size": np.nan}])
def test_each_candidate_is_asked_once_with_its_values_unchanged(
    proposer, candidates, told, metafeatures
):
    search = proposer.start(metafeatures, candidates=candidates)
    asked = []

    for number in range(len(candidates)):
        config = search.ask()
        asked.append(key(config))
        mixed = (np.nan, 0.3, 0.3)[number % 3]
        search.tell(config, {"rising": number / 9, "mixed": mixed}.get(told, told))

    assert sorted(asked, key=str) == sorted(map(key, candidates.to_dict("records")), key=str)
    with pytest.raises(NothingLeftError, match="All 16 configurations were asked"):
        search.ask()


def test_without_candidates_whatever_is_proposed_lies_in_the_space(proposer):
    search = proposer.start({"size": 0.3})
    asked = set()

    for _ in range(60):
        config = search.ask()
        search.tell(config, -(np.log10(config["C"]) ** 2))
        asked.add(tuple(sorted(config.items())))
        assert proposer.space["C"]._contains(config["C"])
        assert ("gamma" in config) == (config["kernel"] == "rbf")

    assert len(asked) == 60


def test_several_asks_in_a_row_and_foreign_trials_are_fine(proposer, candidates):
    search = proposer.start(None, candidates=candidates)

    several = [search.ask() for _ in range(4)]
    search.tell({"C": 0.5, "kernel": "rbf", "gamma": 0.1}, 0.7)
    search.tell(several[2], 0.9)
    search.tell({"hp_C": 0.5, "hp_kernel": "sigmoid"}, 0.1)

    assert len({key(config) for config in [*several, search.ask()]}) == 5


def test_a_told_candidate_is_not_asked_again(proposer, candidates):
    search = proposer.start(None, candidates=candidates.iloc[:2])
    first = candidates.iloc[0].to_dict()

    search.tell(first, 0.4)

    assert key(search.ask()) == key(candidates.iloc[1].to_dict())


def test_the_same_search_proposes_the_same(proposer, candidates):
    def propose():
        search = proposer.start({"size": 0.5})
        configs = []
        for _ in range(8):
            configs.append(search.ask())
            search.tell(configs[-1], -(np.log10(configs[-1]["C"]) ** 2))
        return configs

    assert propose() == propose()


def test_candidates_may_be_named_as_in_the_evaluations(proposer, candidates):
    search = proposer.start(None, candidates=candidates.add_prefix("hp_"))

    assert set(search.ask()) == {"C", "kernel", "gamma"}


def test_meta_features_come_as_series_mapping_or_array(proposer, candidates):
    values = {"size": 1.0, "noise": 0.0, "empty": np.nan}

    asked = [
        key(proposer.start(given, candidates=candidates).ask())
        for given in (values, values | {"empty": None}, pd.Series(values), list(values.values()))
    ]

    assert len(set(asked)) == 1


@pytest.mark.parametrize("make", PROPOSERS)
@pytest.mark.parametrize(
    "options",
    [
        {"shared": False},
        {"shared": False, "n_configs": 3},
        {"missing": 0.5},
        {"n_tasks": 1},
        {"n_tasks": 2},
        {"n_tasks": 9, "scale": 1e6},
        {"n_configs": 1},
        {"n_configs": 2},
        {"scale": 0.0},
        {"scale": 1e-9},
    ],
    ids=str,
)
def test_odd_knowledge_is_fine(make, options, make_evaluations, candidates):
    table, metafeatures = make_evaluations(**options)
    proposer = make(Knowledge.from_evaluations(table, metafeatures), "svm")

    is_one = options.get("n_configs") == 1  # then the space is one point
    for given in (candidates,) if is_one else (None, candidates):
        search = proposer.start({"size": 0.0}, candidates=given)
        for score in (0.3, np.nan, 0.3, 1e12, -1e12):
            config = search.ask()
            search.tell(config, score)


@pytest.mark.parametrize("make", PROPOSERS)
def test_learning_curves_count_by_their_last_step(make, make_evaluations, candidates):
    table, _ = make_evaluations()
    early = table.assign(step=1, score=-table["score"])
    both = pd.concat([table.assign(step=2), early])

    asked = [
        make(Knowledge.from_evaluations(one, None), "svm").start(candidates=candidates).ask()
        for one in (table, both)
    ]

    assert key(asked[0]) == key(asked[1])


@pytest.mark.parametrize("make", PROPOSERS)
def test_numbers_mean_the_same_whatever_their_type(make):
    rows = pd.DataFrame({"task": ["a", "a", "b", "b"], "family": "knn", "score": [1, 0, 1, 0]})
    rows["hp_k"] = pd.Series([3, 9, 3.0, 9.0], dtype=object)

    proposer = make(Knowledge.from_evaluations(rows, None), "knn")

    assert len(proposer.table.configs) == 2


def test_bad_input_is_told_with_what_is_accepted(knowledge, proposer, candidates):
    with pytest.raises(InvalidInputError, match="'knn'; known are .'svm'."):
        type(proposer)(knowledge, "knn")
    with pytest.raises(InvalidInputError, match="must be a Knowledge, got str"):
        type(proposer)("default", "svm")
    with pytest.raises(InvalidInputError, match="must be a pandas DataFrame"):
        proposer.start(candidates=[{"C": 1}])
    with pytest.raises(InvalidInputError, match="candidates are empty"):
        proposer.start(candidates=candidates.iloc[:0])
    with pytest.raises(InvalidInputError, match="score must be a number"):
        proposer.start().tell({"C": 1.0}, "good")


@pytest.mark.parametrize("make", PROPOSERS)
@pytest.mark.parametrize("n_tasks", [3, 30])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_rows": 3.0}, "None of the meta-features given .n_rows. is known"),
        ({"size": "large"}, "must be numbers or NaN by name"),
        ("large", "must be numbers or NaN by name"),
        ([1.0, 2.0], "Got 2 meta-features without names, the knowledge has 3"),
        (pd.DataFrame({"noise": [1.0], "size": 0.0}), r"got a DataFrame.*frame.loc\[name\]"),
    ],
    ids=str,
)
def test_wrong_meta_features_are_told(make, n_tasks, wrong, message, make_evaluations):
    knowledge = Knowledge.from_evaluations(*make_evaluations(n_tasks=n_tasks, n_configs=4))

    with pytest.raises(InvalidInputError, match=message):
        make(knowledge, "svm").start(wrong)


def test_meta_features_are_fine_where_none_are_known(make_evaluations):
    table, _ = make_evaluations(n_tasks=3)

    search = SurrogateProposer(Knowledge.from_evaluations(table, None), "svm").start({"a": 1.0})

    assert np.isnan(search.ood_score)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(proposer, candidates, value):
    with pytest.raises(InvalidInputError, match="C=-?inf is no value.*must be finite"):
        proposer.start(candidates=candidates.assign(C=value))
    with pytest.raises(InvalidInputError, match="C=-?inf is no value"):
        proposer.start().tell({"C": value, "kernel": "linear"}, 0.5)


def test_candidates_of_which_nothing_is_known_are_refused(proposer, candidates):
    with pytest.raises(InvalidInputError, match="columns .svc__C. is known. Known are C, kernel"):
        proposer.start(candidates=candidates[["C"]].add_prefix("svc__"))


def test_costs_of_failures_alone_are_no_costs(make_evaluations):
    table, _ = make_evaluations(n_tasks=4)
    table["cost_s"] = np.where(table["task"] == "t0", 1.0, np.nan)
    table.loc[table["task"] == "t0", "score"] = np.nan
    knowledge = Knowledge.from_evaluations(table, None)

    search = SurrogateProposer(knowledge, "svm", cost_exponent=1.0).start()

    assert search.forecast(search.ask()).cost_s is None


def test_what_runs_elsewhere_is_not_asked_until_it_is_dropped_again(proposer, candidates):
    search = proposer.start(None, candidates=candidates)
    rest = candidates.to_dict("records")[1:]

    search.expect(rest)

    assert key(search.ask()) == key(candidates.to_dict("records")[0])


def test_expecting_is_like_asking_for_the_next_proposal(proposer):
    one, other = (proposer.start({"size": 0.4}) for _ in range(2))
    first = one.ask()

    other.expect([first])

    assert other.ask() == one.ask()


def test_a_forecast_is_in_the_units_of_the_scores(make_evaluations, candidates):
    table, metafeatures = make_evaluations()
    table = table.assign(score=1e3 * table["score"], cost_s=3.0)
    knowledge = Knowledge.from_evaluations(table, metafeatures)
    true = 1e3 * table[table["task"] == "t4"]["score"].to_numpy() / 1e3

    for make in PROPOSERS:
        search = make(knowledge, "svm").start(metafeatures.loc["t4"])
        forecasts = [search.forecast(config) for config in candidates.to_dict("records")]
        scores = [forecast.score for forecast in forecasts]
        assert all(forecast.cost_s == pytest.approx(3.0) for forecast in forecasts)
        assert min(table["score"]) - 500 < min(scores) and max(scores) < max(table["score"]) + 500
        if make is not PortfolioProposer:
            assert np.corrcoef(scores, true)[0, 1] > 0.5


def test_configurations_are_brought_into_another_space(proposer):
    search = proposer.start({"size": 0.0}, fit=lambda config: {**config, "C": min(config["C"], 1)})

    assert all(search.ask()["C"] <= 1 for _ in range(30))


@pytest.mark.parametrize("make", PROPOSERS)
def test_whole_numbers_stay_whole_beside_families_and_kernels_without_them(make):
    """A table with gaps holds them as floats, which libraries refuse."""
    scores = pd.DataFrame(
        {
            "task": list("aabb") * 2,
            "family": ["svm"] * 4 + ["knn"] * 4,
            "hp_kernel": ["poly", "rbf"] * 2 + [None] * 4,
            "hp_degree": [3, None, 3, None] + [None] * 4,
            "hp_k": [None] * 4 + [5, 9] * 2,
            "score": [0.9, 0.8, 0.7, 0.8] * 2,
        }
    )
    spaces = {
        "svm": {
            "kernel": CategoricalDistribution(["poly", "rbf"]),
            "degree": IntDistribution(2, 5),
        },
        "knn": {"k": IntDistribution(1, 9)},
    }
    for family, name in (("svm", "degree"), ("knn", "k")):
        search = make(Knowledge.from_evaluations(scores, None, spaces), family).start()
        asked = [search.ask() for _ in range(2)]
        values = [config[name] for config in asked if name in config]
        assert values and all(type(value) is int for value in values)


def scores_of(**by_value):
    """Knowledge of one hyperparameter, with the same scores on ten tasks."""
    rows = [
        {"task": task, "family": "mine", "hp_k": value, "score": score}
        for task in range(10)
        for value, score in by_value.items()
    ]
    return Knowledge.from_evaluations(pd.DataFrame(rows), None)


@pytest.mark.parametrize("make", PROPOSERS)
@pytest.mark.parametrize("scores", [{"b": 0.8}, {"b": 0.8, "c": 0.8}], ids=str)
def test_what_always_fails_comes_last(make, scores):
    search = make(scores_of(a=np.nan, **scores, z=np.nan), "mine").start()

    asked = [search.ask()["k"] for _ in range(len(scores) + 2)]

    assert set(asked[: len(scores)]) == set(scores)
    assert search.forecast({"k": "a"}).score < min(scores.values())


@pytest.mark.parametrize("make", PROPOSERS)
def test_tasks_without_differences_change_nothing(make, make_evaluations, candidates):
    table, _ = make_evaluations()
    flat = pd.concat(
        [table[table["task"] == "t0"].assign(score=1.0, task=f"z{i}") for i in range(9)]
    )
    one = flat.groupby("task").head(1)

    searches = [
        make(Knowledge.from_evaluations(pd.concat([table, more]), None), "svm").start(
            candidates=candidates
        )
        for more in (table[:0], flat, one)
    ]

    asked = [[key(search.ask()) for _ in range(8)] for search in searches]
    assert asked[0][:4] == asked[1][:4] == asked[2][:4]


@pytest.mark.parametrize("make", PROPOSERS)
def test_booleans_are_no_numbers(make):
    values = [True, 1, 1.0, "x"]
    rows = pd.DataFrame({"task": np.repeat(range(4), 4), "family": "mine", "hp_k": values * 4})
    rows["score"] = [0.9, 0.1, 0.1, 0.5] * 4

    search = make(Knowledge.from_evaluations(rows, None), "mine").start()

    asked = [search.ask()["k"] for _ in range(3)]
    assert sorted(map(repr, asked)) == ["'x'", "1", "True"]
    assert search.forecast({"k": True}).score > search.forecast({"k": 1}).score + 0.5
