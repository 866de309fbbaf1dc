"""Folds: even, within classes and groups, and possible for the smallest tables."""

import numpy as np
import pytest

from autometa.evaluation import make_folds
from autometa.exceptions import InvalidInputError


def folds_of(y, n_classes, seed=0, weight=None, **options):
    return make_folds(
        np.asarray(y),
        np.ones(len(y)) if weight is None else weight,
        n_classes=n_classes,
        rng=np.random.default_rng(seed),
        **options,
    )


def test_every_row_is_validated_once_and_trained_on_in_the_other_folds():
    weight = np.random.default_rng(0).random(123) + 0.1

    folds = make_folds(np.arange(123.0), weight, n_classes=None, rng=np.random.default_rng(0))

    assert folds.train_weight.shape == (5, 123)
    np.testing.assert_allclose(folds.train_weight + folds.valid_weight, np.tile(weight, (5, 1)))
    np.testing.assert_array_equal((folds.valid_weight > 0).sum(axis=0), 1)


@pytest.mark.parametrize("n_classes", [2, None])
def test_few_rows_are_dealt_three_times(n_classes):
    y = np.arange(60) % 2

    folds = folds_of(y, n_classes)

    held_out = folds.valid_weight > 0
    assert held_out.shape == (15, 60) and len(np.unique(held_out, axis=0)) == 15
    for start in (0, 5, 10):
        np.testing.assert_array_equal(held_out[start : start + 5].sum(axis=0), 1)
    groups = np.arange(60) // 4
    assert len(folds_of(y, n_classes, groups=groups).valid_weight) == 5
    assert len(folds_of(y, n_classes, n_folds=5).valid_weight) == 5
    assert len(folds_of(y[:5], n_classes).valid_weight) <= 5


def test_every_class_is_spread_evenly():
    y = np.repeat([0, 1, 2], [50, 20, 7])

    folds = folds_of(y, 3, n_folds=5)

    for c in range(3):
        n_valid = folds.valid_weight[:, y == c].sum(axis=1)
        assert n_valid.max() - n_valid.min() <= 1


def test_a_class_of_one_row_is_always_trained_on():
    folds = folds_of([0, 0, 0, 1, 1, 2], 3)

    one_hot = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    assert (folds.train_weight @ one_hot > 0).all()
    assert (folds.valid_weight[:, 5] == 0).all()


@pytest.mark.parametrize(
    ("y", "n_classes"), [([0, 1], 2), ([0, 0, 1], 2), ([0, 1, 2], 3), ([1.0], None), ([1, 2], None)]
)
@pytest.mark.parametrize("n_folds", [None, 2, 10])
def test_the_smallest_tables_have_folds(y, n_classes, n_folds):
    folds = folds_of(y, n_classes, n_folds=n_folds)

    assert len(folds.train_weight) >= 1
    assert (folds.train_weight.sum(axis=1) > 0).all()
    assert (folds.valid_weight.sum(axis=1) > 0).all()


def test_large_tables_hold_out_a_quarter_once():
    y = np.repeat([0, 1], [4_000, 2_000])

    folds = folds_of(y, 2)

    assert folds.valid_weight.shape[0] == 1
    assert folds.valid_weight.sum() == 1_500
    assert folds.valid_weight[0, y == 1].sum() == 500


def test_a_number_of_folds_is_kept_on_large_tables():
    assert len(folds_of(np.zeros(6_000), None, n_folds=3).train_weight) == 3


def test_no_group_is_on_both_sides():
    groups = np.random.default_rng(0).integers(7, size=60)

    folds = folds_of(np.zeros(60), None, groups=groups, n_folds=3)

    for train, valid in zip(folds.train_weight, folds.valid_weight, strict=True):
        assert not set(groups[train > 0]) & set(groups[valid > 0])
    assert len(folds.train_weight) == 3


def test_fewer_groups_than_folds_give_as_many_folds_as_groups():
    assert len(folds_of(np.zeros(6), None, groups=np.array([0, 0, 0, 1, 1, 1])).train_weight) == 2


def test_one_group_cannot_be_split():
    with pytest.raises(InvalidInputError, match="one group only"):
        folds_of(np.zeros(6), None, groups=np.zeros(6, int))


@pytest.mark.parametrize("n_folds", [1, 0, -3, 2.5, True])
def test_a_number_that_is_none_of_folds_is_refused(n_folds):
    with pytest.raises(InvalidInputError, match="cv must be None, an int >= 2"):
        folds_of(np.zeros(6), None, n_folds=n_folds)


def test_the_seed_decides():
    y = np.arange(40.0)

    first, again, other = (folds_of(y, None, seed=s).valid_weight for s in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_equal_rows_are_dealt_one_by_one():
    weight = np.array([6.0, 3.0, 1.0, 1.0, 1.0])
    y = np.zeros(5)

    folds = folds_of(y, None, weight=weight, n_folds=3, counts=weight.astype(int))

    assert folds.valid_weight.sum(axis=1).tolist() == [4.0, 4.0, 4.0]
    np.testing.assert_allclose(folds.train_weight + folds.valid_weight, [weight] * 3)
    assert (folds.valid_weight % 1 == 0).all()
    assert ((folds.train_weight > 0) & (folds.valid_weight > 0)).any()


def test_very_many_equal_rows_are_spread_evenly():
    weight = np.array([1e6, 1e6, 1.0])

    folds = folds_of(np.zeros(3), None, weight=weight, n_folds=2, counts=weight.astype(int))

    np.testing.assert_allclose(folds.valid_weight.sum(axis=1), 1e6, rtol=0.2)


def test_equal_rows_of_a_group_stay_together():
    counts = np.array([3, 1, 1, 2])

    folds = folds_of(np.zeros(4), None, n_folds=2, counts=counts, groups=np.arange(4))

    assert set(np.unique(folds.valid_weight)) == {0.0, 1.0}
