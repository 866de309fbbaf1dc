from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from autometa import Knowledge
from autometa.proposers import SurrogateProposer
from autometa.proposers._task_residuals import TaskResiduals, task_signal


def residuals_of(merit, best, spread):
    n_tasks, n_configs = merit.shape
    table = SimpleNamespace(
        merit=merit,
        best=best,
        spread=spread,
        tells=np.ones(n_tasks, dtype=bool),
        signal=task_signal(spread),
        uncertainty=np.zeros((n_configs, n_configs)),
    )
    crossed = (1.0 - np.eye(n_tasks)) / (n_tasks - 1)
    return TaskResiduals(table, crossed, np.eye(n_configs), rng=np.random.default_rng(0))


@pytest.fixture
def drawn():
    """Merits of which one follows the best score, one the spread and one neither."""
    rng = np.random.default_rng(0)
    best, log_spread = rng.normal(size=(2, 400))
    merit = np.column_stack([2.0 * best, -log_spread, rng.normal(size=400)])
    return merit + 0.1 * rng.normal(size=merit.shape), best, np.exp(0.3 * log_spread)


def test_slopes_are_those_of_a_regression_on_best_and_spread(drawn):
    merit, best, spread = drawn
    residuals, uniform = residuals_of(merit, best, spread), np.full(400, 1 / 400)

    expected = residuals.expect(uniform, uniform, 0.0)

    shrunk = 1 - residuals.kernel_share
    slopes = shrunk * np.array([[2, 0], [0, -1 / 0.3], [0, 0]])
    np.testing.assert_allclose(expected.slopes, slopes, atol=0.25)


@pytest.mark.parametrize("trust", [0.0, 1.0])
def test_known_scales_leave_less_open_and_never_less_than_nothing(drawn, trust):
    residuals, uniform = residuals_of(*drawn), np.full(400, 1 / 400)
    near = np.random.default_rng(1).dirichlet(np.full(400, 0.02))

    known, unknown = (
        residuals.expect(uniform, near, trust, with_scale=flag).covariance for flag in (True, False)
    )

    assert np.linalg.eigvalsh(known).min() > 0
    assert np.linalg.eigvalsh(unknown - known).min() > -1e-9
    assert known[0, 0] < 0.5 * unknown[0, 0]


def test_tasks_whose_scores_hardly_differ_count_less():
    merit = np.array([[0.0, 1.0]] * 3 + [[1.0, 0.0]] * 3)
    uniform = np.full(6, 1 / 6)

    mean = residuals_of(merit, np.zeros(6), np.array([4.0] * 3 + [1.0] * 3)).expect(
        uniform, uniform, 0.0
    )[0]

    np.testing.assert_allclose(mean, [1 / 3, 2 / 3])


def test_no_task_counts_for_more_than_ten_others_by_its_units():
    signal = task_signal(np.array([1e-9, 1.0, 1.0, 1.0, 1e9]))

    np.testing.assert_allclose(signal, [10**-0.5, 1, 1, 1, 10**0.5])


def test_a_task_whose_scores_are_all_equal_counts_least():
    np.testing.assert_allclose(task_signal(np.array([1.0, np.nan, 1.0])), [1, 10**-0.5, 1])
    np.testing.assert_allclose(task_signal(np.full(2, np.nan)), [1, 1])


def test_a_told_score_gives_away_the_kind_of_task():
    """Configuration 0 scores alike relative to the best; which other one is best, its level tells.

    Told merits alone could not tell the two kinds apart.
    """
    rng = np.random.default_rng(0)
    rows = []
    for task in range(40):
        level = 0.9 if task % 2 else 0.6
        gains = [0.0, 0.1, -0.1] if task % 2 else [0.0, -0.1, 0.1]
        scores = level + np.array(gains) + 0.002 * rng.normal(size=3)
        rows.append(pd.DataFrame({"task": task, "family": "knn", "hp_k": [1, 5, 25]}))
        rows[-1]["score"] = scores
    proposer = SurrogateProposer(Knowledge.from_evaluations(pd.concat(rows), None), "knn")
    candidates = pd.DataFrame({"k": [1, 5, 25]})

    second = []
    for level in (0.9, 0.6):
        search = proposer.start(candidates=candidates)
        search.tell({"k": 1}, level)
        second.append(search.ask()["k"])

    assert second == [5, 25]
