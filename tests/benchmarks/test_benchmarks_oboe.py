"""The benchmark of proposers, on a part of the stored results that takes seconds."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import oboe

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def folder():
    found = ROOT.parent / "shared" / "hpo"
    if not (found / "oboe__kSVM.parquet").is_file():
        pytest.skip("stored results are not at ../shared/hpo")
    return found


def test_proposers_beat_random_order_and_the_best_reaches_zero_regret(folder, capsys):
    figures = oboe.main(
        folder, algorithms=["kSVM"], n_folds=2, n_train=(10,), max_tasks=60, seeds=(0,)
    )
    oboe.print_figures(figures)

    regret = figures["regret"]["all others"]
    for name in set(regret) - {"random order", "surrogate per cost^1"}:
        assert regret[name]["3"] < regret["random order"]["3"]
    assert regret["surrogate"]["10"] < 0.05
    assert "mean regret by cumulated run time" in capsys.readouterr().out


def test_regret_is_normalised_and_near_duplicates_share_a_fold(folder):
    results = oboe.read_oboe(folder, algorithms=["kSVM", "GNB"])

    regret = results.regret
    fold = oboe.deal_folds(results.group(), 10)

    assert results.error.shape == (418, 37) and results.configs.shape[0] == 37
    assert regret.min(axis=1).max() == 0 and np.isclose(regret.max(axis=1).min(), 1)
    for number in np.unique(results.group()):
        assert len(np.unique(fold[results.group() == number])) == 1
