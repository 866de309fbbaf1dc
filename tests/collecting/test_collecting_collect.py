import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

from autometa.collecting import collect, collect_suite, design_configs, read_collected
from autometa.collecting._adaptive import FIRST_NUMBER
from autometa.collecting._records import read_records
from autometa.exceptions import ArtefactError, InvalidInputError, OpenMLError
from autometa.tasks import Fingerprint, LazyTasks

ROOT = Path(__file__).resolve().parents[2]
HERE = {"time_limit_s": None}
SLOW_ENOUGH = ("random_forest", "knn")

#: Collects until it is killed.
SCRIPT = """
import pickle, sys
from autometa.collecting import collect
tasks = pickle.load(open(sys.argv[1], "rb"))
collect(tasks, ["random_forest"], 4, sys.argv[2], chunk_size=2)
"""


@pytest.fixture
def tasks(make_task):
    return [make_task(seed, n_classes=[2, None, 3][seed]) for seed in range(3)]


def scores(collected):
    """Scores by task, family, configuration and step, in one order."""
    frame = collected.evaluations.set_index(["task", "family", "config", "step"])
    return frame["score"].sort_index()


def test_every_task_gets_the_same_configurations(tasks, tmp_path):
    collected = collect(tasks, ["linear", "svm"], 5, tmp_path, **HERE)

    frame = collected.evaluations
    counts = frame.groupby(["task", "family"])["config"].apply(list)
    assert counts.tolist() == [[0, 1, 2, 3, 4]] * 6
    design = design_configs("svm", 5, is_regression=False)
    for name in ("task-0", "task-2"):
        rows = frame[(frame["task"] == name) & (frame["family"] == "svm")]
        assert rows["hp_C"].tolist() == [config["C"] for config in design]
        assert rows["hp_degree"].isna().tolist() == ["degree" not in config for config in design]
    assert frame["status"].unique().tolist() == ["ok"] and np.isfinite(frame["score"]).all()
    is_regression = frame["task"] == "task-1"
    assert (
        frame.loc[is_regression, "r2"].notna().all()
        and frame.loc[~is_regression, "r2"].isna().all()
    )


def test_tasks_come_with_metafeatures_and_provenance(tasks, tmp_path):
    collected = collect(tasks, ["knn"], 1, tmp_path, **HERE)

    assert collected.metafeatures.index.tolist() == ["task-0", "task-1", "task-2"]
    assert collected.metafeatures["n_rows"].tolist() == [60.0] * 3
    assert np.isnan(collected.metafeatures.loc["task-1", "n_classes"])
    [first, *_] = collected.tasks
    assert (first["family"], first["openml_id"], first["kind"]) == ("family 0", 100, "binary")
    assert Fingerprint.from_dict(first["fingerprint"]).n_rows == 60
    assert collected.settings["knn"]["settings"]["n_folds"] == 3
    pd.testing.assert_frame_equal(
        read_collected(tmp_path).evaluations, collected.evaluations, check_like=True
    )


def test_knowledge_gets_the_columns_that_it_takes(tasks, tmp_path):
    found = collect(tasks, ["knn"], 2, tmp_path, **HERE).for_knowledge()

    hyperparameters = ["hp_n_neighbors", "hp_p", "hp_scaling", "hp_weights"]
    assert found.columns.tolist() == ["task", "family", "step", "score", "cost_s", *hyperparameters]


def test_what_has_only_begun_is_knowledge_of_nothing(tasks, tmp_path):
    collect(tasks, ["knn"], 2, tmp_path, **HERE)
    header = (tmp_path / "knn.jsonl").read_text().splitlines()[0]
    (tmp_path / "knn.jsonl").write_text(header + "\n")

    assert read_collected(tmp_path).to_knowledge().families == []


def test_knowledge_tells_how_much_was_collected_within_which_limits(tasks, tmp_path):
    collect(tasks, ["knn"], 2, tmp_path, **HERE)
    found = collect(tasks[:1], ["knn"], 3, tmp_path, **HERE).to_knowledge().provenance

    counts = {"n_tasks": 3, "n_configs": 3, "n_tasks_with_all_configs": 1, "n_failed": 0}
    assert found["collected"] == {"knn": counts}
    assert found["settings"]["knn"]["settings"]["max_rows"] == 2_000


def test_tasks_go_before_configurations(tasks, tmp_path):
    collect(tasks, ["knn", "linear"], 4, tmp_path, chunk_size=2, **HERE)

    lines = [json.loads(line) for line in (tmp_path / "knn.jsonl").read_text().splitlines()[1:]]
    order = [(line["config"], line["task"]) for line in lines]
    expected = [(n, f"task-{t}") for start in (0, 2) for t in range(3) for n in (start, start + 1)]
    assert order == expected


