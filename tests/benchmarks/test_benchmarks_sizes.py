"""Networks on few rows, wide and long tables against rivals, at sizes that take seconds."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from autometa.tasks import read_corpus
from benchmarks import sizes
from benchmarks.__main__ import app


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A table of two classes and one of numbers, both sums of their columns."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data").mkdir()
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 4)), columns=list("abcd"))
    total = frame.sum(axis=1)
    rows = []
    for kind, y in {"binary": (total > 0).astype(int), "regression": total}.items():
        frame.assign(y=y).to_parquet(folder / "data" / f"{kind}.parquet")
        rows.append((kind, kind, "y", 120, 4, kind, "meta-valid"))
    columns = ["name", "task", "target", "n_rows", "n_features", "family", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory):
    """A small untrained initialisation."""
    config = {"n_inner_steps": 1, "network": {"n_hidden": 16, "n_token": 16}}
    params = METALEARNERS["maml"](**config).init_params(0)
    folder = tmp_path_factory.mktemp("knowledge")
    Initialisation(params, "maml", config, {"tasks": []}).save(folder)
    return folder


def test_every_source_is_run_once_and_summarised(corpus, knowledge, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "WIDE_ROWS", 60)
    monkeypatch.setattr(sizes, "MAX_TEST_ROWS", 60)
    monkeypatch.setattr(sizes, "N_LONG", 2)
    options = ["--corpus", str(corpus), "--results", str(tmp_path), "--knowledge", str(knowledge)]
    found = {}
    for source, size in {"rows": 20, "wide": 3, "widened": 7, "long": 90}.items():
        command = ["sizes", *options, "--sources", source, "--sizes", str(size), "--json"]
        shown = CliRunner().invoke(app, command)
        assert shown.exit_code == 0, shown.output
        found[source] = json.loads(shown.stdout)["rows"]
    printed = CliRunner().invoke(app, ["sizes", *options, "--hours", "0"])

    for source, rows in found.items():
        by_method = {row["method"]: row for row in rows}
        assert {"proposed", "adapted", "linear", "random_forest", "lightgbm"} <= set(by_method)
        assert {row["n_tables"] for row in rows} == {2}, source
        assert max(row["score"] for row in rows) <= 1
    linear = next(row for row in found["widened"] if row["method"] == "linear")
    assert linear["score"] > 0.5 and linear["rmse"] < 0.5 and linear["auc"] > 0.7
    runs = [json.loads(line) for line in (tmp_path / "sizes.jsonl").read_text().splitlines()]
    assert len(runs) == 2 * sum(len(rows) for rows in found.values())
    assert "widened" in printed.stdout


def test_a_widened_table_has_its_columns_and_shuffled_ones(corpus):
    (task,) = read_corpus(corpus, names=["binary"])

    wide = sizes.widen(task, 10)

    pd.testing.assert_frame_equal(wide.X[list("abcd")], task.X)
    assert wide.X.shape == (120, 10)
    assert sorted(wide.X["shuffled 4"]) == sorted(task.X["a"])
    assert (wide.X["shuffled 4"] != task.X["a"]).any()


def test_a_failure_is_as_bad_as_a_constant():
    row = {"source": "rows", "size": 16, "seed": 0, "constant": 1.0, "seconds": 1.0}
    rows = [
        {**row, "task": "a", "method": "x", "rmse": 0.5},
        {**row, "task": "a", "method": "y", "error": "no"},
        {**row, "task": "b", "method": "x", "rmse": 0.8},
    ]

    x, y = sizes.summarise(rows, ["x", "y"])

    assert (x["score"], y["score"], x["n_tables"]) == (1.0, 0.0, 1)
