"""`python -m benchmarks families` runs variants of the estimator, and prints what they bring."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks import families
from benchmarks.__main__ import app


@pytest.fixture
def corpus(tmp_path):
    """A table of a meta-development family, on which a line is better than neighbours."""
    from autometa.metatraining import is_meta_dev

    family = next(name for name in map(str, range(100)) if is_meta_dev(name))
    (tmp_path / "corpus" / "data").mkdir(parents=True)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 4)), columns=list("abcd"))
    frame.assign(y=frame.sum(axis=1)).to_parquet(tmp_path / "corpus" / "data" / "sum.parquet")
    columns = ["name", "task", "target", "n_rows", "family", "split"]
    row = ("sum", "regression", "y", 300, family, "meta-train")
    pd.DataFrame([row], columns=columns).to_csv(tmp_path / "corpus" / "index.csv", index=False)
    return tmp_path / "corpus"


def test_variants_have_one_family_less_or_more():
    found = {method.name: method.options["families"] for method in families.find_variants()}

    assert found["without linear"] == [n for n in families.DEFAULT if n != "linear"]
    assert found["with knn"] == [*families.DEFAULT, "knn"]
    assert found["catboost alone"] == ["catboost"] and len(found) == 1 + 6 + 4 + 6
    assert len(families.find_variants(alone=["linear"])) == 1 + 6 + 4 + 1


def test_the_default_families_are_those_of_the_estimator():
    from autometa.estimators._options import AUTO_FAMILIES

    assert tuple(names[0] for names in AUTO_FAMILIES) == families.DEFAULT


def test_variants_are_run_and_compared(corpus, tmp_path):
    options = ["families", "--corpus", str(corpus), "--results", str(tmp_path / "results")]
    options += ["--default", "linear,knn", "--further", "svm", "--budget", "3", "--threads", "1"]

    ran = CliRunner().invoke(app, [*options, "--json"])
    printed = CliRunner().invoke(app, [*options, "--hours", "0"])
    fewer = CliRunner().invoke(app, [*options, "--hours", "0", "--alone", "none"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    rows = {row["variant"]: row for row in figures["rows"]}
    assert (figures["tables_of_classes"], figures["tables_of_numbers"]) == (0, 1)
    assert set(rows) == {m.name for m in families.find_variants(["linear", "knn"], ["svm"])}
    assert rows[families.ALL]["classes"] is None and rows[families.ALL]["numbers"] == 0
    assert rows["knn alone"]["numbers"] > 0.5 > abs(rows["linear alone"]["numbers"])
    assert rows["knn alone"]["losses"] == 1 and math.isfinite(rows["with svm"]["numbers"])
    assert fewer.exit_code == 0 and "with svm" in fewer.stdout and "alone" not in fewer.stdout
    assert "overlap with meta-training: 0" in printed.stdout and "knn alone" in printed.stdout


def test_a_failed_run_counts_as_the_worst_or_the_constant_prediction(corpus, tmp_path):
    losses = {families.ALL: 1.0, "without linear": None, "without knn": 3.0}
    rows = [
        {
            **{"method": method, "task": "sum", "fold": 0, "budget_s": 10.0, "n_threads": 2},
            **{"seed": 0, "data": "x", "kind": "regression", "rmse": loss, "constant_rmse": 2.0},
            **{"status": "failed" if loss is None else "ok", "session": "s", "known_as": ""},
            "log_loss": math.nan,
            **{"date": "2026-01-01", "fit_s": 9.0, "calibration_s": 0.5},
        }
        for method, loss in losses.items()
    ]
    (tmp_path / "results" / "runs").mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(tmp_path / "results" / "runs" / "s.parquet")
    options = {"default": ["linear", "knn"], "further": [], "alone": [], "hours": 0}

    figures = families.main(corpus, tmp_path / "results", **options)

    found = {row["variant"]: row for row in figures["rows"]}
    assert found["without linear"]["numbers"] == pytest.approx(math.log(3))
    assert (found["without linear"]["losses"], found["without linear"]["failed"]) == (1, 1)
    assert found["without knn"]["failed"] == 0 and figures["tables_of_numbers"] == 1
