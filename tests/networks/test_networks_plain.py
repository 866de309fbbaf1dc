"""The perceptron and the convolutional network against torch's own layers."""

import pytest
import torch
from torch.nn import functional

from autometa.episodes import make_array_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners import MAML, MetaNetworks
from autometa.networks import MLP, NETWORKS, Convolutional, make_network


def rows_of(n_rows=7, shape=(1, 8, 8), n_classes=3, seed=0, weight=None):
    X = torch.randn(n_rows, *shape, generator=torch.Generator().manual_seed(seed))
    return make_array_rows(X, torch.arange(n_rows) % n_classes, weight, n_classes=n_classes)


def batch_norm(hidden, weights, name):
    return functional.batch_norm(
        hidden, None, None, weights[f"{name}_gain"], weights[f"{name}_shift"], training=True
    )


def test_the_perceptron_is_that_of_torchs_layers():
    network, rows = MLP(n_inputs=64, hidden=(6, 5)), rows_of()
    weights = network.init_params(0)
    weights["layer0_gain"] = torch.rand(6)

    found = network.embed(weights, rows)

    expected = rows["X"].flatten(1)
    for name in ("layer0", "layer1"):
        expected = functional.linear(expected, weights[name].T)
        expected = batch_norm(expected, weights, name).relu()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("pooling", "averaged"), [(True, True), (False, True), (False, False)])
def test_the_convolutional_network_is_that_of_torchs_layers(pooling, averaged):
    sizes = {"n_filters": 5, "n_blocks": 2, "image_size": 8}
    network = Convolutional(**sizes, pooling=pooling, averaged=averaged)
    rows, weights = rows_of(), network.init_params(0)

    found = network.embed(weights, rows)

    expected = rows["X"]
    for name in ("block0", "block1"):
        stride = 1 if pooling else 2
        expected = functional.conv2d(expected, weights[name], stride=stride, padding=1)
        expected = batch_norm(expected, weights, name).relu()
        expected = functional.max_pool2d(expected, 2) if pooling else expected
    is_averaged = averaged and not pooling
    expected = expected.mean((2, 3)) if is_averaged else expected.flatten(1)
    torch.testing.assert_close(found, expected)
    assert found.shape == (7, network.n_features)


@pytest.mark.parametrize("kind", ["mlp", "convolutional"])
def test_with_shared_shifts_there_are_no_gains_and_steps_leave_the_shifts(kind):
    network = make_network({"kind": kind, "shared_shift": True}, default_kind="mlp")
    learner = MAML(network={"kind": kind, "shared_shift": True, "n_slots": 5}, step_size=0.4)
    params, support = learner.init_params(0), rows_of(5, (1, 28, 28), 5).copy()
    shifts = [name for name in network.element_shapes if name.endswith("_shift")]
    params |= {name: params[name] + 0.5 for name in shifts}

    adapted = learner.adapt(params, support, is_regression=False)

    assert shifts and not any(name.endswith("_gain") for name in network.element_shapes)
    for name, weight in adapted.items():
        assert torch.equal(weight, params[name]) == (name in shifts), name
    first = network.embed(params, support)
    params[shifts[-1]] = torch.ones_like(params[shifts[-1]])
    assert not torch.equal(network.embed(params, support), first)


@pytest.mark.parametrize("kind", ["mlp", "convolutional"])
def test_shared_shifts_are_those_of_fast_weights_too(kind):
    network = make_network({"kind": kind, "shared_shift": True}, default_kind="mlp")
    params, rows = network.init_params(0), rows_of(5, (1, 28, 28), 5)
    params = {name: param + 0.5 for name, param in params.items()}
    fast = {name: param + 0.1 for name, param in params.items() if not name.endswith("_shift")}

    found = network.embed(params, rows, fast=fast)

    torch.testing.assert_close(found, network.embed(params, rows, fast={**params, **fast}))
    learner = MetaNetworks(network={"kind": kind, "shared_shift": True, "n_slots": 5})
    adapted = learner.adapt(learner.init_params(0), rows, is_regression=False)
    assert adapted["keys"].isfinite().all()


def test_first_values_have_the_deviation_asked_for():
    params = MLP(init_std=0.01).init_params(0)

    for name in ("layer0", "layer1", "head"):
        assert 0.0075 < params[name].std() < 0.0095, "0.01 but for what is cut"
        assert params[name].abs().max() <= 0.02


def test_without_normalisation_layers_have_biases():
    network = MLP(n_inputs=64, hidden=(6,), norm=False)
    rows, weights = rows_of(), network.init_params(0)

    found = network.embed(weights, rows)

    expected = functional.linear(rows["X"].flatten(1), weights["layer0"].T, weights["layer0_bias"])
    torch.testing.assert_close(found, expected.relu())


