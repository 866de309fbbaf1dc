import pickle

import numpy as np
import pandas as pd
import pytest

from autometa.exceptions import InvalidTableError
from autometa.tasks import Task

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": list("xyxy")})
Y = pd.Series(["no", "yes", "no", "yes"])


def test_a_task_knows_its_shape_and_its_sorted_classes():
    y = pd.Series(pd.Categorical(["b", "a", "b", "a"], categories=["z", "b", "a"]))

    task = Task("t", X, y, "binary", splits=[([0, 1], [2, 3])])

    assert (task.n_rows, task.n_features, task.classes.tolist()) == (4, 2, ["a", "b"])
    assert [rows.tolist() for rows in task.splits[0]] == [[0, 1], [2, 3]]


def test_a_regression_task_has_no_classes():
    assert len(Task("t", X, pd.Series([1.0, 2.0, 2.0, 5.0]), "regression").classes) == 0


def test_a_task_survives_pickling():
    task = pickle.loads(pickle.dumps(Task("t", X, Y, "binary", provenance={"family": "f"})))

    pd.testing.assert_frame_equal(task.X, X)
    assert task.provenance == {"family": "f"}


def test_a_task_cannot_be_changed():
    with pytest.raises(AttributeError):
        Task("t", X, Y, "binary").name = "other"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": X.iloc[:0], "y": Y.iloc[:0]}, r"empty: 0 sample\(s\)"),
        ({"X": X[[]]}, r"0 feature\(s\) \(shape=\(4, 0\)\) while a minimum of 1 is required"),
        ({"X": X.to_numpy()}, "must be a pandas DataFrame, got ndarray"),
        ({"X": X.set_axis(["a", "a"], axis=1)}, "Duplicate column names: 'a'"),
        ({"y": pd.Series(["no"] * 4)}, r"one class only \('no'\)"),
        ({"y": pd.Series(["no", "yes", None, "yes"])}, "contains NaN: 1 of 4 labels"),
        ({"y": pd.Series([*Y, "no"])}, "more labels than rows: X has 4 rows, y has 5"),
        ({"y": Y.iloc[:3]}, "fewer labels than rows"),
        ({"y": list(Y)}, "must be a pandas Series, got list"),
        ({"y": pd.Series([1, "a", 1, "a"])}, r"types \['int', 'str'\]"),
        ({"kind": "regression"}, "must be numeric"),
        ({"kind": "regression", "y": pd.Series([1.0, np.inf, 2, 3])}, "contains infinity"),
        ({"kind": "multiclass"}, "2 classes .* Use kind='binary'"),
        ({"kind": "binary", "y": pd.Series(list("abca"))}, "3 classes .* Use kind='multiclass'"),
        ({"kind": "classes"}, "kind must be one of"),
        ({"splits": [([0, 1], [1, 2])]}, "share 1 rows"),
        ({"splits": [([0, 1], [4])]}, r"must lie in 0..3, got 4..4"),
        ({"splits": [([0, 1], [])]}, "non-empty"),
        ({"splits": [([0.5], [1])]}, "row positions, got float64"),
        ({"splits": [3]}, "must be a pair"),
        ({"provenance": {"f": Y}}, "for JSON"),
    ],
)
def test_what_is_no_task_is_refused(changes, message):
    values = {"name": "t", "X": X, "y": Y, "kind": "binary", **changes}

    with pytest.raises(InvalidTableError, match=message):
        Task(**values)
