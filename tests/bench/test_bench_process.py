"""Runs in processes of their own, also those that end badly; these processes are real."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autometa.bench._fold import Fold
from autometa.bench._process import Limits, run_process


@pytest.fixture
def run(small_tasks, tmp_path):
    """Run a method's file on the labels, or on the numbers; return what was found."""

    def run(file, task=0, limits=None, **job):
        rows = np.arange(40)
        fold = Fold(small_tasks[task], 0, rows[:30], rows[30:])
        tables = tmp_path / f"tables-{task}"
        tables.mkdir(exist_ok=True)
        fold.write(tables)
        whole = {
            **{"method_file": str(file), "tables": str(tables), "options": {}, "seed": 0},
            **{"time_limit": None, "n_threads": 1, "distributions": ["pandas", "no-such-thing"]},
            **fold.job(),
            **job,
        }
        return run_process(sys.executable, whole, limits or Limits(60.0), n_threads=1)

    return run


def test_a_run_gets_the_table_as_it_is_and_is_measured(run, make_method):
    file = make_method(
        "check",
        "HAS_TIME_LIMIT = True\n"
        "IMPORTS = ['json']\n"
        "class Model:\n"
        "    classes_ = [1, 0]\n"
        "    def predict_proba(self, X):\n"
        "        return np.tile([0.7, 0.3], (len(X), 1))\n"
        "def fit(job):\n"
        "    assert list(job.X.columns) == ['a', 'b', 'kind', 'text', 'day', 'is_on']\n"
        "    assert str(job.X['kind'].dtype) == 'category' and job.X['day'].dtype.kind == 'M'\n"
        "    assert job.X['text'].isna().any() and np.isnan(job.X['a'].iloc[3])\n"
        "    assert sorted(set(job.y)) == [0, 1] and job.kind == 'binary' and job.n_classes == 2\n"
        "    assert (job.metric, job.time_limit, job.options) == ('roc_auc', 9.0, {'a': 1})\n"
        "    assert os.environ['OMP_NUM_THREADS'] == '1' and list(job.folder.iterdir()) == []\n"
        "    plain = job.plain(job.X)\n"
        "    assert set(map(str, plain.dtypes)) == {'float64', 'category'}\n"
        "    other = job.plain(job.X.assign(text='unheard of'))['column_3']\n"
        "    assert other.isna().all() and list(other.cat.categories) == ['p', 'q']\n"
        "    time.sleep(0.2)\n"
        "    return Model()",
    )

    found, prediction = run(file, time_limit=9.0, options={"a": 1})

    assert found["status"] == "ok", found
    np.testing.assert_allclose(prediction, np.tile([0.3, 0.7], (10, 1)))
    assert 0.2 <= found["fit_s"] < 5 and found["predict_s"] >= 0
    assert 20 < found["before_mb"] <= found["peak_mb"]
    assert set(found["versions"]) == {"python", "pandas"}


@pytest.mark.parametrize(
    "source, status, said",
    [
        ("def fit(job):\n    raise ValueError('no idea')", "failed", "ValueError: no idea"),
        ("def fit(job):\n    os._exit(7)", "died", "exit code 7"),
        (
            "def fit(job): pass\ndef predict(model, X, job): return np.full(len(X), np.nan)",
            "failed",
            "10 predictions are not finite",
        ),
        (
            "def fit(job):\n    keep = np.ones(60_000_000)\n    time.sleep(60)",
            "memory",
            "the limit is 400",
        ),
    ],
)
def test_a_run_that_ends_badly_says_how(run, make_method, source, status, said):
    limits = Limits(60.0, memory_mb=400)

    found, prediction = run(make_method("bad", source), 1, limits)

    assert found["status"] == status
    assert said in found["error"]
    assert prediction is None


def test_memory_that_was_taken_between_two_looks_counts_too(run, make_method, monkeypatch):
    monkeypatch.setattr("autometa.bench._process.POLL_S", 30.0)
    source = (
        "def fit(job):\n    return np.ones(60_000_000).sum()\n"
        "def predict(model, X, job):\n    return np.zeros(len(X))"
    )

    found, prediction = run(make_method("brief", source), 1, Limits(60.0, memory_mb=400))

    assert (found["status"], prediction) == ("memory", None)
    assert "the limit is 400" in found["error"] and found["peak_mb"] > 400


def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(run, make_method, tmp_path):
    file = make_method(
        "slow",
        "import subprocess, sys\n"
        "def fit(job):\n"
        "    code = 'import time; time.sleep(60)'\n"
        "    child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "    time.sleep(60)",
    )

    found, _ = run(file, 1, Limits(2.0))

    assert found["status"] == "timeout"
    assert 2.0 <= found["fit_s"] < 30
    child = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not _is_running(child):
            return
        time.sleep(0.1)
    os.kill(child, 9)
    pytest.fail("the process that the method had started is still there")


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