@pytest.mark.parametrize("make", [MLP, Convolutional])
def test_a_row_of_weight_2_counts_as_two_rows(make):
    options = {"n_inputs": 64, "hidden": (4,)} if make is MLP else {"image_size": 8, "n_blocks": 2}
    network = make(**options)
    weights, rows = network.init_params(0), rows_of(4)
    twice = make_array_rows(
        torch.cat([rows["X"], rows["X"][:1]]), torch.tensor([0, 1, 2, 0, 0]), n_classes=3
    )
    weighted = {**rows, "weight": torch.tensor([2.0, 1, 1, 1])}

    found = network.embed(weights, weighted)

    torch.testing.assert_close(found, network.embed(weights, twice)[:4], rtol=1e-4, atol=1e-5)


def test_other_ways_to_normalise_rows_to_predict_are_refused():
    with pytest.raises(InvalidInputError, match="True, False or \"joint\", got 'together'"):
        MLP(transductive="together")


def test_rows_to_predict_can_be_normalised_together_with_the_labelled_ones():
    network = MLP(n_inputs=64, hidden=(6, 5), transductive="joint")
    support, query = rows_of(5), rows_of(4, seed=1)
    weights = network.propose(network.init_params(0), support, is_regression=False)

    found = network.embed(weights, query, support)

    together = {"X": torch.cat([support["X"], query["X"]])}
    torch.testing.assert_close(found, network.embed(weights, together)[5:])


def test_without_transduction_a_row_is_predicted_as_if_it_were_alone():
    network = MLP(n_inputs=64, hidden=(6, 5), transductive=False)
    support, query = rows_of(5), rows_of(4, seed=1)
    weights = network.propose(network.init_params(0), support, is_regression=False)

    together = network.predict(weights, support, query, is_regression=False)

    for i in range(4):
        one = {**query, "X": query["X"][i : i + 1], "weight": query["weight"][i : i + 1]}
        alone = network.predict(weights, support, one, is_regression=False)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    transductive = MLP(n_inputs=64, hidden=(6, 5))
    assert not torch.allclose(
        transductive.predict(weights, support, query, is_regression=False), together
    )


def test_fast_weights_add_what_they_make_of_every_layers_input():
    network, rows = MLP(n_inputs=64, hidden=(6, 5)), rows_of()
    slow, fast = network.init_params(0), network.init_params(1)

    found = network.embed(slow, rows, fast=fast)

    hidden = rows["X"].flatten(1)
    for name in ("layer0", "layer1"):
        hidden = sum(batch_norm(hidden @ w[name], w, name).relu() for w in (slow, fast))
    torch.testing.assert_close(found, hidden, rtol=1e-4, atol=1e-5)


def test_slots_say_which_column_of_the_head_a_class_gets():
    network, support = MLP(n_inputs=64, hidden=(6,), n_slots=4), rows_of()
    params = network.init_params(0)

    slots = torch.tensor([3, 0, 2, 1])
    found = network.propose(params, {**support, "slots": slots}, is_regression=False)

    torch.testing.assert_close(found["head"], params["head"][:, [3, 0, 2]])


def test_a_shared_head_starts_equal_for_all_classes():
    network, support = MLP(n_inputs=64, hidden=(6,), head="shared"), rows_of(n_classes=7)

    weights = network.propose(network.init_params(0), support, is_regression=False)

    assert weights["head"].shape == (6, 7)
    assert (weights["head"] == weights["head"][:, :1]).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "magic"}, "kind must be one of"),
        ({"kind": "mlp", "head": "magic"}, "head must be one of"),
        ({"kind": "mlp", "n_slots": 0}, "n_slots must be >= 1"),
        ({"kind": "columns", "head": "slots"}, "head must be 'ridge' or None"),
    ],
)
def test_what_is_no_network_is_refused(config, message):
    with pytest.raises(InvalidInputError, match=message):
        make_network(config, default_kind="mlp")


@pytest.mark.parametrize("kind", list(NETWORKS))
def test_shapes_of_elements_broadcast_against_proposed_weights(kind, make_episode):
    network = make_network({"kind": kind}, default_kind="mlp")
    support = rows_of(shape=(1, 28, 28)) if kind in ("mlp", "convolutional") else None
    support = make_episode().support if support is None else support

    weights = network.propose(network.init_params(0), support, is_regression=False)

    assert set(network.adapted) == set(network.element_shapes) <= set(weights)
    for name, shape in network.element_shapes.items():
        if kind in ("look_up", "columns"):
            assert torch.broadcast_shapes(shape, weights[name].shape) == weights[name].shape
    assert network.embed(weights, support).shape[1] == network.n_features
