"""Which tables a benchmark takes, how they are dealt, and what predictions score."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from autometa.bench import benchmark_tasks, outer_folds
from autometa.bench._scores import constant_prediction, score_fold
from autometa.exceptions import InvalidInputError
from autometa.tasks import task_from_arrays


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "data").mkdir()
    rows = []
    for number, (n_rows, split) in enumerate(
        [(30, "meta-valid"), (300, "meta-valid"), (400, "meta-train"), (500, "meta-valid")]
    ):
        frame = pd.DataFrame({"a": np.arange(n_rows), "y": np.tile(["no", "yes"], n_rows // 2)})
        frame.to_parquet(tmp_path / "data" / f"t{number}.parquet")
        rows.append((f"t{number}", "binary", "y", n_rows, split))
    columns = ["name", "task", "target", "n_rows", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def test_tables_are_chosen_by_split_and_size(corpus):
    assert benchmark_tasks(corpus).names == ("t0", "t1", "t3")
    assert benchmark_tasks(corpus, min_rows=300).names == ("t1", "t3")
    assert benchmark_tasks(corpus, split=None, min_rows=300).names == ("t1", "t2", "t3")
    assert len(benchmark_tasks(corpus, max_tasks=1)) == 1


def test_a_choice_that_leaves_nothing_is_refused(corpus):
    with pytest.raises(InvalidInputError, match="no table of split 'meta-valid' with 501 rows"):
        benchmark_tasks(corpus, min_rows=501)
    with pytest.raises(InvalidInputError, match=r"splits are \['meta-train', 'meta-valid'\]"):
        benchmark_tasks(corpus, split="test")


@pytest.mark.parametrize("where", [{}, {"corpus": "a", "suite": "b"}])
def test_tasks_come_from_one_place(where):
    with pytest.raises(InvalidInputError, match="either"):
        benchmark_tasks(**where)


def test_folds_are_stratified_and_every_row_is_tested_once():
    y = np.array(["a"] * 50 + ["b"] * 25 + ["c"] * 3 + ["d"] * 2)
    task = task_from_arrays(np.arange(80.0)[:, None], y)

    folds = outer_folds(task)

    assert sorted(np.concatenate([test for _, test in folds])) == list(range(80))
    assert [(y[test] == "a").sum() for _, test in folds] == [10] * 5
    assert [np.isin(y[test], ["c", "d"]).sum() for _, test in folds] == [1] * 5
    again = outer_folds(task, seed=1)
    assert any(list(a[1]) != list(b[1]) for a, b in zip(folds, again, strict=True))


def test_fewer_rows_than_folds_are_refused_by_name():
    task = task_from_arrays(np.arange(4.0)[:, None], ["a", "b"] * 2, name="tiny")

    with pytest.raises(InvalidInputError, match="'tiny' has 4 rows, too few for 5 outer folds"):
        outer_folds(task)


def test_the_splits_of_a_task_are_its_folds():
    splits = [(np.arange(5), np.arange(5, 10))]
    task = task_from_arrays(np.arange(10.0)[:, None], np.tile([0, 1], 5), splits=splits)

    [(train, test)] = outer_folds(task)

    assert (list(train), list(test)) == (list(range(5)), list(range(5, 10)))


def test_classes_are_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    y, prediction = np.tile([0, 1, 2], 20), rng.uniform(size=(60, 3))
    shares = prediction / prediction.sum(axis=1, keepdims=True)

    found = score_fold(y, prediction, "multiclass")

    assert found == pytest.approx(
        {
            "roc_auc": metrics.roc_auc_score(y, shares, multi_class="ovr"),
            "log_loss": metrics.log_loss(y, shares),
            "accuracy": metrics.accuracy_score(y, shares.argmax(axis=1)),
        }
    )


def test_a_row_without_any_probability_is_a_guess():
    found = score_fold(np.array([0, 1]), np.array([[0.0, 0.0], [0.0, 1.0]]), "binary")

    assert found["log_loss"] == pytest.approx(np.log(2) / 2, abs=1e-6)


def test_numbers_are_scored_as_scikit_learn_does():
    y, prediction = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])

    found = score_fold(y, prediction, "regression")

    assert found == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(y, prediction),
            "mae": metrics.mean_absolute_error(y, prediction),
            "r2": metrics.r2_score(y, prediction),
        }
    )


def test_a_constant_prediction_knows_the_training_target_alone():
    np.testing.assert_allclose(
        constant_prediction(np.array([0, 0, 1]), 2, 3), [[2 / 3, 1 / 3, 0]] * 2
    )
    np.testing.assert_allclose(constant_prediction(np.array([1.0, 3.0]), 2, None), [2.0, 2.0])
