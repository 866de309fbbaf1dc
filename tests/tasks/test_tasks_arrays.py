import numpy as np
import pandas as pd
import pytest

from autometa.exceptions import InvalidInputError, InvalidTableError
from autometa.tasks import target_kind, task_from_arrays

X = np.arange(8.0).reshape(4, 2)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (["no", "yes", "no"], "binary"),
        (list("abc") * 3, "multiclass"),
        ([True, False, True], "binary"),
        ([0, 1] * 3, "binary"),
        ([0.0, 1.0, np.nan, 1.0], "binary"),
        ([1, 2, 3] * 5, "multiclass"),
        (np.arange(100), "regression"),
        ([1, 2, 3, 4], "regression"),
        (np.linspace(0, 1, 5), "regression"),
        (pd.Series(pd.Categorical([1.5, 2.5, 1.5])), "binary"),
        (pd.array([1, 2, None, 2], dtype="Int64"), "binary"),
    ],
)
def test_the_kind_follows_from_the_target(target, kind):
    assert target_kind(pd.Series(target)) == kind


def test_the_kind_can_be_given():
    whole = [1, 2, 3, 1]

    assert task_from_arrays(X, whole, "regression").kind == "regression"
    assert task_from_arrays(X, whole, "classification").kind == "multiclass"
    assert task_from_arrays(X, [1, 2, 2, 1], "classification").kind == "binary"
    assert task_from_arrays(X, [True, False] * 2, "regression").y.tolist() == [1.0, 0.0] * 2


def test_name_splits_and_provenance_are_kept():
    task = task_from_arrays(
        X, [0, 1, 0, 1], name="mine", splits=[([0, 1], [2])], provenance={"family": "f"}
    )

    assert task.name == "mine"
    assert len(task.splits) == 1
    assert task.provenance == {"source": "arrays", "family": "f"}


@pytest.mark.parametrize(
    ("table", "target", "kind", "message"),
    [
        (X, [0, 1, 0, 1, 1], "classification", "more labels than rows"),
        (X, [0, 1, 0, np.nan], "classification", "contains NaN"),
        (X, [0, 1, 0, np.nan], None, "contains NaN"),
        (X, [0, 0, 0, 0], "classification", "one class only"),
        (X, pd.date_range("2024-01-01", periods=4), None, "holds dates"),
        (X, [0.5, 1, 0, 1], "classification", r"Unknown label type: continuous. .* 0.5"),
        (X, [0.0, 1, 0, np.inf], "classification", "A class cannot be inf"),
        (X, ["a", "b", "a", "b"], "regression", "must be numeric"),
        (X[:0], [], None, "empty"),
        (X[:, :0], [0, 1, 0, 1], "classification", r"0 feature\(s\)"),
    ],
)
def test_what_makes_no_task_is_refused(table, target, kind, message):
    with pytest.raises(InvalidTableError, match=message):
        task_from_arrays(table, target, kind)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidInputError, match="kind must be one of .*'classification'.*'rank'"):
        task_from_arrays(X, [0, 1, 0, 1], "rank")
