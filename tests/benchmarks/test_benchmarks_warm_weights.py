"""The warm-weights benchmark on a corpus of synthetic tables and untrained weights."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from autometa.tasks import sample_prior_task
from benchmarks import warm_quality, warm_steps, warm_weights
from benchmarks.halves import corpus_tasks, halve
from benchmarks.results_file import ResultsFile


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data").mkdir()
    described = []
    for seed, kind in enumerate(["binary", "regression", "multiclass"]):
        task = sample_prior_task(np.random.default_rng(seed), kind=kind, n_rows=80, n_columns=4)
        name = f"made-up-{kind}"
        frame = task.X.assign(target=task.y.to_numpy())
        frame.columns = [str(column) for column in frame.columns]
        frame.to_parquet(folder / "data" / f"{name}.parquet")
        described.append(
            {
                "name": name,
                "task": kind,
                "target": "target",
                "n_rows": len(frame),
                "n_features": task.n_features,
                "family": name,
                "split": "meta-valid",
            }
        )
    pd.DataFrame(described).to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory):
    """A small untrained initialisation that claims to have seen one other family."""
    config = {"n_inner_steps": 1, "network": {"n_hidden": 16, "n_token": 16}}
    params = METALEARNERS["maml"](**config).init_params(0)
    provenance = {"tasks": [{"name": "other", "family": "other"}]}
    folder = tmp_path_factory.mktemp("knowledge")
    Initialisation(params, "maml", config, provenance).save(folder)
    return folder


def test_a_small_run_gives_figures_for_steps_and_quality(
    small_corpus, knowledge, tmp_path, monkeypatch
):
    monkeypatch.setattr(warm_steps, "MAX_STEPS", 20)
    monkeypatch.setattr(warm_steps, "TEST_STEPS", [0, 1, 2, 5, 10, 20])

    figures = warm_weights.main(
        small_corpus, tmp_path, seeds=1, knowledge=knowledge, parts=["cold", "rivals"]
    )
    assert figures["n_stored"]["random"] == figures["n_stored"]["lightgbm"] == 3
    figures = warm_weights.main(
        small_corpus, tmp_path, seeds=1, knowledge=knowledge, parts=["warm", "networks"]
    )

    assert figures["overlap_with_meta_training"] == []
    assert figures["steps"]["all"]["n_tasks"] == 3
    assert figures["steps"]["regression"]["n_tasks"] == 1
    assert (
        sum(part["n_runs"] for part in figures["steps_by_seed"].values())
        == (figures["steps"]["all"]["n_runs"])
    )
    assert figures["steps_of_all_pairs"]["n_tasks"] == figures["steps"]["all"]["n_runs"]
    assert set(figures["quality"]["log_loss"]) == set(warm_quality.METHODS)
    assert figures["quality"]["rmse"]["linear"]["n_tasks"] == 1
    assert all(run["n_failed"] == 0 for run in figures["quality"]["runs"].values())
    warm_weights.print_figures(figures)

    options = {"seeds": 1, "knowledge": knowledge}
    later = warm_weights.main(small_corpus, tmp_path, parts=["warm"], n_warm_steps=10, **options)
    again = warm_weights.main(small_corpus, tmp_path, parts=[], **options)
    assert later["n_warm_steps"] == 10 and later["steps"]["all"]["n_tasks"] == 3
    ratios = [found["steps"]["all"]["median_ratio"] for found in (figures, again)]
    assert ratios[0] == ratios[1]


def test_finished_runs_are_not_run_again(small_corpus, tmp_path, monkeypatch):
    options = {"methods": ["linear"], "seeds": [0]}
    path = tmp_path / "quality.jsonl"
    warm_quality.run_methods(small_corpus, "meta-valid", path, **options)
    finished = path.read_text()
    with path.open("a") as file:
        file.write('{"task": "made-up-bin')  # what a killed process leaves

    monkeypatch.setattr(warm_quality, "predict_rival", None)
    warm_quality.run_methods(small_corpus, "meta-valid", path, **options)

    assert len(ResultsFile(path, warm_quality.KEY).rows()) == len(finished.splitlines()) == 3


def test_a_family_seen_in_meta_training_is_refused(small_corpus, tmp_path):
    provenance = {"tasks": [{"name": "x", "family": "made-up-binary"}]}
    Initialisation({}, "random_weights", {}, provenance).save(tmp_path / "knowledge")

    with pytest.raises(AssertionError, match="made-up-binary"):
        warm_weights.main(small_corpus, tmp_path, parts=["warm"], knowledge=tmp_path / "knowledge")


def test_halves_share_no_row_and_depend_on_the_seed(small_corpus):
    task = corpus_tasks(small_corpus, "meta-valid", max_tasks=1)[0]

    halves, again, other = (halve(task, seed=s, max_rows=60) for s in (0, 0, 1))

    assert len(halves.X_train) == 30
    assert not set(halves.X_train.index) & set(halves.X_test.index)
    assert halves.X_train.index.equals(again.X_train.index)
    assert not halves.X_train.index.equals(other.X_train.index)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_the_area_under_the_curve_is_scikit_learns(n_classes):
    rng = np.random.default_rng(n_classes)
    y = rng.integers(0, n_classes, 80)
    prediction = rng.dirichlet(np.ones(n_classes), 80).round(1)  # with ties
    prediction = (prediction + 0.01) / (prediction + 0.01).sum(1, keepdims=True)

    expected = roc_auc_score(
        y, prediction if n_classes > 2 else prediction[:, 1], multi_class="ovo"
    )
    assert warm_quality.one_vs_one_auc(prediction, y) == pytest.approx(expected)


def test_steps_are_counted_from_the_last_point_above_the_loss():
    row = {"steps": [0, 1, 5, 10], "losses": [1.0, 0.9, 0.5, 0.7]}

    assert warm_steps.steps_to(row, 1.0) == 0
    assert warm_steps.steps_to(row, 0.6) == 2
    assert warm_steps.steps_to(row, 0.4) == 1_000
    assert warm_steps.steps_to(row, 0.4, at_least=True) == 11


def test_runs_that_were_ended_are_told_from_those_that_took_all_steps():
    common = {"task": "t", "kind": "binary", "knowledge": None}
    rows = [
        {**common, "seed": seed, "start": "warm", "steps": [0, 5], "losses": [1.0, 0.4]}
        for seed in range(3)
    ]
    for seed, last in enumerate([1_000, 300, 300]):
        losses = [1.0, 0.3 if seed == 2 else 0.5]
        rows += [
            {**common, "seed": seed, "start": start, "steps": [0, last], "losses": losses}
            for start in warm_steps.COLD
        ]
    rows = [{**row, "config": warm_steps.SETTINGS[row["start"]]} for row in rows]

    found = warm_steps.summarise(warm_steps.compare(rows, checksum=None))["all"]

    assert found["never"] == 1.0
    assert (found["never_in_runs"], found["ended_of_never"]) == (pytest.approx(2 / 3), 0.5)


def test_a_run_of_another_first_step_size_is_run_again(
    small_corpus, knowledge, tmp_path, monkeypatch
):
    monkeypatch.setattr(warm_steps, "TEST_STEPS", [0, 1, 2, 5])
    path = tmp_path / "steps.jsonl"
    options = {"starts": ["warm"], "seeds": [0], "knowledge": Initialisation.load(knowledge)}
    counts = []

    for step_size in (0.5, 0.5, 0.7):
        monkeypatch.setattr(
            warm_steps, "first_config", lambda *_, size=step_size, **__: {"step_size": size}
        )
        warm_steps.run_starts(small_corpus, "meta-valid", path, **options)
        counts.append(len(path.read_text().splitlines()))

    assert counts == [3, 3, 6]


def test_failures_count_as_the_worst():
    rows = [
        {"task": "t", "seed": 0, "method": m, "knowledge": None, "kind": "binary", "log_loss": i}
        for i, m in enumerate(warm_quality.METHODS)
    ]
    del rows[0]["log_loss"]

    table = warm_quality.compare(rows, checksum=None)["log_loss"]

    assert table.loc["t", warm_quality.METHODS[0]] == len(warm_quality.METHODS) - 1
