import time

import numpy as np
import pandas as pd
import pytest
from proposers.conftest import score_of
from scipy.stats import spearmanr

from autometa import Knowledge
from autometa.proposers import NearestTasksProposer, PortfolioProposer, SurrogateProposer
from autometa.proposers._neighbours import shrunk_slope
from autometa.proposers._score_table import config_key


@pytest.fixture(scope="module")
def surrogate(knowledge):
    return SurrogateProposer(knowledge, "svm")


def regrets(proposer, size, n_trials=6, candidates=None, described=True):
    search = proposer.start({"size": size} if described else None, candidates=candidates)
    best = -np.inf
    for _ in range(n_trials):
        config = search.ask()
        score = score_of(size, config["C"], config["kernel"])
        search.tell(config, score)
        best = max(best, score)
        yield 0.9 - best


@pytest.mark.parametrize("make", [SurrogateProposer, NearestTasksProposer])
def test_meta_features_that_tell_make_the_first_proposal_better(make, knowledge):
    proposer = make(knowledge, "svm")
    sizes = np.linspace(-1.2, 1.2, 9)

    with_them = [next(regrets(proposer, size)) for size in sizes]
    without = [next(regrets(proposer, size, described=False)) for size in sizes]

    assert np.mean(with_them) < 0.5 * np.mean(without)


def test_told_scores_lead_beyond_the_portfolio(knowledge, surrogate):
    sizes = np.linspace(-1.4, 1.4, 9)
    portfolio = PortfolioProposer(knowledge, "svm")

    learned, static = (
        np.mean([list(regrets(proposer, size, described=False))[-1] for size in sizes])
        for proposer in (surrogate, portfolio)
    )

    assert learned < 0.5 * static


@pytest.mark.parametrize("in_other_units", [lambda s: 100 * s, lambda s: 300 * s - 1e3])
def test_scores_in_other_units_than_the_knowledge_teach_too(make_evaluations, in_other_units):
    table, metafeatures = make_evaluations()
    table["score"] -= 3 * table["task"].str[1:].astype(int) % 7  # all tasks in one unit
    proposer = SurrogateProposer(Knowledge.from_evaluations(table, metafeatures), "svm")
    left = []
    for size in np.linspace(-1.4, 1.4, 9):
        search, scores = proposer.start(None), []
        for _ in range(8):
            config = search.ask()
            scores.append(score_of(size, config["C"], config["kernel"]))
            search.tell(config, in_other_units(scores[-1]))
        left.append(0.9 - max(scores))

    assert np.mean(left) < 0.003


def test_the_continuous_space_holds_better_points_than_the_stored_ones(knowledge, surrogate):
    stored = surrogate.table.configs["C"]
    size = 0.77

    open_regret = list(regrets(surrogate, size, n_trials=15))[-1]

    assert open_regret < (0.1 * (np.log10(stored) - size) ** 2).min()


def test_proposals_do_not_depend_on_the_units_of_the_scores(make_evaluations, candidates):
    asked = []
    for factor, shift in ((1.0, 0.0), (1000.0, -5e4)):
        table, metafeatures = make_evaluations()
        table["score"] = factor * table["score"] + shift
        proposer = SurrogateProposer(Knowledge.from_evaluations(table, metafeatures), "svm")
        search = proposer.start({"size": 0.4}, candidates=candidates)
        for _ in range(6):
            config = search.ask()
            score = score_of(0.4, config["C"], config["kernel"])
            search.tell(config, factor * score + shift)
            asked.append(config["C"])

    assert asked[:6] == asked[6:]


def test_meta_features_of_noise_are_trusted_less_than_half(make_evaluations):
    table, metafeatures = make_evaluations()
    noise = metafeatures.drop(columns="size")

    proposer = SurrogateProposer(Knowledge.from_evaluations(table, noise), "svm")

    assert proposer.trust < 0.5


def test_meta_features_that_tell_are_trusted(surrogate):
    assert surrogate.trust > 0.8


def test_a_slope_is_shrunk_by_its_uncertainty():
    sure = shrunk_slope(np.full(50, 0.5), np.ones(50))
    unsure = shrunk_slope(np.array([2.0, -1.0]), np.ones(2))

    assert sure == pytest.approx(0.5)
    assert unsure == 0.0


