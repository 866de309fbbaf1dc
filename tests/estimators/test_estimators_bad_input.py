"""Bad input ends in a clear error, and a failed fit leaves nothing behind."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.exceptions import (
    ArtefactError,
    AutoMetaError,
    ColumnMismatchError,
    MemoryLimitWarning,
)

X = pd.DataFrame({"size": np.arange(12.0), "color": list("abc") * 4})
Y = np.array(["no", "yes"] * 6)
NUMBERS = np.arange(12.0)
TWICE = pd.DataFrame(np.ones((12, 2)), columns=["a", "a"])

BAD_TABLES = {
    "no rows": (X[:0], Y[:0], r"The table is empty: 0 sample\(s\)"),
    "empty list": ([], [], "The table is empty: a list of 0 rows"),
    "no columns": (X[[]], Y, r"The table is empty: 0 feature\(s\)"),
    "one class": (X, ["no"] * 12, "one class only"),
    "one class of numbers": (X, np.ones(12), r"one class only \(1\.0\)"),
    "missing label": (X, [None, *Y[1:]], "y contains NaN: 1 of 12 labels are missing"),
    "more labels than rows": (X, [*Y, "no"], "more labels than rows"),
    "fewer labels than rows": (X, Y[:-1], "fewer labels than rows"),
    "duplicate names": (TWICE, Y, "Duplicate column names: 'a'"),
    "mixed names": (X.rename(columns={"size": 2.5}), Y, r"types \['float', 'str'\]. .*astype\(str"),
    "masked label": (X, np.ma.masked_equal(NUMBERS % 3, 1), "y contains NaN: 4 of 12"),
    "no target": (X, None, "y is None"),
    "two targets of one class": (X, np.ones((12, 2)), "Target 0: The target has one class only"),
    "one dimension": (np.ones(12), Y, "Reshape your data"),
    "sparse": (scipy.sparse.csr_matrix(np.ones((12, 2))), Y, "Sparse"),
    "complex": (np.ones((12, 2)) * 1j, Y, "Complex data not supported"),
    "nested cells": (X.assign(color=[[1]] * 12), Y, "holds a list in a cell"),
    "text": ("table.csv", Y, "Cannot read a table from str"),
    "fractional classes": (X, NUMBERS + 0.5, "Unknown label type: continuous"),
}
BAD_ARGUMENTS = {
    "time_limit": (-1, "time_limit must be a number of seconds >= 0"),
    "n_trials": (-1, "n_trials must be an int >= 0"),
    "families": (["forest"], "family must be one of .* or an autometa.Family, got 'forest'"),
    "metric": ("f11", "metric must be"),
    "cv": (1, "cv must be None, an int >= 2"),
    "knowledge": (3, "knowledge must be 'default', a folder"),
    "on_known_task": ("stop", "on_known_task must be one of"),
    "device": ("gpu", "device must be 'auto', 'cpu' or 'cuda'"),
    "callbacks": (3, "callbacks must be a list of functions"),
    "n_jobs": (0, "n_jobs must be None, an int >= 1"),
    "memory_limit": (-1, "memory_limit must be a number of gigabytes > 0"),
    "class_weight": ("even", "class_weight must be None, 'balanced' or a dict"),
    "random_state": (-1, "random_state must be >= 0"),
    "storage": ("nodb:///z", "storage of the kind 'nodb' cannot be opened"),
}
BAD_FIT_ARGUMENTS = {
    "negative weight": ({"sample_weight": [-1.0, *[1.0] * 11]}, "finite and >= 0, found -1"),
    "NaN weight": ({"sample_weight": [np.nan, *[1.0] * 11]}, "finite and >= 0, found nan"),
    "text weight": ({"sample_weight": ["a"] * 12}, "sample_weight must be numbers"),
    "few weights": ({"sample_weight": [1.0]}, r"sample_weight must have shape \(12,\)"),
    "zero weights": ({"sample_weight": [0.0] * 12}, "zero for every row"),
    "few groups": ({"groups": [1]}, "groups has 1 labels, X has 12 rows"),
    "missing group": ({"groups": [None, *[1.0] * 11]}, "groups has missing labels"),
    "one group": ({"groups": [1] * 12}, "one group only"),
}


@pytest.fixture
def model(knowledge):
    return AutoMetaClassifier(n_trials=0, knowledge=knowledge)


def left_behind(model):
    return set(vars(model)) - set(model.get_params(deep=False))


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused(model, name):
    table, target, message = BAD_TABLES[name]

    with pytest.raises(AutoMetaError, match=message):
        model.fit(table, target)

    assert left_behind(model) == set()


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_a_bad_argument_is_refused_by_fit(model, name):
    value, message = BAD_ARGUMENTS[name]
    model.set_params(**{name: value})

    with pytest.raises(AutoMetaError, match=message):
        model.fit(X, Y)

    assert left_behind(model) == set()


@pytest.mark.parametrize("name", BAD_FIT_ARGUMENTS)
def test_a_bad_argument_of_fit_is_refused(model, name):
    arguments, message = BAD_FIT_ARGUMENTS[name]

    with pytest.raises(AutoMetaError, match=message):
        model.fit(X, Y, **arguments)

    assert left_behind(model) == set()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([*NUMBERS[1:], np.nan], "y contains NaN"),
        ([*NUMBERS[1:], np.inf], "y contains infinity"),
        (Y, "A regression target must be numeric"),
    ],
)
def test_a_target_that_is_no_number_is_refused_by_the_regressor(knowledge, target, message):
    model = AutoMetaRegressor(n_trials=0, knowledge=knowledge)

    with pytest.raises(AutoMetaError, match=message):
        model.fit(X, target)

    assert left_behind(model) == set()


def test_a_failed_fit_forgets_the_fit_before(model):
    model.fit(X, Y)

    with pytest.raises(AutoMetaError):
        model.fit(X[:0], Y[:0])

    assert left_behind(model) == set()


def test_a_failure_deep_inside_leaves_nothing_behind(model, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("autometa.search.open_study", fail)

    with pytest.raises(RuntimeError, match="no such luck"):
        model.fit(X, Y)

    assert left_behind(model) == set()


@pytest.mark.parametrize("damage", ["missing", "no JSON", "foreign", "cut short"])
def test_a_bad_knowledge_folder_is_refused(model, knowledge, untrained, tmp_path, damage):
    untrained.save(tmp_path)
    described, tensors = tmp_path / "initialisation.json", tmp_path / "initialisation.safetensors"
    if damage == "missing":
        described.unlink()
    elif damage == "no JSON":
        described.write_text("{")
    elif damage == "foreign":
        described.write_text("{}")
    else:
        tensors.write_bytes(tensors.read_bytes()[:-1])
    model.set_params(knowledge=tmp_path)

    with pytest.raises(ArtefactError, match=str(tmp_path)):
        model.fit(X, Y)

    assert left_behind(model) == set()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X.assign(size=list("abcdefghijkl")), "Column 'size' held numbers at fit"),
        (X.rename(columns={"size": "length"}), "Feature names unseen at fit time:\n- length"),
        (X[["size"]], "Feature names seen at fit time, yet now missing:\n- color"),
        (X[["color", "size"]], "must be in the same order"),
        (X.assign(more=1).to_numpy(), "X has 3 features, but AutoMetaClassifier is expecting 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_another_table_at_prediction_is_refused(model, table, message):
    model.fit(X, Y)

    with pytest.raises(ColumnMismatchError, match=message):
        model.predict(table)


def test_a_table_without_rows_cannot_be_predicted(model):
    model.fit(X, Y)

    with pytest.raises(AutoMetaError, match=r"0 sample\(s\)"):
        model.predict(X[:0])


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([], "cv gave no split"),
        ([([0, 1], [99])], "no pair .* positions among the 12 rows"),
        ([([], [1, 2])], "train rows of split 0"),
        ([([0, 1, 2], [])], "test rows of split 0"),
        ([3], "no pair"),
        ("5", "cv must be None, an int"),
        (object(), "cv must be None, an int"),
        (KFold, r"got the class KFold. Give KFold\(\)"),
        (KFold(100), r"cv=KFold.* cannot split these rows: .* greater than the number of samples"),
        (GroupKFold(2), "It needs groups: give fit one for each row by groups="),
        (StratifiedGroupKFold(2), "It needs groups: give fit one for each row by groups="),
    ],
)
def test_splits_that_cannot_be_used_are_refused(model, splits, message):
    with pytest.raises(AutoMetaError, match=message):
        model.set_params(cv=splits).fit(X, Y)


def test_a_splitter_of_classes_is_refused_for_numbers(knowledge):
    model = AutoMetaRegressor(n_trials=0, cv=StratifiedKFold(3), knowledge=knowledge)

    with pytest.raises(AutoMetaError, match="It is for classes, y are numbers: .* KFold"):
        model.fit(X, NUMBERS + 0.5)


class Halves:
    """A splitter that knows of no groups."""

    def split(self, X, y):
        even = np.arange(len(X)) % 2 == 0
        yield np.flatnonzero(even), np.flatnonzero(~even)


class KeywordHalves(Halves):
    def split(self, X, y, **options):
        self.groups_ = options["groups"]
        return super().split(X, y)


def test_groups_are_left_out_where_a_splitter_does_not_take_them(model):
    assert model.set_params(cv=Halves()).fit(X, Y, groups=Y).n_trials_ == 0

    by_keyword = KeywordHalves()
    model.set_params(cv=by_keyword).fit(X, Y, groups=Y)

    assert by_keyword.groups_.tolist() == Y.tolist()


def test_a_metric_is_tried_on_every_target():
    from autometa._metrics import find_metric
    from autometa.estimators._given import check_given
    from autometa.estimators._options import check_metric

    squared_log = find_metric("neg_mean_squared_log_error", is_regression=True)
    targets = pd.DataFrame({"good": NUMBERS, "bad": NUMBERS - 5})
    given = check_given(X, targets, None, None, kind="regression")

    check_metric(squared_log, given[:1])
    with pytest.raises(AutoMetaError, match="Target 'bad': metric=.* numbers from -5 to 6"):
        check_metric(squared_log, given)


def test_a_table_beyond_the_memory_limit_is_refused_at_once(model):
    with pytest.raises(MemoryError, match="memory_limit=1e-06"):
        model.set_params(memory_limit=1e-6).fit(X, Y)

    assert model.set_params(memory_limit=1).fit(X, Y).n_trials_ == 0


def test_near_the_memory_limit_the_search_ends_with_what_it_has(knowledge, monkeypatch):
    held = itertools.count()
    monkeypatch.setattr("autometa._memory._held_gb", lambda: next(held) / 100)
    rng = np.random.default_rng(0)
    table, target = rng.normal(size=(200, 5)), rng.integers(0, 2, size=200)
    options = {"families": ["extra_trees"], "n_trials": 30, "random_state": 0}
    model = AutoMetaClassifier(memory_limit=1.0, knowledge=knowledge, **options)

    with pytest.warns(MemoryLimitWarning, match="near memory_limit=1;"):
        model.fit(table, target)

    assert 1 <= model.n_trials_ < 30
    assert model.leaderboard_["weight"].sum() == pytest.approx(1)
    assert model.predict_proba(table[:3]).shape == (3, 2)


def test_class_weights_of_unknown_classes_are_refused(model):
    with pytest.raises(AutoMetaError, match="class_weight names classes .'maybe'."):
        model.set_params(class_weight={"maybe": 2}).fit(X, Y)

    with pytest.raises(AutoMetaError, match="class_weight must be finite and > 0"):
        model.set_params(class_weight={"no": 0}).fit(X, Y)
