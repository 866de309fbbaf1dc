import numpy as np
import pytest
import torch

from autometa.networks import lookup, relevance
from autometa.networks.basis import N_BASIS

N_ROWS, N_COLUMNS, N_HIDDEN = 60, 4, 5


def tensor(*shape, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


@pytest.fixture
def held():
    return {
        "keys": tensor(N_HIDDEN, 2, 3, seed=1),
        "relevance": tensor(N_COLUMNS, N_BASIS, seed=2).abs(),
        "log_gamma": torch.tensor([-0.5, 0.3, 0.1]).double(),
        "kernel_logits": torch.tensor([0.2, -0.3, 0.5, 0.1, 0.3, -0.2]).double(),
        "log_noise": torch.tensor(-1.0).double(),
    }


@pytest.fixture
def only_cells(held):
    """Weights whose kernels compare nothing but cells."""
    return {**held, "kernel_logits": torch.tensor([-9.0, -9.0, -9.0, 9.0, -9.0, -9.0]).double()}


@pytest.fixture
def rows():
    X = tensor(N_ROWS, N_COLUMNS, 3, seed=9)
    X[..., 2] = 0
    return {
        "X": X,
        "column_mask": torch.ones(N_COLUMNS).double(),
        "class_mask": torch.ones(1).double(),
        "weight": torch.ones(N_ROWS).double(),
        "target": X[:, :1, 0],
    }


HIDDEN, TRUST = tensor(N_ROWS, N_HIDDEN, seed=8), torch.tensor(0.7).double()


def test_the_slope_is_that_of_what_is_lost_on_rows_left_out(held, rows):
    rows["weight"] = torch.as_tensor(np.random.default_rng(5).random(N_ROWS) + 0.2)
    rows["weight"][3] = 0
    rows["target"] = tensor(N_ROWS, 2, seed=4)
    added = (0.2 * tensor(N_COLUMNS, N_BASIS, seed=7)).requires_grad_()

    own = {**held, "relevance": held["relevance"] * added.exp()}
    reading = lookup.read_context(own, HIDDEN, rows)
    deviation = rows["target"] - reading["target_mean"]
    missed = lookup.leave_one_out(own, reading, rows) - deviation
    n_rows = rows["weight"].sum()
    error = (rows["weight"] @ missed.square()).sum() / n_rows
    lost = TRUST * n_rows * (error + 1e-6).log() / 2
    (expected,) = torch.autograd.grad(lost, added)

    left_out, added = relevance.LeftOut(held, HIDDEN, rows), added.detach()

    torch.testing.assert_close(left_out.slope(added, TRUST), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(left_out.error(added.exp()), error.detach(), atol=1e-5, rtol=1e-5)


def test_the_column_that_tells_becomes_more_relevant(only_cells, rows):
    added = relevance.correct(only_cells, HIDDEN, rows, TRUST)

    assert added[0].max() > 0.1 and added[0].mean() > added[1:].mean(-1).max()
    assert added.abs().max() < 2


@pytest.mark.parametrize("told, others", [(2.0, 0.5), (0.5, 2.0)])
def test_the_power_says_whether_the_proposal_was_right(only_cells, rows, told, others):
    proposed = torch.full((N_COLUMNS, N_BASIS), others).double()
    proposed[0] = told

    power = relevance.choose_power({**only_cells, "relevance": proposed}, HIDDEN, rows, TRUST)

    assert power > 1.5 if told > others else power < 0.5


def test_without_trust_no_relevance_is_corrected(held, rows):
    added = relevance.correct(held, HIDDEN, rows, torch.tensor(0.0).double())

    assert (added == 0).all()


@pytest.mark.parametrize("power", relevance.POWERS)
def test_a_power_leaves_the_size_and_absent_columns(power):
    proposed = tensor(N_COLUMNS, N_BASIS, seed=2).abs()
    proposed[2] = 0

    raised = relevance.to_power(proposed, power)

    assert (raised[2] == 0).all() and (raised[:2] > 0).all()
    assert raised.square().sum() == pytest.approx(proposed.square().sum())


def test_a_table_without_columns_has_no_relevance():
    assert (relevance.to_power(torch.zeros(2, N_BASIS), 0.5) == 0).all()
