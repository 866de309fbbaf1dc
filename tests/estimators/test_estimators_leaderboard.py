"""The leaderboard: what proposals brought, and how far a table is from everything known."""

import numpy as np
import pandas as pd
import pytest

from autometa import AutoMetaRegressor, Knowledge
from autometa.estimators._leaderboard import describe_benefit


def board(*rows):
    columns = ["trial", "family", "origin", "score", "seconds", "state", "first_fold"]
    rows = [row + ("complete", None)[len(row) - 5 :] for row in rows]
    return pd.DataFrame(rows, columns=columns)


def test_proposals_count_as_far_as_their_seconds_are_those_of_the_costlier_rival():
    table = board(
        (0, "knn", "surrogate", 0.5, 1.0),
        (1, "knn", "surrogate", 0.7, 1.5),
        (2, "knn", "surrogate", 0.9, 1.0),
        (3, "knn", "default", 0.6, 3.0),
        (4, "knn", "random", 0.4, 0.1),
    )

    [row] = describe_benefit(table.iloc[::-1])

    assert row == {
        "family": "knn",
        "warm": 0.5,
        "warm_at_equal_cost": 0.7,
        "default": 0.6,
        "random": 0.4,
    }


def test_a_first_proposal_that_is_dearer_than_its_rivals_does_not_count_at_equal_cost():
    table = board(
        (0, "knn", "portfolio", 0.9, 3.1),
        (1, "knn", "portfolio", 0.8, 0.1),
        (2, "knn", "default", 0.6, 3.0),
        (3, "knn", "random", 0.4, 2.0),
    )

    [row] = describe_benefit(table)

    assert row["warm"] == 0.9 and row["warm_at_equal_cost"] is None


def test_without_rivals_there_is_no_equal_cost():
    [row] = describe_benefit(board((0, "knn", "surrogate", 0.9, 1.0)))

    assert row["warm"] == 0.9
    assert row["warm_at_equal_cost"] is row["default"] is row["random"] is None


def test_where_one_ended_on_its_first_fold_all_count_by_theirs():
    table = board(
        (0, "knn", "surrogate", 0.7, 1.0, "complete", 0.5),
        (1, "knn", "default", 0.6, 3.0, "pruned", 0.6),
        (2, "knn", "random", 0.4, 0.1, "complete", 0.45),
    )

    [row] = describe_benefit(table)

    assert row.pop("family") == "knn"
    assert row == {"warm": 0.5, "warm_at_equal_cost": 0.5, "default": 0.6, "random": 0.45}


@pytest.fixture
def knows_small_tables(untrained, tmp_path):
    """A folder that knows what k nearest neighbours scored on a dozen tables of 80 to 102 rows."""
    rng = np.random.default_rng(0)
    sizes = np.arange(80, 104, 2)
    configs = pd.DataFrame({"hp_n_neighbors": [1, 3, 8, 20]})
    tables = [
        configs.assign(task=f"t{size}", family="knn", score=rng.random(4), cost_s=0.1)
        for size in sizes
    ]
    metafeatures = pd.DataFrame({"n_rows": sizes}, index=[f"t{size}" for size in sizes])
    untrained.save(tmp_path)
    evaluations = Knowledge.from_evaluations(pd.concat(tables), metafeatures)
    evaluations.save(tmp_path / "evaluations")
    return str(tmp_path)


@pytest.mark.parametrize(("n_rows", "is_far"), [(91, False), (900, True)])
def test_the_leaderboard_tells_how_far_a_table_is_from_all_known_ones(
    knows_small_tables, n_rows, is_far
):
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    options = {"families": ["knn"], "cv": 3, "n_trials": 5, "time_limit": None, "random_state": 0}

    model = AutoMetaRegressor(knowledge=knows_small_tables, **options).fit(X, X[:, 0])

    scores = model.leaderboard_.set_index("origin")["ood_score"]
    proposed = scores.drop(["default", "random"])
    assert scores[["default", "random"]].isna().all()
    assert set(proposed.index) == {"portfolio" if is_far else "surrogate"}
    assert (proposed > 2).all() if is_far else (proposed < 1.25).all()
