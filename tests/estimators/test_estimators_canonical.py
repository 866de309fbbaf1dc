"""Canonical rows: weights instead of repetitions, one order whatever the order given."""

import dataclasses
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from autometa.estimators._canonical import CanonicalRows
from autometa.tasks import as_frame


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": rng.integers(3, size=60).astype(float),
            "text": rng.choice(["a", "b"], 60),
            "category": pd.Categorical(rng.choice(["u", "v"], 60)),
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(2, size=60), "D"),
            "mixed": pd.Series(rng.choice(["1", "x"], 60)).astype(object),
        }
    )
    X.loc[::7, "number"] = np.nan
    X.loc[::5, "text"] = None
    return as_frame(X), rng.integers(2, size=60), rng.integers(1, 4, size=60).astype(float)


def count_rows(X, y, weight):
    """Sum the weights of equal rows, by a loop over their texts."""
    found = Counter()
    for *cells, label, amount in zip(*(X[name] for name in X), y, weight, strict=True):
        found[(*map(str, cells), label)] += amount
    return found


def test_rows_are_distinct_and_weights_are_kept(table):
    expected = count_rows(*table)

    rows = CanonicalRows.of(*table)

    assert len(rows.X) == len(expected) < len(table[0])
    assert count_rows(rows.X, rows.y, rows.weight) == expected


def test_a_shuffled_table_gives_the_same_bits(table):
    X, y, weight = table
    weight = weight * np.random.default_rng(1).random(60)
    order = np.random.default_rng(2).permutation(60)

    rows = CanonicalRows.of(X, y, weight)
    shuffled = CanonicalRows.of(X.iloc[order].reset_index(drop=True), y[order], weight[order])

    pd.testing.assert_frame_equal(rows.X, shuffled.X)
    np.testing.assert_array_equal(rows.y, shuffled.y)
    np.testing.assert_array_equal(rows.weight, shuffled.weight)
    np.testing.assert_array_equal(rows.row_of[order], shuffled.row_of)


def test_a_repeated_row_is_a_row_of_that_weight(table):
    X, y, weight = table
    repeated = np.repeat(np.arange(60), weight.astype(int))

    rows = CanonicalRows.of(X, y, weight)
    again = CanonicalRows.of(
        X.iloc[repeated].reset_index(drop=True), y[repeated], np.ones(len(repeated))
    )

    pd.testing.assert_frame_equal(rows.X, again.X)
    np.testing.assert_array_equal(rows.weight, again.weight)


@pytest.mark.parametrize(
    "column",
    [
        np.array([0.0, -0.0, 1.0]),
        np.array([0, 0, 1]),
        pd.Series([0, 0.0, True], dtype=object),
        pd.Categorical([0, 0, 1]),
    ],
)
def test_how_a_number_is_typed_does_not_matter(column):
    rows = CanonicalRows.of(pd.DataFrame({"a": column}), np.zeros(3), np.ones(3))

    expected = CanonicalRows.of(pd.DataFrame({"a": [0.0, 0.0, 1.0]}), np.zeros(3), np.ones(3))
    np.testing.assert_array_equal(rows.hashes, expected.hashes)
    assert len(rows.X) == 2


def test_columns_are_not_interchangeable():
    rows = CanonicalRows.of(pd.DataFrame({"a": [1, 2], "b": [2, 1]}), np.zeros(2), np.ones(2))

    assert len(rows.X) == 2


def test_neither_target_nor_group_is_merged():
    X = pd.DataFrame({"a": [1, 1, 1, 1]})
    groups = pd.Series(["p", "q", "q", "q"])

    rows = CanonicalRows.of(X, np.array([0, 0, 1, 1]), np.ones(4), groups)

    assert len(rows.X) == 3
    assert sorted(rows.weight) == [1, 1, 2]
    assert rows.groups.max() == 1