def test_what_is_finished_is_not_done_again(tasks, tmp_path):
    whole = collect(tasks, ["knn", "linear"], 4, tmp_path / "whole", chunk_size=2, **HERE)
    taken = []
    lazy = LazyTasks([t.name for t in tasks], lambda i: taken.append(i) or tasks[i])

    collect(tasks[:2], ["knn"], 3, tmp_path / "parts", chunk_size=2, **HERE)
    before = (tmp_path / "parts" / "knn.jsonl").read_text()
    seen = []
    collect(tasks[:2], ["knn"], 3, tmp_path / "parts", on_progress=seen.append, **HERE)
    assert (tmp_path / "parts" / "knn.jsonl").read_text() == before and seen == []
    collect(lazy, ["knn"], 3, tmp_path / "parts", chunk_size=2, **HERE)
    assert set(taken) == {2}
    found = collect(tasks, ["knn", "linear"], 4, tmp_path / "parts", chunk_size=2, **HERE)

    pd.testing.assert_series_equal(scores(found), scores(whole))
    assert len(read_collected(tmp_path / "parts").tasks) == 3
    assert (tmp_path / "parts" / "tasks.jsonl").read_text().count("\n") == 4


def test_progress_counts_what_was_finished_before(tasks, tmp_path):
    collect(tasks, ["knn"], 2, tmp_path, chunk_size=2, **HERE)
    seen = []

    collect(tasks, ["knn"], 4, tmp_path, chunk_size=2, on_progress=seen.append, **HERE)

    assert [(p["n_done"], p["n_pieces"]) for p in seen] == [(4, 6), (5, 6), (6, 6)]
    assert seen[0]["task"] == "task-0" and seen[0]["family"] == "knn"


@pytest.mark.parametrize("change", [{"seed": 1}, {"n_folds": 4}, {"max_rows": 50}])
def test_a_folder_of_other_settings_is_refused(tasks, tmp_path, change):
    collect(tasks[:1], ["knn"], 1, tmp_path, **HERE)
    before = (tmp_path / "knn.jsonl").read_text()

    with pytest.raises(InvalidInputError, match="collected with another settings"):
        collect(tasks, ["knn"], 2, tmp_path, **HERE, **change)

    assert (tmp_path / "knn.jsonl").read_text() == before


def test_a_folder_of_another_space_or_initialisation_is_refused(
    tasks, tmp_path, monkeypatch, tiny_initialisation
):
    from dataclasses import replace

    from autometa.families import linear

    options = {**HERE, "initialisation": tiny_initialisation}
    collect(tasks[:1], ["linear", "adapted_network"], 1, tmp_path, **options)
    params = {name: param + 1 for name, param in tiny_initialisation.params.items()}
    other = replace(tiny_initialisation, params=params)
    with pytest.raises(InvalidInputError, match="another initialisation"):
        collect(tasks, ["adapted_network"], 2, tmp_path, **HERE, initialisation=other)
    space = linear.space
    more = {"more": FloatDistribution(0.0, 1.0)}
    monkeypatch.setattr(linear, "space", lambda **kind: {**space(**kind), **more})

    with pytest.raises(InvalidInputError, match="another space for classes"):
        collect(tasks, ["linear"], 2, tmp_path, **HERE)


def test_a_line_cut_short_is_done_again(tasks, tmp_path):
    whole = collect(tasks, ["knn"], 2, tmp_path, **HERE)
    path = tmp_path / "knn.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    assert len(read_collected(tmp_path).evaluations) == len(whole.evaluations) - 1

    found = collect(tasks, ["knn"], 2, tmp_path, **HERE)

    pd.testing.assert_series_equal(scores(found), scores(whole))
    assert path.read_bytes().count(b"\n") == content.count(b"\n")


def test_the_first_line_of_a_second_process_is_no_record(tasks, tmp_path):
    whole = collect(tasks, ["knn"], 2, tmp_path, **HERE)
    for path in (tmp_path / "knn.jsonl", tmp_path / "tasks.jsonl"):
        header, *records = path.read_text().splitlines(keepends=True)
        path.write_text("".join([header, header, *records]))

    found = collect(tasks, ["knn"], 2, tmp_path, **HERE)

    pd.testing.assert_frame_equal(found.evaluations, whole.evaluations)
    assert found.tasks == whole.tasks


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "damaged"),
        (b"no json\n", "damaged"),
        (b'{"a": 1}\n', "nothing that was collected"),
        (b'{"format": "autometa-collected", "format_version": 99}\n', "format version 99"),
        (b"\xff\xfe\n", "cannot be read"),
    ],
)
def test_damaged_files_are_refused(tasks, tmp_path, content, said):
    collect(tasks[:1], ["knn"], 1, tmp_path, **HERE)
    (tmp_path / "knn.jsonl").write_bytes(content)

    with pytest.raises(ArtefactError, match=said):
        read_collected(tmp_path)


