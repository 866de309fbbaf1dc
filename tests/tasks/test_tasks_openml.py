import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openml_server import N_FOLDS, N_REPEATS, OpenMLServer

from autometa.exceptions import InvalidInputError, InvalidTableError, OpenMLError
from autometa.tasks import load_dataset, load_suite, load_task

SHARED = Path(__file__).parents[3] / "shared"


def flowers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 2)).round(3), columns=["length", "width, cm"])
    frame.iloc[3, 0] = np.nan
    frame["row"] = np.arange(30.0)
    frame["colour"] = pd.Categorical(rng.choice(["red", "blue"], 30))
    frame["kind"] = pd.Categorical(rng.choice(["a", "b", "c"], 30))
    return frame


@pytest.fixture
def server(openml_client):
    frame = flowers()
    datasets = {
        61: {"name": "flowers", "frame": frame, "target": "kind", "ignore": ["row", "kind"]},
        62: {"name": "lengths", "frame": frame, "target": "width, cm", "task_type": 2},
        63: {"name": "groups", "frame": frame, "target": None, "task_type": 5},
        64: {"name": "secret", "frame": frame, "target": "kind", "private": True},
    }
    suites = {"two-tasks": [1062, 1061], "empty": []}
    with OpenMLServer(datasets, suites) as running:
        openml_client.config.server = running.url
        yield running


def test_a_classification_task_has_its_table_and_splits(server):
    task = load_task(1061)

    assert (task.kind, task.classes.tolist()) == ("multiclass", ["a", "b", "c"])
    expected = flowers()
    assert task.X.columns.tolist() == ["length", "width, cm", "colour"]
    np.testing.assert_array_equal(task.X["length"], expected["length"])
    assert task.X["colour"].dtype == "category"
    assert task.y.tolist() == expected["kind"].tolist()
    assert len(task.splits) == N_REPEATS * N_FOLDS
    assert task.splits[1][1].tolist() == list(range(1, 30, 3))
    assert task.provenance == {
        "source": "openml",
        "openml_data_id": 61,
        "openml_version": 1,
        "openml_task_id": 1061,
        "family": "flowers",
        "target": "kind",
    }


def test_a_regression_task_may_have_a_comma_in_its_target(server):
    task = load_task("1062")

    assert task.kind == "regression"
    np.testing.assert_array_equal(task.y, flowers()["width, cm"])


def test_a_dataset_is_found_by_id_and_by_name(server):
    by_id, by_name = load_dataset(61), load_dataset("flowers")

    pd.testing.assert_frame_equal(by_id.X, by_name.X)
    assert by_id.kind == "multiclass"
    assert by_id.splits == ()
    assert by_name.provenance["openml_data_id"] == 61


def test_a_dataset_can_have_another_target(server):
    assert load_dataset(61, target="colour").kind == "binary"
    assert load_dataset(61, target="row").kind == "regression"


def test_a_suite_loads_each_task_when_it_is_taken(server):
    suite = load_suite("two-tasks")
    before = server.n_requests

    assert len(suite) == 2
    assert server.n_requests == before
    assert [task.provenance["openml_task_id"] for task in suite] == [1062, 1061]
    assert load_suite(1).names == suite.names == ("openml-t1062", "openml-t1061")


def test_what_was_loaded_once_comes_from_the_cache(server):
    first = load_task(1061)
    before = server.n_requests

    again = load_task(1061)

    assert server.n_requests == before
    pd.testing.assert_frame_equal(first.X, again.X)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: load_task(7), "cannot give task 7: Unknown task"),
        (lambda: load_dataset(7), "cannot give data set 7: Unknown dataset"),
        (lambda: load_dataset("nothing"), "No active datasets exist with name 'nothing'"),
        (lambda: load_suite("nothing"), "cannot give suite 'nothing': Study does not exist"),
        (lambda: load_suite("empty"), "suite 'empty' has no tasks"),
        (lambda: load_task(1063), "of type 'Clustering'"),
        (lambda: load_dataset(64), "refused data set 64: No access granted"),
    ],
)
def test_what_openml_does_not_have_is_said_in_one_line(server, load, message):
    with pytest.raises(OpenMLError, match=message) as caught:
        load()

    assert "\n" not in str(caught.value)


def test_wrong_use_is_refused(server):
    with pytest.raises(InvalidInputError, match="whole number, got 'iris'"):
        load_task("iris")
    with pytest.raises(InvalidInputError, match="declares no target. Give one .* length, "):
        load_dataset(63)
    with pytest.raises(InvalidTableError, match="has no column 'size'"):
        load_dataset(61, target="size")


@pytest.mark.parametrize(
    "load", [lambda: load_task(1061), lambda: load_dataset("flowers"), lambda: load_suite(99)]
)
def test_being_offline_is_said_clearly(openml_client, load):
    with pytest.raises(OpenMLError, match=r"127.0.0.1:9.* cannot be reached.*offline by their ids"):
        load()


@pytest.mark.skipif(
    not (SHARED / "openml_mirror").is_dir(), reason="no mirror next to the checkout"
)
def test_tasks_of_a_larger_mirror_equal_the_corpus(openml_client, tmp_path):
    folder = tmp_path / "corpus"
    (folder / "data").mkdir(parents=True)
    index = pd.read_csv(SHARED / "corpus" / "index.csv").set_index("name", drop=False)
    index = index.loc[["zoo", "ESL", "acute-inflammations"]]
    index.to_csv(folder / "index.csv", index=False)
    for name in index.index:
        (folder / "data" / f"{name}.parquet").symlink_to(
            SHARED / "corpus" / "data" / f"{name}.parquet"
        )
    process = subprocess.Popen(
        [sys.executable, SHARED / "openml_mirror" / "serve.py", "--corpus", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        openml_client.config.server = process.stdout.readline().strip()
        for suite, kinds in (
            ("all-classification", {"binary", "multiclass"}),
            ("all-regression", {"regression"}),
        ):
            for task in load_suite(suite):
                row = index.loc[task.provenance["family"]]
                assert task.kind == row["task"]
                assert task.kind in kinds
                assert (task.n_rows, task.n_features) == (row["n_rows"], row["n_features"])
                assert len(task.splits) == 10
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
