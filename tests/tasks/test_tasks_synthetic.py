"""Synthetic prior tasks: reproducible, well formed, of every kind, and worth learning from."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import r2_score, roc_auc_score

from autometa.exceptions import InvalidInputError
from autometa.tasks._prior_causes import SOURCES
from autometa.tasks._prior_scores import FUNCTIONS
from autometa.tasks._prior_targets import sample_labels
from autometa.tasks.synthetic import sample_prior_table, sample_prior_task

SIZES = {"n_rows": 80, "n_columns": 7}
KINDS = [("binary", None), ("multiclass", None), ("multiclass", 23), ("regression", None)]


def draw(seed, **sizes):
    return sample_prior_table(np.random.default_rng(seed), **sizes)


@pytest.fixture(scope="module")
def tables():
    return [draw(seed, **SIZES, kind="binary") for seed in range(200)]


@pytest.mark.parametrize("kind, n_classes", KINDS)
def test_the_same_state_gives_the_same_table(kind, n_classes):
    for seed in range(20):
        first = draw(seed, **SIZES, kind=kind, n_classes=n_classes)
        second = draw(seed, **SIZES, kind=kind, n_classes=n_classes)
        other = draw(seed + 1000, **SIZES, kind=kind, n_classes=n_classes)

        np.testing.assert_array_equal(first.values, second.values)
        np.testing.assert_array_equal(first.is_categorical, second.is_categorical)
        np.testing.assert_array_equal(first.y, second.y)
        assert first.origin == second.origin
        assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize("n_rows, n_columns", [(4, 1), (7, 30), (80, 1), (300, 12), (64, 200)])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_tables_of_any_size_are_well_formed(kind, n_rows, n_columns):
    n_rows = max(n_rows, 6) if kind == "multiclass" else n_rows
    for seed in range(30):
        table = draw(seed, n_rows=n_rows, n_columns=n_columns, kind=kind)

        assert table.values.shape == (n_rows, n_columns)
        assert table.values.dtype == np.float64
        assert not np.isinf(table.values).any()
        assert not np.isnan(table.values).all(0).any()
        assert table.is_categorical.shape == (n_columns,)
        assert table.is_categorical.dtype == bool
        codes = table.values[:, table.is_categorical]
        codes = codes[~np.isnan(codes)]
        assert (codes == np.round(codes)).all() and (codes >= 0).all() and (codes < 200).all()
        assert table.y.shape == (n_rows,)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 40])
def test_every_class_occurs_at_least_twice(n_classes):
    kind = "binary" if n_classes == 2 else "multiclass"
    for seed in range(50):
        table = draw(seed, n_rows=2 * n_classes, n_columns=3, kind=kind, n_classes=n_classes)

        assert table.y.dtype.kind == "i"
        assert np.bincount(table.y).tolist() == [2] * n_classes


def test_constant_scores_still_give_labels():
    for seed in range(20):
        for n_scores in (1, 3):
            labels = sample_labels(np.random.default_rng(seed), np.zeros((30, n_scores)), 3)

            assert np.bincount(labels, minlength=3).min() >= 2


def test_regression_targets_are_finite_and_vary():
    for seed in range(200):
        y = draw(seed, **SIZES, kind="regression").y

        assert y.dtype == np.float64
        assert np.isfinite(y).all()
        assert len(np.unique(y)) > 1


def test_class_names_are_shuffled(tables):
    larger = [np.bincount(table.y).argmax() for table in tables]

    assert 0.3 < np.mean(larger) < 0.7


def test_classes_are_balanced_in_some_tables_and_rare_in_others(tables):
    smaller = np.array([np.bincount(table.y).min() / len(table.y) for table in tables])

    assert (smaller > 0.4).mean() > 0.1
    assert (smaller < 0.1).mean() > 0.05
    assert 0.2 < np.median(smaller) < 0.45


def test_some_tables_have_missing_values_and_some_have_none(tables):
    has_missing = [np.isnan(table.values).any() for table in tables]

    assert 0.15 < np.mean(has_missing) < 0.6


def test_some_tables_have_categories_and_some_consist_of_them(tables):
    share = np.array([table.is_categorical.mean() for table in tables])

    assert (share == 0).mean() > 0.2
    assert ((share > 0) & (share < 1)).mean() > 0.2
    assert (share == 1).mean() > 0.03


def test_columns_are_sometimes_skewed_coarse_or_on_another_scale(tables):
    numeric = [table.values[:, ~table.is_categorical] for table in tables]
    columns = [column[~np.isnan(column)] for values in numeric for column in values.T]
    n_values = np.array([len(np.unique(column)) for column in columns])
    spread = np.array([column.std() for column in columns])

    assert 0.03 < (n_values <= 12).mean() < 0.5
    assert (n_values == 2).mean() > 0.01
    assert (spread > 10).mean() > 0.05 and (spread < 0.1).mean() > 0.05


def test_columns_are_often_correlated(tables):
    strongest = []
    for table in tables:
        ranks = pd.DataFrame(table.values[:, ~table.is_categorical]).rank()
        kept = ranks.loc[:, ranks.nunique() > 1]
        if kept.shape[1] > 1:
            correlation = np.abs(kept.corr().fillna(0).to_numpy())
            strongest.append(np.triu(correlation, k=1).max())

    assert np.mean(np.array(strongest) > 0.6) > 0.25
    assert np.mean(np.array(strongest) < 0.4) > 0.1


def test_every_source_and_every_function_is_drawn():
    origins = [draw(seed, n_rows=20, n_columns=4, kind="binary").origin for seed in range(800)]
    sources, functions = (set(part) for part in zip(*(o.split("/") for o in origins), strict=True))

    assert sources == set(SOURCES)
    assert functions == {*FUNCTIONS, "hidden"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_depends_on_its_columns_and_row_by_row(name):
    x = np.random.default_rng(0).standard_normal((400, 5))
    order = np.random.default_rng(1).permutation(400)

    scores = np.stack([FUNCTIONS[name](np.random.default_rng(s), x, 2) for s in range(20)])

    assert scores.shape == (20, 400, 2)
    assert np.isfinite(scores).all()
    assert (scores.std(1) > 1e-6).mean() > 0.8
    if name == "linear":  # the only one that draws nothing from the rows
        moved = np.stack(
            [FUNCTIONS[name](np.random.default_rng(s), x[order], 2) for s in range(20)]
        )
        np.testing.assert_allclose(moved, scores[:, order])


@pytest.mark.parametrize("is_oblivious", [True, False])
def test_trees_in_blocks_give_what_trees_at_once_give(is_oblivious, monkeypatch):
    from autometa.tasks import _prior_scores

    x = np.random.default_rng(0).standard_normal((300, 4))
    at_once = _prior_scores.tree_scores(np.random.default_rng(is_oblivious), x, 3)
    monkeypatch.setattr(_prior_scores, "N_CELLS_AT_ONCE", 100)
    in_blocks = _prior_scores.tree_scores(np.random.default_rng(is_oblivious), x, 3)

    np.testing.assert_allclose(in_blocks, at_once)


def forest_score(seed, kind):
    table = draw(seed, n_rows=300, n_columns=8, kind=kind)
    X = np.nan_to_num(table.values, nan=-1e6).clip(-1e30, 1e30)
    make = RandomForestRegressor if kind == "regression" else RandomForestClassifier
    forest = make(n_estimators=20, min_samples_leaf=2, random_state=0).fit(X[:200], table.y[:200])
    y = table.y[200:]
    if kind == "regression":
        return r2_score(y, forest.predict(X[200:]))
    shares = forest.predict_proba(X[200:])
    scores = [
        roc_auc_score(y == label, shares[:, i])
        for i, label in enumerate(forest.classes_)
        if 0 < (y == label).sum() < len(y)
    ]
    return np.mean(scores) if scores else 0.5


@pytest.mark.parametrize("kind, chance, perfect", [("binary", 0.5, 0.95), ("multiclass", 0.5, 0.9)])
def test_classes_can_be_learnt_on_average_and_the_difficulty_varies(kind, chance, perfect):
    scores = np.array([forest_score(seed, kind) for seed in range(40)])

    assert scores.mean() > chance + 0.2
    assert (scores < 0.65).any()
    assert (scores > perfect).any()


def test_numbers_can_be_learnt_on_average_and_the_difficulty_varies():
    scores = np.array([forest_score(seed, "regression") for seed in range(40)])

    assert np.median(scores) > 0.25
    assert (scores < 0.1).any()
    assert (scores > 0.8).any()


def test_memory_grows_linearly_in_rows():
    def peak(n_rows):
        most = 0
        for seed in range(6):
            tracemalloc.start()
            draw(seed, n_rows=n_rows, n_columns=6, kind="binary")
            most = max(most, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        return most

    assert peak(40_000) < 6 * peak(10_000)
    assert peak(40_000) < 40_000 * 6 * 8 * 40


@pytest.mark.parametrize("kind, n_classes", KINDS)
def test_a_task_holds_what_its_table_holds(kind, n_classes):
    for seed in range(20):
        table = draw(seed, **SIZES, kind=kind, n_classes=n_classes)
        rng = np.random.default_rng(seed)
        task = sample_prior_task(rng, **SIZES, kind=kind, n_classes=n_classes)

        assert task.kind == kind
        assert task.provenance == {"source": "synthetic", "origin": table.origin}
        assert task.splits == ()
        np.testing.assert_array_equal(task.y.to_numpy(), table.y)
        np.testing.assert_array_equal(task.X.isna().to_numpy(), np.isnan(table.values))
        for j, name in enumerate(task.X):
            if table.is_categorical[j]:
                assert isinstance(task.X[name].dtype, pd.CategoricalDtype)
                codes = task.X[name].cat.codes.to_numpy()
                np.testing.assert_array_equal(codes, np.nan_to_num(table.values[:, j], nan=-1))
            else:
                np.testing.assert_array_equal(task.X[name].to_numpy(), table.values[:, j])


def test_tasks_drawn_one_after_another_differ_in_name():
    rng = np.random.default_rng(0)

    names = {sample_prior_task(rng, **SIZES, kind="binary").name for _ in range(20)}

    assert len(names) == 20


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"kind": "ranking"}, "kind must be one of"),
        ({"kind": "binary", "n_columns": 0}, "n_columns must be >= 1, got 0"),
        ({"kind": "binary", "n_classes": 3}, "n_classes must be 2"),
        ({"kind": "multiclass", "n_classes": 2}, "n_classes must be >= 3"),
        ({"kind": "regression", "n_classes": 2}, "has no classes"),
        ({"kind": "regression", "n_rows": 3}, "n_rows must be >= 4"),
        ({"kind": "multiclass", "n_classes": 50}, "n_rows must be >= 100"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(InvalidInputError, match=message):
        draw(0, **{**SIZES, **sizes})
