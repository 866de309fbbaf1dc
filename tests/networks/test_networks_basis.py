import pytest
import torch

from autometa.networks.basis import KNOTS, N_BASIS, expand_basis


def expand(score, value, is_missing=0.0, mask=1.0):
    cell = torch.tensor([[[score, value, is_missing]]], dtype=torch.float64)
    return expand_basis(cell, torch.tensor([mask], dtype=torch.float64))[0, 0].tolist()


def test_a_score_of_zero_fills_the_lower_half_of_the_bins():
    assert expand(0.0, 0.5) == [0.0, 1, 1, 1, 1, -1, -1, -1, -1, 0.25, 0.0]


def test_a_score_between_two_knots_is_placed_linearly():
    # halfway between the knots 0.45 and 0.9
    assert expand(0.675, 0.0) == pytest.approx([0.27, 1, 1, 1, 1, 1, 0, -1, -1, 0, 0])


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_scores_beyond_the_last_knot_are_cut(sign):
    assert expand(2.9 * sign, 3.0 * sign) == [sign, *[sign] * 8, 1.5 * sign, 0.0]


def test_a_missing_cell_is_zero_but_in_its_last_number():
    assert expand(1.3, 2.0, is_missing=1.0) == [0.0] * (N_BASIS - 1) + [1.0]


def test_a_masked_column_is_zero():
    assert expand(1.3, 2.0, mask=0.0) == expand(0.0, 0.0, is_missing=1.0, mask=0.0) == [0] * N_BASIS


def test_the_basis_is_as_wide_as_it_says():
    assert len(expand(0.0, 0.0)) == N_BASIS == len(KNOTS) + 2
