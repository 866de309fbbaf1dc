"""Runs that were never run, tables that take no time, and methods of a few lines."""

import itertools

import numpy as np
import pandas as pd
import pytest

from autometa.tasks import task_from_arrays


@pytest.fixture
def make_runs():
    """Make runs from scores: by method, by task; None = failed. One fold, AUC of two classes."""

    def make(scores, *, budget_s=10.0, unlimited=(), **columns):
        rows = []
        for method, task in itertools.product(scores, next(iter(scores.values()))):
            score = scores[method][task]
            rows.append(
                {
                    **{"method": method, "task": task, "fold": 0, "kind": "binary", "seed": 0},
                    **{"n_threads": 1, "constant_roc_auc": 0.5, "fit_s": 1.0, "known_as": ""},
                    "budget_s": np.nan if method in unlimited else budget_s,
                    "status": "failed" if score is None else "ok",
                    "roc_auc": np.nan if score is None else score,
                    **columns,
                }
            )
        return pd.DataFrame(rows)

    return make


@pytest.fixture
def small_tasks():
    """A task of two classes and one of numbers, of 40 rows, with every kind of column."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
    X["kind"] = pd.Categorical(rng.choice(["u", "v"], 40))
    X["text"] = rng.choice(["p", "q", None], 40)
    X["day"] = pd.date_range("2020-01-01", periods=40)
    X["is_on"] = X["b"] > 0
    X.iloc[3, 0] = np.nan
    labels = np.where(X["b"] + rng.normal(size=40) / 4 > 0, "yes", "no")
    numbers = X["b"] * 2 + rng.normal(size=40) / 4
    return [
        task_from_arrays(X, labels, name="labels"),
        task_from_arrays(X, numbers, "regression", name="numbers"),
    ]


@pytest.fixture
def make_method(tmp_path):
    """Write a method's file of these lines after the imports; return its path."""

    def make(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(f"import os, time\nimport numpy as np\n\n{source}\n")
        return path

    return make
