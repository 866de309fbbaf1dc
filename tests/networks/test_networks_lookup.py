import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern

from autometa.networks import lookup
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
        "kernel_logits": torch.tensor([0.2, -0.3, 0.5, 0.1, 0.4, -0.2]).double(),
        "log_noise": torch.tensor(-1.0).double(),
        "log_lookup_scale": torch.tensor(0.4).double(),
        "gate": torch.tensor(0.2).double(),
    }


@pytest.fixture
def context():
    return {
        "X": cells(12, seed=3),
        "column_mask": torch.ones(N_COLUMNS).double(),
        "weight": torch.tensor([1, 2, 0, 1, 0.5, 3, 1, 1, 1, 2, 1, 1]).double(),
        "target": tensor(12, 2, seed=4),
    }


HIDDEN = tensor(12, N_HIDDEN, seed=5)
ROWS = {"column_mask": torch.ones(N_COLUMNS).double()}


def predict(weights, context, hidden, rows, reading=None):
    reading = reading or lookup.read_context(weights, HIDDEN[: len(context["X"])], context)
    placed = lookup.place(weights, reading, hidden, rows)
    return lookup.predict_deviation(
        weights, lookup.solve(weights, reading, context), placed
    ), reading


def select(context, index):
    per_row = ("X", "weight", "target")
    return {n: values[index] if n in per_row else values for n, values in context.items()}


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("number", "kernel"),
    [
        (3, RBF(np.exp(-0.1 / 2))),
        (4, Matern(np.exp(-0.1 / 2), nu=0.5)),
        (5, DotProduct(sigma_0=1e-6)),
    ],
)
def test_with_one_kernel_it_is_scikit_learns_gaussian_process(weights, context, number, kernel):
    weights["kernel_logits"] = torch.full((6,), -50.0).double()
    weights["kernel_logits"][number] = 50
    rows = {**ROWS, "X": cells(7, seed=6)}
    found, reading = predict(weights, context, tensor(7, N_HIDDEN, seed=7), rows)

    kept = context["weight"] > 0
    placed = lookup.place(weights, reading, tensor(7, N_HIDDEN, seed=7), rows)
    noise = (np.exp(-1.0) / context["weight"][kept]).numpy()
    rival = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    rival.fit(
        reading["at.cells"][kept, 0], (context["target"] - reading["target_mean"])[kept].numpy()
    )
    np.testing.assert_allclose(found, rival.predict(placed["at.cells"][:, 0]), rtol=2e-3, atol=5e-4)


def test_log_ratios_are_those_of_shares_where_these_are_large_and_finite_below_zero():
    mean = torch.tensor([0.25, 0.75]).double()
    shares = torch.tensor([[0.5, 0.5], [1.2, -0.2], [0.25, 0.75]]).double()

    found = lookup.class_log_ratio(shares - mean, mean)

    torch.testing.assert_close(found[0], (shares[0] / mean).log(), rtol=0, atol=2e-3)
    assert torch.isfinite(found).all()
    assert (found[2] == 0).all()


def test_leaving_one_out_in_closed_form_is_fitting_without_the_row(weights, context):
    reading = lookup.read_context(weights, HIDDEN, context)

    found = lookup.leave_one_out(weights, reading, context)

    for i in context["weight"].nonzero()[:, 0]:
        without = {**context, "weight": context["weight"].clone()}
        without["weight"][i] = 0
        expected, _ = predict(weights, without, HIDDEN, context, reading)
        close(found[i], expected[i])


def test_a_row_never_sees_its_own_target_but_in_the_mean(weights, context):
    reading = lookup.read_context(weights, HIDDEN, context)

    def left_out(target):
        return lookup.leave_one_out(weights, reading, {**context, "target": target})

    jacobian = torch.func.jacrev(left_out)(context["target"])
    weighted = context["weight"].nonzero()[:, 0]
    for i in weighted:
        assert jacobian[i, :, i].abs().max() < 1e-9
    assert jacobian[weighted].abs().max() > 1e-3


def test_a_row_of_weight_two_is_as_good_as_two_rows_and_one_of_weight_zero_as_none(
    weights, context
):
    index = torch.tensor([0, 1, 1, *range(3, 12)])
    repeated = select(context, index)
    repeated["weight"] = torch.tensor([1, 1, 1, 1, 0.5, 3, 1, 1, 1, 2, 1, 1]).double()
    rows = {**ROWS, "X": cells(7, seed=6)}
    hidden = tensor(7, N_HIDDEN, seed=7)

    expected, _ = predict(weights, context, hidden, rows)
    reading = lookup.read_context(weights, HIDDEN[index], repeated)
    found, _ = predict(weights, repeated, hidden, rows, reading)

    close(found, expected)


@pytest.mark.parametrize("unit", ["hidden", "relevance"])
def test_units_do_not_matter(weights, context, unit):
    rows, hidden = {**ROWS, "X": cells(7, seed=6)}, tensor(7, N_HIDDEN, seed=7)
    expected, _ = predict(weights, context, hidden, rows)

    factor = 7.0 if unit == "hidden" else 1.0
    if unit == "relevance":
        weights["relevance"] = 7 * weights["relevance"]
    reading = lookup.read_context(weights, factor * HIDDEN, context)
    found, _ = predict(weights, context, factor * hidden, rows, reading)

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