def test_the_posterior_is_that_of_a_gaussian_process(surrogate, candidates):
    search = surrogate.start(None, candidates=candidates)
    covariance = search._covariance
    places = [3, 7, 1]
    for place in places:
        search._told(place, 0.5)

    sd = search._posterior().sd

    stored = search._pool.places
    K = covariance[np.ix_(stored, stored)]
    inner = K[np.ix_(places, places)] + 1e-4 * np.eye(3)
    expected = K - K[:, places] @ np.linalg.solve(inner, K[places])
    np.testing.assert_allclose(sd**2, np.diag(expected), atol=1e-8)


def test_several_asks_without_scores_are_spread_out(surrogate):
    search = surrogate.start(None)

    logs = np.sort([np.log10(search.ask()["C"]) for _ in range(5)])

    assert np.diff(logs).max() > 0.5


def test_waiting_for_a_score_lowers_what_is_gained_beside_it(surrogate, candidates):
    search = surrogate.start(None, candidates=candidates)
    before = search._values()

    search.ask()

    place = search._pending[0]
    after = search._explained_by_pending()
    assert after[place] == pytest.approx(search._variance[place], rel=0.01)
    assert (after >= 0).all() and len(before) == len(after)


def test_cheap_configurations_come_first_where_cost_counts(make_evaluations, candidates):
    table, _ = make_evaluations()
    table["cost_s"] = np.where(table["hp_C"] > 10, 1.0, 1e5)
    knowledge = Knowledge.from_evaluations(table, None)

    is_cheap = [
        SurrogateProposer(knowledge, "svm", cost_exponent=exponent)
        .start(candidates=candidates)
        .ask()["C"]
        > 10
        for exponent in (0.0, 1.0)
    ]

    assert is_cheap == [False, True]


def test_sparse_knowledge_is_as_good_as_shared_one(make_evaluations):
    proposer = SurrogateProposer(
        Knowledge.from_evaluations(*make_evaluations(n_tasks=40, shared=False)), "svm"
    )

    found = [list(regrets(proposer, size))[-1] for size in np.linspace(-1.2, 1.2, 7)]

    assert np.mean(found) < 0.02


def test_ten_proposals_take_less_than_50_ms():
    rng = np.random.default_rng(0)
    configs = pd.DataFrame(rng.random((288, 5)), columns=[f"hp_{j}" for j in range(5)])
    table = pd.concat(
        [
            configs.assign(
                task=task, family="svm", score=-((configs - rng.random(5)) ** 2).sum(axis=1)
            )
            for task in range(50)
        ]
    )
    metafeatures = pd.DataFrame(rng.normal(size=(50, 22)))
    proposer = SurrogateProposer(Knowledge.from_evaluations(table, metafeatures), "svm")
    seconds = []
    for _ in range(7):
        start = time.process_time()
        search = proposer.start(metafeatures.iloc[0])
        configs = [search.ask() for _ in range(10)]
        seconds.append(time.process_time() - start)

    assert len(configs) == 10
    assert min(seconds) < 0.05


def test_by_rank_only_the_order_of_told_scores_counts(knowledge, candidates):
    proposer = SurrogateProposer(knowledge, "svm", by_rank=True)
    asked = []
    for transform in (lambda s: s, lambda s: 50 * s - 1e4):
        search = proposer.start({"size": 0.4}, candidates=candidates)
        for _ in range(6):
            config = search.ask()
            search.tell(config, transform(score_of(0.4, config["C"], config["kernel"])))
            asked.append(config["C"])

    assert asked[:6] == asked[6:]


@pytest.mark.parametrize("by_rank", [False, True])
def test_scores_that_follow_the_knowledge_agree_and_noise_does_not(knowledge, candidates, by_rank):
    proposer = SurrogateProposer(knowledge, "svm", by_rank=by_rank)
    rng = np.random.default_rng(0)
    agreements = []
    for is_noise in (False, True):
        search = proposer.start(None, candidates=candidates)
        assert np.isnan(search.agreement())
        for _ in range(14):
            config = search.ask()
            score = score_of(-0.8, config["C"], config["kernel"])
            search.tell(config, 0.5 + 0.2 * rng.normal() if is_noise else score)
        agreements.append(search.agreement())

    assert agreements[0] > 0.4 > agreements[1]