def test_small_weights_are_scaled_up_to_the_number_of_rows():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 3.0]})

    rows = CanonicalRows.of(X, np.zeros(4), np.full(4, 0.01))

    assert rows.weight.sum() == pytest.approx(3)
    np.testing.assert_allclose(np.sort(rows.weight), [0.75, 0.75, 1.5])


def test_parts_of_the_rows_given_have_the_weights_of_their_rows():
    X = pd.DataFrame({"a": [1.0, 2.0, 1.0, 1.0]})
    rows = CanonicalRows.of(X, np.zeros(4), np.array([1.0, 2.0, 3.0, 4.0]))

    found = rows.weights_of(np.array([0, 1, 3]))

    assert dict(zip(rows.X["a"], found, strict=True)) == {1.0: 5.0, 2.0: 2.0}


@pytest.mark.parametrize(("of_each", "n_expected"), [(True, 6), (False, 5)])
def test_some_rows_can_be_drawn_with_one_of_each_class(of_each, n_expected):
    X, y = pd.DataFrame({"a": np.arange(40.0)}), np.zeros(40)
    rows = CanonicalRows.of(X, y, np.ones(40))
    rows = dataclasses.replace(rows, y=np.append(np.zeros(39), 1.0))

    few = rows.draw(5, of_each=of_each)

    assert len(few.X) == len(few.y) == len(few.weight) == len(few.hashes) == n_expected
    assert few.X["a"].iloc[:5].tolist() == rows.X["a"].iloc[:5].tolist()
    assert (few.y == 1).sum() == of_each
    everything = few.weights_of(np.arange(40))
    np.testing.assert_array_equal(everything, np.ones(n_expected))
    assert few.counts.tolist() == [1] * n_expected


@pytest.mark.parametrize("first", [2**53, 2**62, 2**100, -(2**63)])
def test_groups_are_whole_numbers_of_any_size(first):
    groups = pd.Series([first, first + 1, first + 2, first])
    X = pd.DataFrame({"a": np.zeros(4)})

    rows = CanonicalRows.of(X, np.zeros(4), np.ones(4), groups)

    assert len(rows.y) == 3 and set(rows.groups) == {0, 1, 2}
    assert rows.row_of[0] == rows.row_of[3]


@pytest.mark.parametrize("dtype", [float, "category", object])
def test_groups_are_the_same_however_they_are_typed(dtype):
    X, groups = pd.DataFrame({"a": np.arange(6.0)}), pd.Series([3, 1, 2, 3, 2, 1])

    rows = [
        CanonicalRows.of(X, np.zeros(6), np.ones(6), one) for one in (groups, groups.astype(dtype))
    ]

    np.testing.assert_array_equal(rows[0].hashes, rows[1].hashes)
    np.testing.assert_array_equal(rows[0].groups, rows[1].groups)


def test_rows_drawn_are_of_two_groups_at_least():
    X, groups = pd.DataFrame({"a": np.arange(60.0)}), pd.Series(np.arange(60) == 7)
    rows = CanonicalRows.of(X, np.zeros(60), np.ones(60), groups)

    for n_rows in (1, 10, 60):
        assert len(set(rows.draw(n_rows).groups)) == 2


@pytest.mark.parametrize(
    "weight, expected",
    [
        ([1.0, 1.0, 1.0], [1, 2]),
        ([2.0, 2.0, 2.0], [1, 2]),  # the whole table twice is that table
        ([3.0, 1.0, 1.0], [2, 3]),
        ([1.5, 1.0, 1.0], [1, 1]),  # no counts, but how much a row matters
        ([2e6, 1.0, 1.0], [1, 1]),
    ],
)
def test_whole_weights_are_counts_of_rows(weight, expected):
    X = pd.DataFrame({"size": [1.0, 2.0, 2.0]})

    rows = CanonicalRows.of(X, np.zeros(3), np.array(weight))

    assert sorted(rows.counts.tolist()) == expected