def test_a_folder_without_anything_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="holds nothing collected"):
        read_collected(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_written_is_refused(tasks, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ArtefactError, match="Cannot write to"):
        collect(tasks, ["knn"], 1, tmp_path / "file" / "folder", **HERE)


@pytest.mark.parametrize(
    "families, n_configs, options, said",
    [
        ([], 2, {}, "families is empty"),
        (["forest"], 2, {}, "family must be one of"),
        (["knn"], 0, {}, "n_configs must be >= 1"),
        (["knn"], "3", {}, "n_configs must be a whole number, got '3'"),
        (["knn"], 2.5, {}, "n_configs must be a whole number, got 2.5"),
        (["knn"], 2, {"n_jobs": 0}, "n_jobs must be a whole number other than 0, got 0"),
        (["knn"], 2, {"max_rows": "9"}, "max_rows must be a whole number, got '9'"),
        (["knn"], 2, {"chunk_size": 0}, "chunk_size must be >= 1"),
        (["knn"], 2, {"n_folds": 1}, "n_folds must be >= 2"),
    ],
)
def test_what_cannot_be_collected_is_refused(tasks, tmp_path, families, n_configs, options, said):
    with pytest.raises(InvalidInputError, match=said):
        collect(tasks, families, n_configs, tmp_path / "new", **HERE, **options)

    assert list(tmp_path.iterdir()) == []


def test_an_error_of_reading_ends_it_and_what_was_finished_stays(tasks, tmp_path):
    def load(i):
        if i == 2:
            raise RuntimeError("the disk is gone")
        return tasks[i]

    with pytest.raises(RuntimeError, match="the disk is gone"):
        collect(LazyTasks("abc", load), ["knn"], 2, tmp_path, **HERE)

    assert read_collected(tmp_path).evaluations["task"].nunique() == 2


def test_a_killed_process_loses_nothing_finished(make_task, tmp_path):
    tasks = [make_task(seed, n_rows=300, n_columns=8) for seed in range(6)]
    (tmp_path / "tasks").write_bytes(pickle.dumps(tasks))
    path = tmp_path / "killed" / "random_forest.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, tmp_path / "tasks", path.parent],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    try:
        for _ in range(2400):
            if path.is_file() and path.read_text().count("\n") >= 5:
                break
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait()
    finished = path.read_bytes()
    assert finished.count(b"\n") < 6 * 4

    found = collect(tasks, ["random_forest"], 4, path.parent, chunk_size=2)

    assert path.read_bytes().startswith(finished[: finished.rfind(b"\n") + 1])
    expected = collect(tasks, ["random_forest"], 4, tmp_path / "whole", **HERE)
    pd.testing.assert_series_equal(scores(found), scores(expected))


def test_several_processes_give_what_one_gives(tasks, tmp_path):
    one = collect(tasks, SLOW_ENOUGH, 2, tmp_path / "one", chunk_size=1, **HERE)

    several = collect(tasks, SLOW_ENOUGH, 2, tmp_path / "two", chunk_size=1, n_jobs=2)

    pd.testing.assert_series_equal(scores(several), scores(one))
    assert not several.evaluations.duplicated(["task", "family", "config", "step"]).any()


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_loses_nothing_when_a_worker_is_killed(tasks, tmp_path):
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    killed, seen = [], []

    def kill_one(progress):
        seen.append(progress)
        if not killed and progress["n_done"] >= 2:
            [pid, *_] = client.run(os.getpid).values()
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        pids = set(client.run(os.getpid).values())
        with parallel_config(backend="dask"):
            spread = collect(
                tasks, SLOW_ENOUGH, 4, tmp_path / "two", chunk_size=1, on_progress=kill_one
            )

    one = collect(tasks, SLOW_ENOUGH, 4, tmp_path / "one", **HERE)
    assert len(pids) == 2 and len(killed) == 1 and killed[0] in pids
    assert len(seen) == 3 * 2 * 4
    pd.testing.assert_series_equal(scores(spread), scores(one))
    assert not spread.evaluations.duplicated(["task", "family", "config", "step"]).any()


def test_a_suite_is_collected_through_the_client_of_openml(openml_server, tmp_path):
    with pytest.warns(UserWarning, match="left out openml-t1063: The target has one class only"):
        collected = collect_suite("three", ["knn"], 2, tmp_path, **HERE)

    assert collected.evaluations["task"].unique().tolist() == ["kinds-t1061", "numbers-t1062"]
    assert [task["openml_id"] for task in collected.tasks] == [61, 62]
    n_requests, before = openml_server.n_requests, (tmp_path / "knn.jsonl").read_text()
    with pytest.warns(UserWarning, match="left out openml-t1063"):
        collect_suite("three", ["knn"], 2, tmp_path, **HERE)
    assert openml_server.n_requests <= n_requests + 2  # the suite, and nothing of finished tasks
    assert (tmp_path / "knn.jsonl").read_text() == before
    with pytest.raises(OpenMLError, match="suite 'nothing'"):
        collect_suite("nothing", ["knn"], 2, tmp_path, **HERE)


def test_another_table_of_the_same_name_is_refused(make_task, tmp_path):
    one, other = (dataclasses.replace(make_task(seed, n_classes=2), name="same") for seed in (0, 1))

    with pytest.raises(InvalidInputError, match="Several tasks are named 'same'"):
        collect([one, other], ["knn"], 1, tmp_path, **HERE)
    collect([one], ["knn"], 1, tmp_path, **HERE)
    with pytest.raises(InvalidInputError, match="evaluations of another table named 'same'"):
        collect([other], ["knn"], 2, tmp_path, **HERE)


def test_settings_that_differ_are_named(tasks, tmp_path):
    collect(tasks[:1], ["knn"], 1, tmp_path, **HERE)

    with pytest.raises(InvalidInputError, match=r"another settings: time_limit_s \(null instead"):
        collect(tasks[:1], ["knn"], 1, tmp_path, time_limit_s=60.0)


def test_what_searches_on_some_tasks_find_is_evaluated_on_all_of_their_kind(make_task, tmp_path):
    tasks = [make_task(seed, n_classes=None if seed > 3 else 2, n_rows=90) for seed in range(8)]

    collected = collect(tasks, ["svm"], 3, tmp_path, n_adaptive=1, **HERE)

    frame = collected.evaluations
    _, searches = read_records(tmp_path / "svm-adaptive.jsonl")
    assert [one["is_regression"] for one in searches] == [False, True]
    is_found = frame["config"] >= FIRST_NUMBER
    for one in searches:
        own = frame[frame["task"] == one["task"]].set_index("config")["score"]
        assert own[one["number"]] > own[[0, 1, 2]].max()
        alike = [task.name for task in tasks if (task.kind == "regression") == one["is_regression"]]
        rows = frame[is_found & (frame["config"] == one["number"])]
        assert sorted(rows["task"]) == alike
        assert rows["hp_C"].unique().tolist() == [one["values"]["C"]]
    assert is_found.sum() == 8
    provenance = collected.to_knowledge().provenance
    assert provenance["collected"]["svm"]["n_configs"] == 4


def test_searches_go_on_where_they_were(make_task, tmp_path):
    tasks = [make_task(seed, n_rows=90) for seed in range(4)]
    collect(tasks, ["knn"], 2, tmp_path, n_adaptive=1, **HERE)
    before = (tmp_path / "knn-adaptive.jsonl").read_text()
    done = []

    collect(tasks, ["knn"], 2, tmp_path, n_adaptive=1, on_progress=done.append, **HERE)
    assert not done and (tmp_path / "knn-adaptive.jsonl").read_text() == before

    collect(tasks, ["knn"], 2, tmp_path, n_adaptive=2, **HERE)
    _, searches = read_records(tmp_path / "knn-adaptive.jsonl")
    assert [one["number"] for one in searches] == [FIRST_NUMBER, FIRST_NUMBER + 1]
    assert len({one["task"] for one in searches}) == 2


def test_a_single_task_is_not_searched_for_want_of_others(tasks, tmp_path):
    collected = collect(tasks[:1], ["knn"], 2, tmp_path, n_adaptive=3, **HERE)

    assert collected.evaluations["config"].tolist() == [0, 1]


def test_a_negative_number_of_searches_is_refused(tasks, tmp_path):
    with pytest.raises(InvalidInputError, match="n_adaptive must be >= 0, got -1"):
        collect(tasks, ["knn"], 2, tmp_path, n_adaptive=-1, **HERE)
