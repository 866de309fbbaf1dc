import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

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
        "kernel_logits": torch.tensor([0.2, -0.3, 0.5, 0.1]).double(),
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


def test_with_one_kernel_it_is_scikit_learns_gaussian_process(weights, context):
    weights["kernel_logits"] = torch.tensor([-50.0, -50, -50, 50]).double()  # the cells alone
    rows = {**ROWS, "X": cells(7, seed=6)}
    found, reading = predict(weights, context, tensor(7, N_HIDDEN, seed=7), rows)

    kept = context["weight"] > 0
    placed = lookup.place(weights, reading, tensor(7, N_HIDDEN, seed=7), rows)
    rival = GaussianProcessRegressor(
        RBF(np.exp(-0.1 / 2)),
        alpha=(np.exp(-1.0) / context["weight"][kept]).numpy(),
        optimizer=None,
    )
    rival.fit(
        reading["at.cells"][kept, 0], (context["target"] - reading["target_mean"])[kept].numpy()
    )
    np.testing.assert_allclose(found, rival.predict(placed["at.cells"][:, 0]), rtol=1e-6)


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


def choose(weights, target, *, is_regression, trust=1.0, n_rows=80):
    hidden = tensor(n_rows, N_HIDDEN, seed=8)
    target = target(hidden)
    support = {
        "X": cells(n_rows, seed=9),
        "column_mask": torch.ones(N_COLUMNS).double(),
        "weight": torch.ones(n_rows).double(),
        "target": target,
        "class_mask": torch.ones(target.shape[1]).double(),
    }
    weights["prior_share"] = torch.tensor(0.0).double()
    return lookup.choose_settings(
        weights,
        hidden,
        support,
        {"log_ridge": torch.tensor(-3.0).double(), "log_scale": torch.tensor(0.0).double()},
        trust=torch.full((2,), trust).double(),
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

    assert found["log_lookup_scale"].item() == pytest.approx(0.4)
    factors = np.log(lookup.NOISE_FACTORS)
    share = np.exp(-np.abs(factors) / 2)
    assert found["log_noise"].item() == pytest.approx(-1 + share @ factors / share.sum())
    torch.testing.assert_close(found["kernel_logits"], weights["kernel_logits"])


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
    assert raised[0][-1] > 1 > 0 > raised[1][-1]
    assert (raised[0][:-1] == 0).all()
