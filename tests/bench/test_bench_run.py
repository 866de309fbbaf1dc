"""What is run, in which order, and what is kept; the processes are stand-ins."""

import json

import numpy as np
import pandas as pd
import pytest

from autometa.bench import Method, read_runs, run_benchmark
from autometa.bench._fold import Fold
from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.tasks import KnownTasks, fingerprint, task_from_arrays


@pytest.fixture
def bench(monkeypatch, small_tasks, tmp_path):
    """Run a benchmark in which no process starts; ``bench.asked`` holds what was asked of them."""

    def process(python, job, limits, *, n_threads, python_path):
        name = job["method_file"]
        y = np.load(f"{job['tables']}/y_train.npy")
        n_test = len(pd.read_parquet(f"{job['tables']}/X_test.parquet"))
        if "calibration" in name:
            return {"status": "ok", "fit_s": 0.5}, None
        bench.asked.append((name, job, limits))
        if bench.outcome.get(name) is not None:
            return bench.outcome[name], None
        prediction = np.full(n_test, y.mean())
        if job["kind"] != "regression":
            prediction = np.tile(np.bincount(y) / len(y), (n_test, 1))
        found = {"status": "ok", "fit_s": 1.0, "predict_s": 0.1, "versions": {"python": "3"}}
        return {**found, "peak_mb": 100.0}, prediction

    def bench(names, budgets, tasks=small_tasks, folder=tmp_path / "runs", **options):
        methods = [
            Method(name, name, {}, has_time_limit=not name.startswith("plain")) for name in names
        ]
        for method in methods:
            object.__setattr__(method, "file", type(tmp_path)(method.name))
        return run_benchmark(tasks, methods, budgets, folder, **options)

    bench.asked, bench.outcome = [], {}
    monkeypatch.setattr("autometa.bench._run.run_process", process)
    monkeypatch.setattr("autometa.bench._run.known_tasks", lambda knowledge: bench.known)
    bench.known = KnownTasks({})
    return bench


def test_methods_take_turns_task_by_task_and_fold_by_fold(bench):
    asked = []

    bench(
        ["a", "b", "plain"],
        {1: 2, 5: 1},
        on_progress=lambda at: asked.append((at["task"], at["fold"], at["budget_s"], at["method"])),
    )

    of_labels = [rest for task, *rest in asked if task == "labels"]
    assert [task for task, *_ in asked] == ["labels"] * 8 + ["numbers"] * 8
    assert of_labels == [
        [0, None, "plain"],
        *([0, 1.0, "a"], [0, 1.0, "b"], [0, 5.0, "a"], [0, 5.0, "b"]),
        [1, None, "plain"],
        *([1, 1.0, "b"], [1, 1.0, "a"]),
    ]


def test_one_row_a_run_is_kept_with_its_scores(bench, tmp_path):
    runs = bench(["a"], {1: 1}, n_threads=2, seed=3)

    assert len(runs) == len(read_runs(tmp_path / "runs")) == 2
    row = runs[runs["task"] == "labels"].iloc[0]
    assert (row["status"], row["kind"], row["n_train"], row["n_test"]) == ("ok", "binary", 32, 8)
    assert (row["roc_auc"], row["n_threads"], row["seed"]) == (0.5, 2, 3)
    assert row["log_loss"] == pytest.approx(row["constant_log_loss"])
    assert (row["fit_s"], row["calibration_s"], row["known_as"]) == (1.0, 0.5, "")
    numbers = runs[runs["task"] == "numbers"].iloc[0]
    assert numbers["rmse"] == pytest.approx(numbers["constant_rmse"])
    assert np.isnan(numbers["roc_auc"])


def test_a_method_is_ended_a_minute_after_twice_its_limit(bench):
    bench(["a", "plain"], {10: 1}, unlimited_s=77.0, memory_mb=500)

    limits = {name: limits for name, _, limits in bench.asked}
    assert (limits["a"].fit_s, limits["plain"].fit_s) == (80.0, 77.0)
    assert limits["a"].memory_mb == 500


def test_what_is_there_is_not_run_again(bench):
    bench(["a"], {1: 1})
    n_first = len(bench.asked)

    runs = bench(["a", "b"], {1: 2})

    assert n_first == 2
    assert len(bench.asked) - n_first == 6  # the second fold of a, both of b, on two tasks
    assert len(runs) == 8


def test_other_knowledge_is_run_anew(bench, tmp_path):
    bench(["autometa.py", "b"], {1: 1})
    bench.asked.clear()

    runs = bench(["autometa.py", "b"], {1: 1}, knowledge=tmp_path)

    assert [name for name, *_ in bench.asked] == ["autometa.py"] * 2
    options = dict(zip(runs["method"], runs["options"], strict=True))
    assert json.loads(options["autometa.py"]) == {"knowledge": str(tmp_path)}
    first = bench(["autometa.py", "b"], {1: 1}, hours=0)
    assert sorted(first["method"]) == ["b", "b"]  # the first run's were replaced


def test_another_table_of_the_same_name_is_run_anew(bench, small_tasks):
    bench(["a"], {1: 1})
    task = small_tasks[0]
    other = task_from_arrays(task.X.drop(columns="a"), task.y, name=task.name)

    runs = bench(["a"], {1: 1}, tasks=[other])

    assert len(bench.asked) == 3
    assert sorted(runs["n_features"]) == [5, 6]  # the other of that name is forgotten


def test_runs_with_another_seed_are_kept_beside_each_other(bench):
    bench(["a"], {1: 1}, seed=0)
    bench(["a"], {1: 1}, seed=1)
    n_asked = len(bench.asked)

    runs = bench(["a"], {1: 1}, seed=0)

    assert len(bench.asked) == n_asked
    assert sorted(runs["seed"]) == [0, 0, 1, 1]


