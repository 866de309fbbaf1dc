import numpy as np
import pytest
import torch

from autometa.networks import lookup, relevance, settings
from autometa.networks.basis import N_BASIS

N_HIDDEN, N_HEADS, N_KEY, N_COLUMNS = 5, 2, 3, 4


def tensor(*shape, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def cells(n_rows, seed):
    X = tensor(n_rows, N_COLUMNS, 3, seed=seed)
    X[..., 2] = (X[..., 2] > 1).double()
    return X


@pytest.fixture
def weights():
    return {
        "keys": tensor(N_HIDDEN, N_HEADS, N_KEY, seed=1),
        "relevance": tensor(N_COLUMNS, N_BASIS, seed=2).abs(),
        "log_gamma": torch.tensor([-0.5, 0.3, 0.1]).double(),
        "kernel_logits": torch.tensor([0.2, -0.3, 0.5, 0.1, -2.0, -2.0]).double(),
        "log_noise": torch.tensor(-1.0).double(),
        "log_lookup_scale": torch.tensor(0.4).double(),
        "prior_share": torch.tensor(0.0).double(),
        "gate": torch.tensor(0.2).double(),
    }


@pytest.fixture
def as_relevant(monkeypatch):
    """Leave the relevance of cells as it is proposed."""
    monkeypatch.setattr(relevance, "POWERS", (1.0,))
    monkeypatch.setattr(relevance, "N_STEPS", 0)


def choose(weights, target, *, is_regression, trust=1.0, n_rows=80, log_preference=-1.0):
    hidden = tensor(n_rows, N_HIDDEN, seed=8)
    target = target(hidden)
    support = {
        "X": cells(n_rows, seed=9),
        "column_mask": torch.ones(N_COLUMNS).double(),
        "weight": torch.ones(n_rows).double(),
        "target": target,
        "class_mask": torch.ones(target.shape[1]).double(),
    }
    return settings.choose_settings(
        weights,
        hidden,
        support,
        {"log_ridge": torch.tensor(-3.0).double(), "log_scale": torch.tensor(0.0).double()},
        trust=torch.full((2,), trust).double(),
        log_preference=torch.tensor(log_preference).double(),
        is_regression=is_regression,
    )


def classes(hidden, noise=0.0):
    margin = hidden[:, 0] + noise * tensor(len(hidden), seed=10)
    return torch.nn.functional.one_hot((margin > 0).long(), 2).double()


def test_rows_that_tell_much_of_each_other_raise_the_scale(weights):
    clear = choose(weights, classes, is_regression=False)
    vague = choose(weights, lambda hidden: classes(hidden, noise=5.0), is_regression=False)

    assert clear["log_lookup_scale"] > vague["log_lookup_scale"] + 0.5


def test_numbers_that_cannot_be_predicted_raise_the_noise(weights):
    clear = choose(weights, lambda hidden: hidden[:, :1], is_regression=True)
    noise = choose(weights, lambda hidden: tensor(len(hidden), 1, seed=11), is_regression=True)

    assert abs(clear["log_lookup_scale"]) < 0.2
    assert noise["log_noise"] > clear["log_noise"] + 1


def test_without_trust_in_the_rows_the_proposal_stands(weights):
    found = choose(weights, classes, is_regression=False, trust=0.0)

    log_shares = np.array(settings.LOG_SHARES)
    preferred = np.exp(-log_shares) / np.exp(-log_shares).sum()
    assert found["log_ratio_scale"].item() == pytest.approx(np.log(preferred @ log_shares))
    plain = np.log(1 - preferred @ log_shares)
    assert found["log_lookup_scale"].item() == pytest.approx(0.4 + plain)
    factors = np.log(settings.NOISE_FACTORS)
    share = np.exp(-np.abs(factors) / 2)
    assert found["log_noise"].item() == pytest.approx(-1 + share @ factors / share.sum())
    raised = np.array(settings.CELL_LOGITS)
    preferred = np.exp(-np.abs(raised).max(1) / 3)
    np.testing.assert_allclose(
        found["kernel_logits"][-3:] - weights["kernel_logits"][-3:],
        preferred @ raised / preferred.sum(),
        atol=1e-6,
    )


def test_the_gate_opens_where_looking_up_does_better_than_the_head(weights):
    def bent(hidden):
        return hidden[:, :1].square()

    opened = choose(weights, bent, is_regression=True, n_rows=200)
    other = choose(weights, lambda hidden: hidden[:, :1], is_regression=True, n_rows=200)

    assert opened["gate"] > other["gate"] + 0.5


def test_what_only_the_cells_know_raises_their_kernel(weights):
    X = cells(80, seed=9)

    found = choose(weights, lambda hidden: X[:, :1, 0], is_regression=True)
    other = choose(weights, lambda hidden: hidden[:, :1], is_regression=True)

    raised = [chosen["kernel_logits"] - weights["kernel_logits"] for chosen in (found, other)]
    assert raised[0][-3:].max() > 1 > 0 > raised[1][-3:].max()
    assert (raised[0][:-3] == 0).all()


def draw_from_kernel(weights, hidden, number, noise):
    """Draw targets of a Gaussian process whose covariance is one of the kernels on cells."""
    n_rows = len(hidden)
    context = {
        "X": cells(n_rows, seed=9),
        "column_mask": torch.ones(N_COLUMNS).double(),
        "weight": torch.ones(n_rows).double(),
        "target": torch.zeros(n_rows, 1).double(),
    }
    reading = lookup.read_context(weights, hidden, context)
    kernel = lookup.mixed_kernels(weights, reading, reading)[number - lookup.N_CELL_KERNELS]
    factor = torch.linalg.cholesky(kernel + noise * torch.eye(n_rows).double())
    return factor @ tensor(n_rows, 1, seed=12)


@pytest.mark.parametrize("number", range(lookup.N_CELL_KERNELS))
def test_the_kernel_that_made_the_targets_is_raised_most(weights, number, as_relevant):
    def draw(hidden):
        return draw_from_kernel(weights, hidden, number, noise=1e-3)

    found = choose(weights, draw, is_regression=True, n_rows=200)

    raised = (found["kernel_logits"] - weights["kernel_logits"])[-lookup.N_CELL_KERNELS :]
    assert raised.argmax() == number


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_the_width_that_made_the_targets_is_chosen(weights, factor, as_relevant):
    weights["kernel_logits"] = torch.tensor([-9.0, -9.0, -9.0, 9.0, -9.0, -9.0]).double()
    weights["log_noise"] = torch.tensor(-5.0).double()
    own = {**weights, "log_gamma": weights["log_gamma"] + np.log(factor)}

    def draw(hidden):
        return draw_from_kernel(own, hidden, number=0, noise=1e-6)

    found = choose(weights, draw, is_regression=True, n_rows=200)

    moved = (found["log_gamma"] - weights["log_gamma"]) / np.log(factor)
    assert moved[-1] > 0.5 and (moved[:-1] == 0).all()


def test_for_classes_the_widths_on_keys_are_chosen(weights):
    found = choose(weights, classes, is_regression=False)

    moved = found["log_gamma"] - weights["log_gamma"]
    assert moved[-1] == 0 and moved[0] != 0
    torch.testing.assert_close(moved[0], moved[1])


def test_classes_that_are_rare_and_clear_use_logarithms(weights):
    def rare(hidden):
        return torch.nn.functional.one_hot((hidden[:, 0] > 1.5).long(), 2).double()

    preferring = choose(weights, rare, is_regression=False, trust=0.0, log_preference=5.0)
    chosen = choose(weights, rare, is_regression=False, n_rows=400)
    noise = choose(weights, lambda h: classes(h, noise=50.0), is_regression=False, n_rows=400)

    assert preferring["log_ratio_scale"] > -0.1
    assert chosen["log_ratio_scale"] > noise["log_ratio_scale"] + 0.2
