import numpy as np
import pytest
import torch

from autometa.episodes import (
    TARGET_BIN_CENTRES,
    make_array_rows,
    make_rows,
    pad_rows,
    query_rows,
    spread_rows,
    stack_episodes,
)
from autometa.exceptions import EmptyClassError, InvalidInputError

X = np.zeros((3, 2, 3))


def test_numbers_are_standardised_by_their_weights():
    rows = make_rows(X, [1.0, 3.0, 100.0], [1, 3, 0])

    # mean 2.5, deviations -1.5 (once) and 0.5 (three times): variance 0.75
    assert rows["target_mean"] == 2.5
    assert rows["target_scale"] == pytest.approx(0.75**0.5)
    assert rows["target"][:2, 0].tolist() == pytest.approx([-1.5 / 0.75**0.5, 0.5 / 0.75**0.5])


def test_numbers_belong_to_neighbouring_bins_that_share_one():
    y = np.random.default_rng(0).normal(size=50)
    membership = make_rows(np.zeros((50, 2, 3)), y)["membership"]

    assert membership.shape == (50, len(TARGET_BIN_CENTRES))
    torch.testing.assert_close(membership.sum(1), torch.ones(50))
    assert ((membership > 0).sum(1) <= 2).all()
    position = membership @ torch.arange(5.0)
    assert (position[np.argsort(y)].diff() >= -1e-6).all()


def test_the_median_belongs_to_the_middle_bin():
    membership = make_rows(np.zeros((5, 1, 3)), [1.0, 2.0, 3.0, 4.0, 50.0])["membership"]

    torch.testing.assert_close(membership[2], torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]))


def test_a_constant_number_has_scale_one():
    rows = make_rows(X, [5.0, 5.0, 5.0])

    assert rows["target_scale"] == 1
    assert rows["target"].abs().max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:, :, :2], [0, 1, 1]), r"got \(3, 2, 2\)"),
        ((X, [0, 1]), "each of the 3 rows"),
        ((X, [0, 1, 1], [1, 1]), "each of the 3 rows"),
        ((X, [0, 1, 1], [0, 0, 0]), "at least one row above 0"),
        ((X, [0, 1, 1], [1, -1, 1]), ">= 0"),
        ((X, [0, 1, 1], [1, np.nan, 1]), ">= 0"),
        ((X, [0, 1, 1], [1, np.inf, 1]), "finite"),
        ((X, [0.5, 1.7, 1]), "must be whole numbers, got 0.5"),
        ((X, [0, 1, 2]), r"\[0, 2\)"),
        ((X, [0, 1, -1]), r"\[0, 2\)"),
        ((X, [0, 1, np.nan]), "finite"),
        ((X + np.nan, [0, 1, 1]), "finite"),
    ],
)
def test_rows_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        make_rows(*arguments, n_classes=2)


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        ([0.5, 1.7, 1], None, "must be whole numbers, got 0.5"),
        ([0, 1, 2], None, r"\[0, 2\)"),
        ([0, 1, 1], [1, np.inf, 1], ">= 0 and finite"),
        ([0, 1, 1], [1, np.nan, 1], ">= 0 and finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(y, weight, message):
    with pytest.raises(InvalidInputError, match=message):
        make_array_rows(X, y, weight, n_classes=2)


def test_classes_may_be_whole_numbers_of_any_type():
    for dtype in (bool, np.int8, np.float64):
        y = np.array([0, 1, 1], dtype)
        for rows in (make_rows(X, y, n_classes=2), make_array_rows(X, y, n_classes=2)):
            assert rows["target"].argmax(1).tolist() == [0, 1, 1]


def test_nothing_cannot_be_stacked():
    with pytest.raises(InvalidInputError, match="no episode to stack"):
        stack_episodes([])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_refused(value):
    with pytest.raises(InvalidInputError, match="finite"):
        make_rows(X, [0.0, 1.0, value])


def test_classes_without_a_support_row_are_named():
    with pytest.raises(EmptyClassError, match=r"Classes \[1, 3\] have no support row"):
        make_rows(X, [0, 2, 1], [1, 1, 0], n_classes=4, require_all_classes=True)


def test_the_query_is_in_the_units_of_the_support():
    support = make_rows(X, [0.0, 10.0, 20.0])
    query = query_rows(support, X[:2], [10.0, 30.0])

    scale = float(support["target_scale"])
    assert query["target"][:, 0].tolist() == pytest.approx([0.0, 20.0 / scale])
    assert query["target_mean"] == 10
    assert query["target_scale"] == support["target_scale"]


def test_padding_adds_rows_columns_and_classes_that_are_masked():
    rows = make_rows(X, [0, 1, 1], n_classes=2)

    padded = pad_rows(rows, n_rows=5, n_columns=4, n_classes=3)

    assert padded["X"].shape == (5, 4, 3)
    assert padded["weight"].tolist() == [1, 1, 1, 0, 0]
    assert padded["column_mask"].tolist() == [1, 1, 0, 0]
    assert padded["class_mask"].tolist() == [1, 1, 0]
    assert padded["target"].shape == padded["membership"].shape == (5, 3)


@pytest.mark.parametrize("period", [None, 2, 3, 4, 5])  # None: sorted by class
def test_rows_that_are_spread_are_of_all_classes_in_equal_parts(period):
    y = np.arange(600) // 120 if period is None else np.arange(600) % period
    rows = make_rows(np.zeros((600, 2, 3)), y, n_classes=y.max() + 1)

    shares = spread_rows(rows, 60)["target"].mean(0)

    assert (shares * len(shares) - 1).abs().max() < 0.25


def test_rows_that_are_spread_are_those_of_a_table_without_rows_of_weight_0():
    X = np.random.default_rng(0).normal(size=(50, 2, 3))
    alone = make_rows(X, np.arange(50))
    larger, weight, among = np.zeros((200, 2, 3)), np.zeros(200), np.arange(50) * 3 + 40
    larger[among], weight[among] = X, 1
    padded = make_rows(larger, np.arange(200), weight)

    for n_rows in (7, 20):
        found, expected = (spread_rows(rows, n_rows)["X"] for rows in (padded, alone))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    found = spread_rows(padded, 60)
    torch.testing.assert_close(found["X"][found["weight"] > 0], alone["X"], rtol=0, atol=0)
    assert spread_rows(alone, 50) is alone


def test_stacking_pads_to_the_largest(make_episode):
    episodes = [
        make_episode(0, n_support=20, n_query=5, n_columns=2, n_classes=4),
        make_episode(1, n_support=12, n_query=9, n_columns=5, n_classes=2),
    ]

    stacked = stack_episodes(episodes)

    assert stacked.support["X"].shape == (2, 20, 5, 3)
    assert stacked.query["X"].shape == (2, 9, 5, 3)
    assert stacked.query["target"].shape == (2, 9, 4)
    assert stacked.support["weight"].sum(1).tolist() == [20, 12]
    assert stacked.support["target_scale"].shape == (2,)


def test_classes_and_numbers_do_not_stack(make_episode):
    with pytest.raises(InvalidInputError, match="cannot be stacked"):
        stack_episodes([make_episode(0), make_episode(0, n_classes=None)])