def test_runs_of_other_folders_count_unless_asked_to_run_again(bench, tmp_path):
    bench(["a", "b"], {1: 1}, folder=tmp_path / "old")
    bench.asked.clear()
    bench.outcome["a"] = {"status": "failed", "error": "ValueError: no"}

    runs = bench(["a", "b"], {1: 1}, reuse=[tmp_path / "old"], rerun=["a"])

    assert [name for name, *_ in bench.asked] == ["a", "a"]
    assert sorted(runs["method"] + " " + runs["status"]) == ["a failed"] * 2 + ["b ok"] * 2


def test_runs_of_the_folder_itself_are_run_again_where_no_other_is_named(bench):
    bench(["a", "b"], {1: 1})
    bench.asked.clear()
    bench.outcome["a"] = {"status": "failed", "error": "ValueError: no"}

    runs = bench(["a", "b"], {1: 1}, rerun=["a"])
    none = bench(["a", "b"], {1: 1}, rerun=["a"], hours=0)

    assert [name for name, *_ in bench.asked] == ["a", "a"]
    assert sorted(runs["method"] + " " + runs["status"]) == ["a failed"] * 2 + ["b ok"] * 2
    assert set(none["method"]) == {"b"}


def test_a_failed_run_is_a_row_too(bench):
    bench.outcome["a"] = {"status": "timeout", "error": "ended after 62 s of fit", "fit_s": 62.0}

    runs = bench(["a"], {1: 1})

    assert set(runs["status"]) == {"timeout"}
    assert runs["roc_auc"].isna().all() and (runs["fit_s"] == 62.0).all()
    assert runs["error"].iloc[0] == "ended after 62 s of fit"


def test_nothing_starts_after_the_hours(bench):
    assert bench(["a"], {1: 1}, hours=0).empty


def test_after_the_hours_no_further_table_is_read(bench, small_tasks):
    class Tasks(list):
        def __getitem__(self, i):
            raise AssertionError(f"table {i} was read")

    assert bench(["a"], {1: 1}, tasks=Tasks(small_tasks), hours=0).empty


def test_without_hours_no_peer_has_to_be_there(small_tasks, tmp_path):
    peer = Method("peer", tmp_path / "peer.py", {}, ("no-such-package",), "nowhere")

    assert run_benchmark(small_tasks, [peer], {1: 1}, tmp_path / "runs", hours=0).empty


def test_tables_that_meta_training_has_seen_are_marked(bench, small_tasks):
    task = small_tasks[0]
    bench.known = KnownTasks({"an old friend": fingerprint(task.X, task.y)})

    runs = bench(["a"], {1: 1}, tasks=small_tasks[:1])

    assert runs["known_as"].tolist() == ["an old friend"]


def test_predictions_are_kept_where_asked_for(bench, tmp_path):
    runs = bench(["a"], {1: 1}, keep_predictions=True)

    for row in runs.to_dict("records"):
        stored = np.load(tmp_path / "runs" / row["prediction_file"])
        assert len(stored["rows"]) == len(stored["prediction"]) == row["n_test"]


def test_classes_without_training_rows_have_no_probability(bench):
    X = np.arange(30.0)[:, None]
    y = np.repeat(["a", "b", "c"], 10)
    splits = [(np.arange(20), np.arange(20, 30))]
    task = task_from_arrays(X, y, name="t", splits=splits)

    runs = bench(["a"], {1: 1}, tasks=[task], keep_predictions=True)

    job = bench.asked[0][1]
    assert (job["kind"], job["metric"]) == ("binary", "log_loss")  # what the task is judged by
    assert runs["log_loss"].iloc[0] > 30


@pytest.mark.parametrize("dtype", ["object", "category"])
@pytest.mark.parametrize("cells", [[1, "a", None], [10**30, 1, 2]])
def test_cells_that_parquet_cannot_hold_reach_methods_as_text(cells, dtype, tmp_path):
    X = pd.DataFrame({"mixed": pd.Series(cells * 4, dtype=object).astype(dtype), "a": range(12)})
    task = task_from_arrays(X, ["no", "yes"] * 6, name="t")

    Fold(task, 0, np.arange(9), np.arange(9, 12)).write(tmp_path)

    found = pd.read_parquet(tmp_path / "X_test.parquet")
    assert found["mixed"].astype(object).where(found["mixed"].notna(), None).tolist() == [
        None if cell is None else str(cell) for cell in cells
    ]
    assert (found["mixed"].dtype == "category") == (dtype == "category")
    assert found["a"].dtype == "int64"


def test_the_knowledge_that_is_named_goes_to_autometa_alone(bench, tmp_path):
    runs = bench(["autometa.py", "other"], {1: 1}, knowledge=tmp_path)

    options = dict(zip(runs["method"], runs["options"], strict=True))
    assert json.loads(options["autometa.py"]) == {"knowledge": str(tmp_path)}
    assert json.loads(options["other"]) == {}


@pytest.mark.parametrize("budgets", [{}, {0: 1}, {10: 0}, {float("inf"): 1}])
def test_budgets_that_cannot_be_are_refused(bench, budgets):
    with pytest.raises(InvalidInputError, match="budgets"):
        bench(["a"], budgets)


def test_a_limit_of_memory_that_ends_every_run_is_refused(bench):
    with pytest.raises(InvalidInputError, match="memory_mb must be above 0, got 0"):
        bench(["a"], {1: 1}, memory_mb=0)


def test_a_foreign_file_among_the_runs_is_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.parquet").write_text("nothing")

    with pytest.raises(ArtefactError, match="x.parquet holds no readable runs.* Move the file"):
        read_runs(tmp_path)
