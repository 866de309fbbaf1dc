"""How far a new task is from all known ones, and what that does to proposals."""

import numpy as np
import pandas as pd
import pytest
from proposers.conftest import score_of

from autometa import Knowledge
from autometa.proposers import NearestTasksProposer, PortfolioProposer, SurrogateProposer
from autometa.proposers._fading import FadingSearch

N_FEATURES = 12


@pytest.fixture(scope="module")
def described(make_evaluations):
    """Knowledge with a dozen meta-features, of which one tells something."""
    table, metafeatures = make_evaluations(n_tasks=40)
    rng = np.random.default_rng(1)
    others = pd.DataFrame(rng.normal(size=(40, N_FEATURES - 1)), index=metafeatures.index)
    others.columns = [f"other_{j}" for j in range(N_FEATURES - 1)]
    return Knowledge.from_evaluations(table, metafeatures[["size"]].join(others))


def new_task(size, others):
    return {"size": size, **{f"other_{j}": others for j in range(N_FEATURES - 1)}}


def first_of(proposer, metafeatures, n=8):
    search = proposer.start(metafeatures)
    return [search.ask() for _ in range(n)], search


@pytest.mark.parametrize("make", [SurrogateProposer, NearestTasksProposer])
def test_far_from_everything_proposals_are_the_portfolio_and_in_the_midst_not(make, described):
    static, _ = first_of(PortfolioProposer(described, "svm"), None)
    proposer = make(described, "svm")

    far, far_search = first_of(proposer, new_task(50.0, 50.0))
    midst, near_search = first_of(proposer, new_task(1.0, 0.1))

    assert far == static
    assert midst != static
    assert far_search.ood_score > 2 and far_search.neighbours == []
    assert near_search.ood_score < 1.25 and len(near_search.neighbours) == 3


def test_the_score_grows_with_the_distance(described):
    proposer = SurrogateProposer(described, "svm")

    scores = [proposer.start(new_task(0.0, x)).ood_score for x in (0.0, 1.0, 2.5, 10.0, 1000.0)]

    assert scores == sorted(scores) and scores[0] < 1 < 2 < scores[-1]


def test_one_meta_feature_beyond_all_known_raises_the_score_but_is_not_all(described):
    proposer = SurrogateProposer(described, "svm")
    usual, odd = ({**new_task(0.0, 0.1), "other_3": value} for value in (0.1, 1e9))

    scores = [proposer.start(task).ood_score for task in (usual, odd)]

    assert scores[0] < scores[1] < proposer.start(new_task(9e9, 9e9)).ood_score


def test_known_tasks_are_not_far_from_each_other(described):
    names = described.metafeatures.index
    scores = []
    for left_out in names[::5]:
        others = described.filter(exclude=[left_out])
        proposer = NearestTasksProposer(others, "svm")
        scores.append(proposer.start(described.metafeatures.loc[left_out]).ood_score)

    assert np.median(scores) < 1 and max(scores) < 1.5


def test_without_meta_features_the_score_is_unknown(described):
    search = SurrogateProposer(described, "svm").start(None)

    assert np.isnan(search.ood_score) and search.neighbours == []


def test_far_away_told_scores_lead_back_from_the_portfolio(described):
    static, _ = first_of(PortfolioProposer(described, "svm"), None, n=16)
    search = SurrogateProposer(described, "svm").start(new_task(50.0, 50.0))
    asked = []
    for _ in range(14):
        asked.append(search.ask())
        search.tell(asked[-1], score_of(1.3, asked[-1]["C"], asked[-1]["kernel"]))

    assert asked[0] == static[0]
    assert asked != static[:14]
    best = max(score_of(1.3, config["C"], config["kernel"]) for config in asked)
    assert 0.9 - best < 0.01


@pytest.mark.parametrize("odd", [{"const": 0.1 + 0.2}, {"zero": 1e-300}, {"zero": 0.001}], ids=str)
def test_what_does_not_vary_among_known_tasks_takes_none_far_away(make_evaluations, odd):
    table, metafeatures = make_evaluations(n_tasks=40)
    described = metafeatures[["size"]].assign(const=0.3, zero=0.0)
    proposer = SurrogateProposer(Knowledge.from_evaluations(table, described), "svm")
    usual = {"size": 0.4, "const": 0.3, "zero": 0.0}

    scores = [proposer.start(task).ood_score for task in (usual, usual | odd)]

    assert scores[0] == pytest.approx(scores[1])
    assert proposer.start(usual | {"size": 50.0}).ood_score > 2


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_mostly_faded_an_open_search_asks_as_the_portfolio_does(described, share):
    static, _ = first_of(PortfolioProposer(described, "svm"), None, n=4)
    search, portfolio = (
        make(described, "svm").start(new_task(1.0, 0.1))
        for make in (SurrogateProposer, PortfolioProposer)
    )
    portfolio._pool = search._pool
    portfolio._regret = portfolio._regrets()

    faded = FadingSearch(search, portfolio, share)

    asked = [faded.ask() for _ in range(4)]
    assert sum(config in static for config in asked) >= 3
    assert asked[0] == static[0]
