import os
import shutil
import signal
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from autometa.collecting import collect_task
from autometa.collecting._evaluations import Evaluations, LimitedEvaluations
from autometa.collecting._process import ProcessDiedError, TimeIsUpError, WorkerProcess
from autometa.evaluation import TableFolds
from autometa.exceptions import InvalidInputError
from autometa.families import TablePreparation

SLOW = {"n_estimators": 300, "max_features": 1.0, "bootstrap": False}


@pytest.fixture
def worker():
    worker = WorkerProcess()
    yield worker
    worker.close()


def test_scores_are_means_over_three_folds(make_task):
    task = make_task(n_rows=90)

    found = collect_task(task, "linear", [{"C": 0.1}], time_limit_s=None)

    table = TableFolds.from_task(task)
    Z = TablePreparation("standardised").fit_transform(table.X)
    expected = []
    assert len(table.folds.train_weight) == 3
    for train, valid in zip(
        table.folds.train_weight > 0, table.folds.valid_weight > 0, strict=True
    ):
        model = LogisticRegression(C=0.1, max_iter=300).fit(Z[train], table.y[train])
        expected.append(-log_loss(table.y[valid], model.predict_proba(Z[valid])))
    assert found["score"].tolist() == pytest.approx([np.mean(expected)])
    assert 0.5 < found["accuracy"].item() <= 1 and 0.5 < found["roc_auc"].item() <= 1
    assert found["cost_s"].item() > 0


def test_numbers_are_scored_in_standard_deviations(make_task):
    [score] = collect_task(make_task(n_classes=None), "linear", [{}], time_limit_s=None)["score"]

    found = collect_task(make_task(n_classes=None), "linear", [{}], time_limit_s=None)
    assert -1 < score < 0
    assert found["r2"].item() == pytest.approx(1 - score**2, abs=0.1)


@pytest.mark.parametrize("family", ["hist_gradient_boosting", "random_forest", "adapted_network"])
def test_families_that_take_steps_give_learning_curves(family, make_task, tiny_initialisation):
    steps_name = "max_iter" if "hist" in family else "n_estimators"
    if family == "adapted_network":
        steps_name = "n_steps"
    options = {"time_limit_s": None, "initialisation": tiny_initialisation}

    found = collect_task(make_task(), family, [{steps_name: 35}, {steps_name: 20}], **options)

    first, second = (found[found["config"] == i] for i in (0, 1))
    assert first["step"].iloc[-1] == 35 and second["step"].iloc[-1] == 20
    assert first["step"].is_monotonic_increasing and len(first) >= 3
    assert first["cost_s"].is_monotonic_increasing
    # what 20 steps of the longer one give, or of the shorter: the same
    common = set(first["step"]) & set(second["step"])
    assert common
    for step in common:
        a, b = (part.loc[part["step"] == step, "score"].item() for part in (first, second))
        assert a == pytest.approx(b, rel=1e-3)
    assert first[f"hp_{steps_name}"].unique().tolist() == [35]


def test_large_tasks_are_capped(make_task):
    task = make_task(n_rows=500)

    capped = TableFolds.from_task(task, max_rows=100)

    assert len(capped.X) == len(capped.y) == 100
    again, other = (TableFolds.from_task(task, max_rows=100, seed=s) for s in (0, 1))
    assert capped.X.equals(again.X) and not capped.X.equals(other.X)
    np.testing.assert_array_equal(capped.folds.train_weight, again.folds.train_weight)


def test_a_class_of_one_row_is_trained_on_in_every_fold(make_task):
    from dataclasses import replace

    task = make_task()
    y = task.y.copy()
    y.iloc[5] = 7
    found = collect_task(
        replace(task, y=y, kind="multiclass"), "random_forest", [{}], time_limit_s=None
    )

    assert found["status"].tolist() == ["ok"] * len(found)


@pytest.mark.parametrize("limit_s", [None, 60])
def test_a_failure_is_recorded_with_its_message(make_task, limit_s):
    found = collect_task(
        make_task(), "knn", [{"n_neighbors": -3}, {"n_neighbors": 3}], time_limit_s=limit_s
    )

    assert found["status"].tolist() == ["failed", "ok"]
    assert "n_neighbors" in found["message"][0] and pd.isna(found["message"][1])
    assert np.isnan(found["score"][0]) and np.isfinite(found["score"][1])