def test_agreement_leaves_each_score_out(surrogate, candidates):
    search = surrogate.start(None, candidates=candidates)
    told = [3, 7, 1, 5]
    for number, place in enumerate(told):
        config = candidates.iloc[place].to_dict()
        search.tell(config, score_of(0.0, config["C"], config["kernel"]) - 0.1 * number)
    covariance = search._covariance[np.ix_(search._pool.places, search._pool.places)]
    slopes = search._slopes
    covariance = covariance + slopes @ search._scale_covariance @ slopes.T
    _, _, weight, _, merits = search._posterior()
    merits, mean, expected = merits @ weight, search._mean, []
    for left_out in range(4):
        rest = [i for i in range(4) if i != left_out]
        places = [told[i] for i in rest]
        K = covariance[np.ix_(places, places)] + 1e-4 * np.eye(3)
        away = np.linalg.solve(K, merits[rest] - mean[places])
        expected.append(mean[told[left_out]] + covariance[told[left_out], places] @ away)

    assert search.agreement() == pytest.approx(spearmanr(expected, search._scores).statistic)


def test_the_order_on_a_plateau_is_no_agreement(surrogate, candidates):
    search = surrogate.start(None, candidates=candidates)
    for place, score in enumerate([0.2, 0.9, 0.899, 0.898, 0.9]):
        search.tell(candidates.iloc[place].to_dict(), score)

    assert np.isnan(search.agreement())


def test_less_and_less_is_left_to_gain(surrogate, candidates):
    search = surrogate.start({"size": 0.5}, candidates=candidates)
    assert search.gain_left() == np.inf
    gains = []
    for _ in range(len(candidates)):
        config = search.ask()
        search.tell(config, score_of(0.5, config["C"], config["kernel"]))
        gains.append(search.gain_left())

    assert gains[0] > 10 * gains[9] >= 0 and gains[-1] == 0.0


def test_the_first_proposal_loses_least_in_units_of_scores(surrogate, candidates):
    search = surrogate.start({"size": 0.5}, candidates=candidates)
    table, losses = surrogate.table, np.zeros(len(candidates))
    for weight, merit, spread in zip(search._weights, table.merit, table.spread, strict=True):
        units = np.clip(spread / np.median(table.spread), 0.1, 10)
        regret = np.exp(-merit) - 0.3
        losses += weight * units * np.maximum(regret[search._pool.places], 0)

    config = search.ask()

    assert surrogate.trust > 0
    best = candidates.iloc[int(losses.argmin())].to_dict()
    assert config_key(config, surrogate.space) == config_key(best, surrogate.space)


def test_without_metafeatures_the_first_proposal_has_the_best_mean_merit(surrogate, candidates):
    search = surrogate.start(None, candidates=candidates)

    config = search.ask()

    best = int(search._mean.argmax())
    best = candidates.iloc[best].to_dict()
    assert config_key(config, surrogate.space) == config_key(best, surrogate.space)


def test_told_scores_move_the_level_of_forecasts(make_evaluations, candidates):
    table, _ = make_evaluations()
    level = np.random.default_rng(1).normal(scale=0.1, size=30)
    number = table["task"].str[1:].astype(int)
    table["score"] += level[number] - 3 * number % 7
    proposer = SurrogateProposer(Knowledge.from_evaluations(table, None), "svm")
    for shift in (-0.15, 0.15):
        search = proposer.start(candidates=candidates)
        for _ in range(8):
            config = search.ask()
            search.tell(config, shift + score_of(0.4, config["C"], config["kernel"]))

        asked = [search._pool.configs[place] for place in search._places]

        told = [search.forecast(config).score for config in asked]
        np.testing.assert_allclose(told, search._scores, atol=0.02)
        np.testing.assert_allclose(max(told), max(search._scores), atol=0.01)
