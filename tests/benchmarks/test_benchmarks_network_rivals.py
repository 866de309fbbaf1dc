"""`python -m benchmarks network_rivals` halves tables and runs the network and its rivals."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks import network_rivals
from benchmarks.__main__ import app


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus" / "data").mkdir(parents=True)
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 3)), columns=list("abc"))
    targets = {"sum": X.sum(axis=1), "sign": np.where(X["a"] > 0, "up", "down")}
    rows = []
    for name, y in targets.items():
        X.assign(y=y).to_parquet(tmp_path / "corpus" / "data" / f"{name}.parquet")
        kind = "regression" if name == "sum" else "binary"
        rows.append((name, kind, "y", 120, 3, name, "meta-valid"))
    columns = ["name", "task", "target", "n_rows", "n_features", "family", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "corpus" / "index.csv", index=False)
    return tmp_path / "corpus"


def test_networks_differ_in_their_trials_and_take_the_time_they_need():
    methods = network_rivals.find_networks()

    assert [m.options["n_trials"] for m in methods] == [0, 1]
    assert not any(m.has_time_limit for m in methods)


def test_the_network_and_its_rivals_learn_from_half_of_the_rows(corpus, tmp_path):
    options = ["network_rivals", "--corpus", str(corpus), "--results", str(tmp_path / "results")]
    options += ["--rivals", "linear"]

    ran = CliRunner().invoke(app, [*options, "--json"])
    printed = CliRunner().invoke(app, [*options, "--hours", "0"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    rows = {row["method"]: row for row in figures["rows"]}
    assert set(rows) == {"proposed", "adapted", "linear"} and figures["known_tasks"] == []
    assert all(row["failed"] == 0 and row["fit_cpu_s"] > 0 for row in rows.values())
    assert rows["proposed"]["fit_cpu_s"] < rows["adapted"]["fit_cpu_s"]
    [file] = (tmp_path / "results").rglob("*.parquet")
    runs = pd.read_parquet(file)
    assert set(runs["n_train"]) == {60} and set(runs["n_test"]) == {60}
    assert "adapted against" in printed.stdout
    assert "Processor's seconds of a fit" in printed.stdout
