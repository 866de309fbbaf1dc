"""`autometa collect`, on a small corpus."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autometa.collecting import read_collected

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def collect(run, tmp_path):
    def collect(corpus, *options, families="knn,linear", n_configs=2, n_adaptive=0):
        return run(
            *("collect", "--corpus", corpus, "--families", families, "--n-adaptive", n_adaptive),
            *("--n-configs", n_configs, "--out", tmp_path / "out", *options),
        )

    return collect


def test_it_collects_on_the_tables_for_meta_training_and_goes_on(make_corpus, collect, tmp_path):
    corpus = make_corpus(["first", "second"])

    result = collect(corpus)

    assert result.exit_code == 0, result.stderr
    assert "knn: 4 configurations on 2 tables, 0:00:0" in result.stdout
    assert "linear: 4 configurations on 2 tables" in result.stdout
    assert f"{tmp_path / 'out'}: 2 tables described" in result.stdout
    before = (tmp_path / "out" / "knn.jsonl").read_text()
    more = collect(corpus, n_configs=3)
    assert "knn: 6 configurations on 2 tables" in more.stdout
    assert (tmp_path / "out" / "knn.jsonl").read_text().startswith(before)
    collected = read_collected(tmp_path / "out")
    assert sorted({task["family"] for task in collected.tasks}) == ["first", "second"]


def test_searches_on_some_tables_add_configurations_for_all(make_corpus, collect, tmp_path):
    collect(make_corpus(["first", "second"]), families="knn", n_adaptive=1)

    found = read_collected(tmp_path / "out").evaluations.groupby("task")["config"].nunique()
    assert found.tolist() in ([3, 3], [2, 2])  # where no trial was better
    assert (tmp_path / "out" / "knn-adaptive.jsonl").is_file()


def test_failures_are_counted_in_one_line(make_corpus, collect):
    result = collect(
        make_corpus(["first"]), "--time-limit", 0.000001, families="linear", n_configs=1
    )

    assert result.exit_code == 0
    assert "linear: 0 configurations on 1 tables" in result.stdout
    assert "Warning: linear: 1 timeout besides, such as: more than 1e-06 s" in result.stderr


def test_a_terminal_sees_pieces_and_the_time_left(make_corpus, collect, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")

    shown = collect(make_corpus(["first", "second"]), families="knn").stderr

    assert "reading 2 tables" in shown


@pytest.mark.parametrize(
    "options, said",
    [
        (["--families", "knn"], "either --corpus FOLDER or --suite"),
        (["--families", "knn", "--corpus", "x", "--suite", "y"], "either --corpus FOLDER or"),
        (["--families", "knn", "--corpus", "nowhere"], "There is no folder nowhere"),
        (["--corpus", "nowhere"], "--families"),
        (["--families", "knn", "--corpus", "x", "--n-configs", "0"], "--n-configs"),
        (["--families", "knn", "--corpus", "x", "--n-jobs", "0"], "--n-jobs must not be 0"),
        (["--families", "knn", "--corpus", "x", "--knowledge", "no"], "There is no folder x"),
    ],
)
def test_bad_options_are_refused_and_leave_nothing(refused, tmp_path, options, said):
    line = refused("collect", *options, "--out", tmp_path / "deep" / "out")

    assert said in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options, said",
    [
        (["--families", "forest"], "family must be one of"),
        (["--families", ","], "families is empty"),
        (["--families", "knn", "--time-limit", "0"], "time_limit_s must be above 0"),
        (["--families", "knn", "--n-folds", "1"], "n_folds must be >= 2"),
    ],
)
def test_bad_values_are_refused_in_one_line(make_corpus, refused, tmp_path, options, said):
    corpus = make_corpus(["first"])

    line = refused("collect", "--corpus", corpus, *options, "--out", tmp_path / "out")

    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_does_not_answer_is_refused(make_corpus, refused, tmp_path, monkeypatch):
    pytest.importorskip("distributed")

    def connect(*args, **kwargs):
        raise OSError("timed out after 30 s")

    monkeypatch.setattr("joblib.parallel_config", connect)
    options = ("--families", "knn", "--scheduler", "tcp://10.0.0.1:8786")

    line = refused("collect", "--corpus", make_corpus(["a"]), *options, "--out", tmp_path / "out")

    assert "--scheduler tcp://10.0.0.1:8786 cannot be reached: timed out after 30 s." in line
    assert not (tmp_path / "out").exists()


def test_another_setting_is_refused(make_corpus, collect):
    corpus = make_corpus(["first"])
    collect(corpus)

    result = collect(corpus, "--seed", 1)

    assert result.exit_code == 2
    assert "collected with another settings" in result.stderr


def test_ctrl_c_keeps_what_is_finished(make_corpus, run, collect, tmp_path):
    corpus = make_corpus([f"family-{i}" for i in range(5)])
    path = tmp_path / "out" / "random_forest.jsonl"
    command = ("collect", "--corpus", corpus, "--families", "random_forest", "--n-configs", 8)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "autometa", *map(str, command), "--out", path.parent],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a job in the background of a shell ignores it, and its children with it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for _ in range(2400):
            if path.is_file() and path.read_text().count("\n") > 1:
                break
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130, stderr
    assert "Interrupted" in stderr and "Traceback" not in stderr
    finished = path.read_text()
    result = collect(corpus, families="random_forest", n_configs=8)
    assert "random_forest: 40 configurations on 5 tables" in result.stdout
    assert path.read_text().startswith(finished)
