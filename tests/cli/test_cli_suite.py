"""`autometa meta-train --suite` and `collect --suite`, against the tests' own OpenML server."""

import json
import os

import joblib
import numpy as np
import pandas as pd
import pytest
from openml_server import OpenMLServer

from autometa import Knowledge

SMALL = '{"n_hidden": 16, "n_token": 16, "n_layers": 1, "n_key": 8}'


@pytest.fixture
def server(tmp_path, monkeypatch):
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "OPENML_CACHE_DIR"):
        monkeypatch.setitem(os.environ, variable, str(tmp_path / "openml"))
    monkeypatch.setitem(os.environ, "no_proxy", "127.0.0.1")
    openml = pytest.importorskip("openml")
    before = openml.config.get_config_as_dict()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 3)).round(3), columns=["a", "b", "c"])
    frame["kind"] = pd.Categorical(np.where(frame["a"] + frame["b"] > 0, "yes", "no"))
    frame["same"] = pd.Categorical(["only"] * 90)
    datasets = {
        61: {"name": "kinds", "frame": frame, "target": "kind"},
        62: {"name": "numbers", "frame": frame, "target": "c", "task_type": 2},
        63: {"name": "constant", "frame": frame, "target": "same"},
    }
    suites = {"first": [1061, 1063], "second": [1061, 1062]}
    with OpenMLServer(datasets, suites) as running:
        openml.config.server, openml.config.apikey = running.url, "any"
        openml.config.set_retry_policy("human", 1)
        openml.config.set_root_cache_directory(str(tmp_path / "cache"))
        yield running
    openml.config.server, openml.config.apikey = before["server"], before["apikey"]
    openml.config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
    openml.config.set_root_cache_directory(before["cachedir"])


def test_tasks_of_several_suites_are_trained_on_once_each(server, run, tmp_path):
    result = run(
        *("meta-train", "--suite", "first", "--suite", "second", "--n-steps", 1, "--all-families"),
        *("--network", SMALL, "--n-workers", 0, "--resume", tmp_path / "knowledge"),
    )

    assert result.exit_code == 0, result.stderr
    provenance = json.loads((tmp_path / "knowledge" / "initialisation.json").read_text())
    assert [task["openml_id"] for task in provenance["provenance"]["tasks"]] == [61, 62]
    assert "Warning: left out openml-t1063: The target has one class only" in result.stderr


def test_a_suite_is_collected_by_several_processes(server, run, tmp_path, monkeypatch):
    parallel_config, given = joblib.parallel_config, {}

    def remember(**options):
        given.update(options)
        return parallel_config(**options)

    monkeypatch.setattr(joblib, "parallel_config", remember)

    result = run(
        *("collect", "--suite", "second", "--families", "knn", "--n-configs", 2),
        *("--n-jobs", 2, "--out", tmp_path / "out"),
    )

    assert result.exit_code == 0, result.stderr
    assert given == {"n_jobs": 2}
    assert "knn: 4 configurations on 2 tables" in result.stdout
    knowledge = Knowledge.load(tmp_path / "out")
    assert sorted(task["openml_id"] for task in knowledge.tasks.values()) == [61, 62]
    assert knowledge.tables["knn"]["score"].notna().all()


def test_what_cannot_be_used_of_a_suite_is_named_and_the_rest_is_collected(server, run, tmp_path):
    result = run(
        *("collect", "--suite", "first", "--families", "knn", "--n-configs", 1),
        *("--out", tmp_path / "out"),
    )

    assert result.exit_code == 0, result.stderr
    assert "Warning: left out openml-t1063: The target has one class only" in result.stderr
    assert list(Knowledge.load(tmp_path / "out").tasks) == ["kinds-t1061"]


def test_a_suite_that_does_not_exist_is_refused(server, refused, tmp_path):
    line = refused(
        *("meta-train", "--suite", "nothing", "--n-steps", 1, "--resume", tmp_path / "knowledge")
    )

    assert "suite 'nothing'" in line
    assert not (tmp_path / "knowledge").exists()
    line = refused(
        *("collect", "--suite", "nothing", "--families", "knn", "--out", tmp_path / "out")
    )
    assert "suite 'nothing'" in line
    assert not (tmp_path / "out").exists()
