"""`autometa bench`: its processes are real where a command runs methods."""

import os

import numpy as np
import pandas as pd
import pytest
from openml_server import OpenMLServer

from autometa.bench import read_runs
from autometa.tasks import KnownTasks

MEAN = """
HAS_TIME_LIMIT = False


def fit(job):
    import numpy as np

    shares = job.y.mean() if job.is_regression else np.bincount(job.y) / len(job.y)
    return shares


def predict(model, X, job):
    import numpy as np

    return np.full(len(X), model) if job.is_regression else np.tile(model, (len(X), 1))
"""


@pytest.fixture
def mean(tmp_path, monkeypatch):
    """A method that predicts a constant; calibration is as quick, and no knowledge is read."""
    path = tmp_path / "mean.py"
    path.write_text(MEAN)
    monkeypatch.setattr("autometa.bench._run.CALIBRATION", path)
    monkeypatch.setattr("autometa.bench._run.known_tasks", lambda knowledge: KnownTasks({}))
    return path


@pytest.mark.parametrize("command", ["automl", "peers", "report"])
def test_the_help_of_each_command_shows_an_example(run, command):
    shown = run("bench", command, "--help")

    assert shown.exit_code == 0
    assert f"autometa bench {command} " in shown.stdout.partition("Example")[2]


def test_a_corpus_is_run_once_and_reported(run, mean, make_corpus, tmp_path):
    corpus, results = make_corpus(["one"]), tmp_path / "results"
    command = ("bench", "automl", "--corpus", corpus, "--methods", mean, "--results", results)

    first = run(*command, "--budget", "1:1", "--threads", 1)
    again = run(*command, "--budget", "1:1", "--threads", 1)

    assert first.exit_code == 0, first.stderr
    assert "1 tasks, 1 folds" in first.stdout  # of the split meta-valid
    assert "No run failed." in first.stdout
    assert first.stdout == again.stdout
    assert len(list((results / "runs").iterdir())) == 1


def test_the_report_is_printed_again_and_written(run, mean, make_corpus, tmp_path):
    pytest.importorskip("matplotlib")
    results = tmp_path / "results"
    run(
        *("bench", "automl", "--corpus", make_corpus(["one"]), "--methods", mean),
        *("--results", results, "--budget", "1:1", "--threads", 1),
    )

    shown = run("bench", "report", "--results", results, "--out", tmp_path / "out")

    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == (tmp_path / "out" / "report.txt").read_text()
    assert (tmp_path / "out" / "over_time.png").is_file()


def test_what_peers_need_is_told_without_installing(run, tmp_path):
    shown = run("bench", "peers", "--folder", tmp_path / "peers", "--dry-run", "flaml")

    assert shown.stdout.startswith("flaml: flaml[automl]==")
    assert not (tmp_path / "peers").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        ([], "either a corpus folder or an OpenML suite"),
        (["--corpus", "nowhere"], "There is no folder nowhere"),
        (["--corpus", "nowhere", "--publish"], "--publish needs --suite"),
        (["--corpus", "nowhere", "--budget", "ten"], "SECONDS or SECONDS:FOLDS"),
        (["--corpus", "nowhere", "--budget", "10:3", "--budget", "10.0:1"], "10 s twice"),
        (["--suite", "one", "--split", "meta-valid"], "--split and --min-rows are for --corpus"),
        (["--suite", "one", "--min-rows", "9"], "--split and --min-rows are for --corpus"),
        (["--corpus", "nowhere", "--methods", "flamel"], "no method 'flamel'"),
        (["--corpus", "nowhere", "--metric", "auc"], "metric must be one of"),
        (["--corpus", "nowhere", "--hours", "-1"], "'--hours'"),
        (["--corpus", "nowhere", "--reuse", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_what_cannot_be_run_is_refused(refused, tmp_path, options, said):
    assert said in refused("bench", "automl", "--results", tmp_path / "results", *options)


def test_a_report_of_nothing_is_refused(refused, tmp_path):
    assert "no runs" in refused("bench", "report", "--results", tmp_path)
    assert "does not exist" in refused("bench", "report", "--results", tmp_path / "nowhere")


@pytest.fixture
def server(tmp_path, monkeypatch):
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "OPENML_CACHE_DIR"):
        monkeypatch.setitem(os.environ, variable, str(tmp_path / "openml"))
    monkeypatch.setitem(os.environ, "no_proxy", "127.0.0.1")
    openml = pytest.importorskip("openml")
    before = openml.config.get_config_as_dict()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 2)).round(3), columns=["a", "b"])
    frame["kind"] = pd.Categorical(np.tile(["yes", "no"], 15))
    with OpenMLServer(
        {61: {"name": "kinds", "frame": frame, "target": "kind"}}, {"one": [1061]}
    ) as s:
        openml.config.server, openml.config.apikey = s.url, "any"
        openml.config.set_retry_policy("human", 1)
        openml.config.set_root_cache_directory(str(tmp_path / "cache"))
        yield s
    openml.config.server, openml.config.apikey = before["server"], before["apikey"]
    openml.config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
    openml.config.set_root_cache_directory(before["cachedir"])


def test_runs_on_a_suite_are_published_once_when_all_its_splits_are_done(
    run, mean, server, tmp_path
):
    results = tmp_path / "results"
    command = (
        *("bench", "automl", "--suite", "one", "--methods", mean, "--results", results),
        *("--threads", 1, "--publish"),
    )

    whole = run(*command, "--budget", "1:6")
    again = run(*command, "--budget", "1:6")

    assert (whole.exit_code, again.exit_code) == (0, 0), whole.stderr + again.stderr
    assert len(server.runs) == len(server.flows) == 1
    assert "<oml:name>autometa.bench.mean</oml:name>" in server.flows[0]["description"]
    assert len(read_runs(results)) == 6
    assert "run 1001" in whole.stderr and "run 1001" not in again.stderr


def test_fewer_folds_than_a_task_has_splits_are_not_run_to_be_published(
    run, mean, server, tmp_path
):
    command = ("bench", "automl", "--suite", "one", "--methods", mean, "--threads", 1)
    options = ("--budget", "1:6", "--budget", "2:1", "--results", tmp_path / "results", "--publish")

    refused = run(*command, *options)

    assert refused.exit_code == 2
    assert "kinds-t1061 has 6 splits" in refused.stderr and "at least 6 folds" in refused.stderr
    assert not (tmp_path / "results" / "runs").exists()


def test_what_cannot_be_published_says_why(run, mean, server, tmp_path):
    results = tmp_path / "results"
    command = (
        *("bench", "automl", "--suite", "one", "--methods", mean, "--results", results),
        *("--threads", 1, "--budget", "1:6"),
    )

    run(*command)
    without = run(*command, "--publish")
    (results / "published.jsonl").write_text('{"key": ["mea')
    damaged = run(*command, "--publish")

    assert without.exit_code == 2
    assert "The predictions of 6 runs were not kept" in without.stderr
    assert "1 of 1 results were not published" in without.stderr
    assert damaged.exit_code == 2
    assert "published.jsonl has a damaged line" in damaged.stderr
    assert damaged.stdout == without.stdout  # the report is there all the same
    assert server.runs == []