def test_another_process_gives_the_same_scores(make_task):
    here, there = (
        collect_task(make_task(), "svm", [{}, {"C": 10}], time_limit_s=limit_s)
        for limit_s in (None, 60)
    )

    assert here["score"].tolist() == there["score"].tolist()


def test_what_takes_too_long_is_ended_and_the_rest_goes_on(make_task):
    task = make_task(n_rows=2000, n_columns=60)
    collect_task(make_task(), "knn", [{}], time_limit_s=60)  # the process has started

    started_s = time.monotonic()
    found = collect_task(task, "random_forest", [SLOW, {"n_estimators": 1}], time_limit_s=4)

    assert found["status"].tolist()[0] == "timeout" and set(found["status"][1:]) == {"ok"}
    assert found["message"][0] == "more than 4 s" and found["cost_s"][0] == 4
    assert time.monotonic() - started_s < 60


def test_a_process_that_dies_is_a_failure_and_is_replaced(make_task):
    table = TableFolds.from_task(make_task(n_rows=2000, n_columns=60))
    evaluations = LimitedEvaluations(60)
    evaluations.take(table, {})
    evaluations.evaluate("knn", [{}])
    threading.Timer(0.5, lambda: os.kill(evaluations._process._process.pid, signal.SIGKILL)).start()

    [died] = evaluations.evaluate("random_forest", [SLOW])
    [after] = evaluations.evaluate("knn", [{}])

    assert died["status"] == "failed" and "signal 9" in died["message"]
    assert after["status"] == "ok"
    evaluations.close()


def test_a_process_ends_when_its_parent_is_gone(worker):
    process = worker._process

    process.stdin.close()

    assert process.wait(timeout=30) == 0
    with pytest.raises(ProcessDiedError, match="code 0"):
        worker.ask(("take", (None, {})), 10)


def test_a_process_that_does_not_start_is_no_result(make_task, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))

    with pytest.raises(RuntimeError, match="No process can be started .* ended with code 1"):
        collect_task(make_task(), "knn", [{}], time_limit_s=77)


def test_a_late_reply_is_not_waited_for(worker, make_task):
    worker.ask(("take", (TableFolds.from_task(make_task(n_rows=2000, n_columns=60)), {})), 60)

    with pytest.raises(TimeIsUpError):
        worker.ask(("evaluate", ("random_forest", [SLOW])), 0.1)

    assert not worker.is_alive


def test_what_libraries_print_does_not_disturb_the_replies(worker, make_task):
    pytest.importorskip("catboost")
    worker.ask(("take", (TableFolds.from_task(make_task()), {})), 60)

    [record] = worker.ask(("evaluate", ("catboost", [{"iterations": 5}])), 60)

    assert record["status"] == "ok"


def test_a_table_is_prepared_once_for_all_configurations(make_task, monkeypatch):
    calls = []
    fit = TablePreparation.fit
    monkeypatch.setattr(
        TablePreparation, "fit", lambda self, *args, **kw: calls.append(1) or fit(self, *args, **kw)
    )
    evaluations = Evaluations()
    evaluations.take(TableFolds.from_task(make_task()), {})

    evaluations.evaluate("linear", [{}, {"C": 2.0}, {"scaling": "ranked"}])

    assert len(calls) == 2


@pytest.mark.parametrize(
    "options, said",
    [
        ({"n_folds": 1}, "n_folds must be >= 2, got 1"),
        ({"max_rows": 5}, "max_rows must be at least twice n_folds"),
        ({"time_limit_s": 0}, "time_limit_s must be above 0"),
        ({"time_limit_s": float("inf")}, "time_limit_s must be above 0 and finite"),
    ],
)
def test_settings_that_cannot_be_are_refused(make_task, options, said):
    with pytest.raises(InvalidInputError, match=said):
        collect_task(make_task(), "knn", [{}], **options)


def test_an_unknown_family_or_hyperparameter_is_refused(make_task):
    with pytest.raises(InvalidInputError, match="family must be one of"):
        collect_task(make_task(), "forest", [{}])
    with pytest.raises(InvalidInputError, match="has no hyperparameter 'k'"):
        collect_task(make_task(), "knn", [{"k": 3}])
