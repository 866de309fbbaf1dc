"""Runs published through the real client, on the tests' own OpenML server."""

import arff
import numpy as np
import pandas as pd
import pytest
from openml_server import N_FOLDS, N_REPEATS, OpenMLServer

from autometa.exceptions import InvalidInputError, OpenMLError
from autometa.tasks import load_task, publish_run


@pytest.fixture
def server(openml_client):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12, 2)).round(3), columns=["a", "b"])
    frame["kind"] = pd.Categorical(np.tile(["yes", "no"], 6))
    datasets = {
        61: {"name": "kinds", "frame": frame, "target": "kind"},
        62: {"name": "numbers", "frame": frame, "target": "b", "task_type": 2},
    }
    with OpenMLServer(datasets, {}) as running:
        openml_client.config.server = running.url
        yield running


def predict(task, value):
    return {
        split: (
            test,
            np.tile(value, (len(test), 1)) if np.ndim(value) else np.full(len(test), value),
        )
        for split, (_, test) in enumerate(task.splits)
    }


def publish(task_id, predictions, **options):
    about = {"name": "autometa.bench.mean", "version": "autometa==0", "description": "A mean."}
    return publish_run(task_id, predictions, **{**about, **options})


def test_a_run_of_classes_holds_every_row_of_every_split_once(server):
    task = load_task(1061)

    run_id = publish(
        *(1061, predict(task, [0.2, 0.6])),
        settings={"time_limit": 10},
        measures={"predictive_accuracy": {0: 0.5, 1: 0.25}},
    )

    assert run_id == 1001
    [run] = server.runs
    table = arff.loads(run["predictions"])
    names = [name for name, _ in table["attributes"]]
    rows = pd.DataFrame(table["data"], columns=names)
    assert len(rows) == 12 * N_REPEATS
    assert len(rows[["repeat", "fold"]].drop_duplicates()) == N_REPEATS * N_FOLDS
    truth = task.y.iloc[rows["row_id"].astype(int)].to_numpy()
    assert list(rows["correct"]) == list(truth)
    assert set(rows["prediction"]) == {"yes"}
    np.testing.assert_allclose(rows["confidence.yes"], 0.75)  # scaled to a sum of 1
    np.testing.assert_allclose(rows["confidence.no"], 0.25)
    for row in rows.itertuples():
        split = int(row.repeat) * N_FOLDS + int(row.fold)
        assert int(row.row_id) in task.splits[split][1]
    assert "<oml:name>time_limit</oml:name>" in run["description"]
    assert '<oml:evaluation repeat="0" fold="1">' in run["description"]


def test_a_run_of_numbers(server):
    task = load_task(1062)

    publish(1062, predict(task, 0.5))

    rows = arff.loads(server.runs[0]["predictions"])["data"]
    assert {row[3] for row in rows} == {0.5}
    assert sorted(row[4] for row in rows) == sorted([*task.y] * N_REPEATS)


def test_the_flow_is_made_once(server):
    task = load_task(1062)

    publish(1062, predict(task, 0.5))
    publish(1062, predict(task, 0.7))

    assert (len(server.flows), len(server.runs)) == (1, 2)


def test_a_run_that_lacks_splits_is_not_published(server):
    predictions = predict(load_task(1061), [0.5, 0.5])
    del predictions[2]

    with pytest.raises(InvalidInputError, match=r"all its 6 splits; \[2\] are missing"):
        publish(1061, predictions)

    assert server.runs == []


def test_a_server_that_refuses_is_an_openml_error(server, monkeypatch):
    predictions = predict(load_task(1062), 0.5)
    monkeypatch.setattr(server, "accept", lambda path, parts: (500, "no"))

    with pytest.raises(OpenMLError):
        publish(1062, predictions)
