"""`python -m benchmarks automl` prints what its stored runs say, and chooses its tables."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks import automl
from benchmarks.__main__ import app


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus" / "data").mkdir(parents=True)
    rows = []
    for number in range(40):
        split = "meta-train" if number < 30 else "meta-valid"
        n_rows = 400 if number % 5 else 40
        rows.append((f"t{number}", "binary", "y", n_rows, f"family-{number}", split))
        frame = pd.DataFrame({"a": np.arange(40.0), "y": np.tile(["no", "yes"], 20)})
        frame.to_parquet(tmp_path / "corpus" / "data" / f"t{number}.parquet")
    columns = ["name", "task", "target", "n_rows", "family", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "corpus" / "index.csv", index=False)
    return tmp_path / "corpus"


def test_small_tables_and_families_for_training_are_left_out(corpus):
    from autometa.metatraining import is_meta_dev

    valid = automl.find_tasks(corpus, "meta-valid").names
    dev = automl.find_tasks(corpus, "meta-dev").names

    assert valid == tuple(f"t{i}" for i in range(30, 40) if i % 5)
    assert dev == tuple(f"t{i}" for i in range(30) if i % 5 and is_meta_dev(f"family-{i}"))
    few = automl.find_tasks(corpus, "meta-dev", 3).names
    assert len(set(few)) == 3 and set(few) <= set(dev) and few != dev[:3]


def test_stored_runs_are_printed_without_running_any(corpus, tmp_path):
    rows = [
        {
            **{"method": method, "task": task, "fold": 0, "budget_s": 10.0, "n_threads": 2},
            **{"seed": 0, "data": "x", "kind": "binary", "status": "ok", "roc_auc": score},
            **{"constant_roc_auc": 0.5, "fit_s": 9.0, "known_as": "", "session": "s"},
            **{"date": "2026-01-01", "calibration_s": 0.5},
        }
        for task in ("t31", "t32", "t1")  # the last one is not of this split
        for method, score in (("autometa", 0.9), ("linear", 0.8))
    ]
    (tmp_path / "results" / "runs").mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(tmp_path / "results" / "runs" / "s.parquet")
    options = ["--corpus", str(corpus), "--results", str(tmp_path / "results"), "--hours", "0"]
    options += ["--methods", "autometa,linear", "--budgets", "10:1"]

    printed = CliRunner().invoke(app, ["automl", *options])
    as_json = CliRunner().invoke(app, ["automl", *options, "--json"])

    assert printed.exit_code == 0, printed.output
    assert "Overlap with meta-training: 0 of 2 tasks." in printed.stdout
    [whole, classification] = json.loads(as_json.stdout)["comparisons"]
    assert whole["n_tasks"] == classification["n_tasks"] == 2
    assert whole["table"][0]["method"] == "autometa"
    assert whole["table"][0]["mean_rank"] == 1.0


def test_a_budget_given_twice_is_refused(corpus, tmp_path):
    options = ["--corpus", str(corpus), "--results", str(tmp_path / "results"), "--hours", "0"]

    found = CliRunner().invoke(app, ["automl", *options, "--budgets", "10:3,10:1"])

    assert found.exit_code == 2 and "twice" in found.output
