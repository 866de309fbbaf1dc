"""What learners and their networks refuse, and what they say then."""

import numpy as np
import pytest

from autometa.episodes import make_array_rows, make_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners import METALEARNERS

NEEDS_NO_HEAD = [name for name in METALEARNERS if not METALEARNERS[name]().needs_head]
NEEDS_HEAD = [name for name in METALEARNERS if name not in NEEDS_NO_HEAD]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("maml", {"n_inner_steps": -3}, "n_inner_steps must be >= 0, got -3"),
        ("maml", {"unadapted_share": 3.0}, r"unadapted_share must be in \[0, 1\], got 3.0"),
        ("meta_sgd", {"n_inner_steps": -1}, "n_inner_steps must be >= 0"),
        ("reptile", {"inner_batch": 0}, "inner_batch must be >= 1, got 0"),
        ("leo", {"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ("leo", {"n_latent": 0}, "n_latent must be >= 1, got 0"),
        ("leo", {"n_latent_steps": -1}, "n_latent_steps must be >= 0, got -1"),
        ("lstm", {"n_hidden": 0}, "n_hidden must be >= 1, got 0"),
        ("matching", {"n_reads": -1}, "n_reads must be >= 0, got -1"),
        ("snail", {"max_rows": 0}, "max_rows must be >= 1, got 0"),
        ("snail", {"width": 1}, "width must be >= 2, got 1"),
        ("meta_networks", {"n_samples": 0}, "n_samples must be >= 1, got 0"),
        ("meta_networks", {"n_slots": 0}, "n_slots must be >= 1, got 0"),
        ("gnn", {"n_slots": 0}, "n_slots must be >= 1, got 0"),
        ("gnn", {"n_layers": -1}, "n_layers must be >= 0, got -1"),
    ],
)
def test_arguments_out_of_their_range(name, options, message):
    with pytest.raises(InvalidInputError, match=message):
        METALEARNERS[name](**options)


@pytest.mark.parametrize("name", NEEDS_NO_HEAD)
def test_a_network_with_a_head_of_its_own_where_the_learner_makes_it(name):
    with pytest.raises(InvalidInputError, match="always has its own head.*Take kind 'columns'"):
        METALEARNERS[name](network={"kind": "look_up"})


@pytest.mark.parametrize("kind", ["mlp", "convolutional", "columns"])
@pytest.mark.parametrize("name", NEEDS_HEAD)
def test_a_network_without_a_head_where_the_learner_moves_it(name, kind):
    with pytest.raises(InvalidInputError, match="needs a network with a head, got head=None"):
        METALEARNERS[name](network={"kind": kind, "head": None})


IMAGES = make_array_rows(np.zeros((2, 1, 28, 28)), [0, 1], n_classes=2)
FLAT = make_array_rows(np.zeros((2, 784)), [0, 1], n_classes=2)
TABLE = make_rows(np.zeros((2, 5, 3)), [0, 1], n_classes=2)


@pytest.mark.parametrize(
    ("network", "rows", "message"),
    [
        ({}, IMAGES, r"rows of shape \(1, 28, 28\) without column_mask.*make_rows"),
        ({"kind": "convolutional"}, FLAT, r"shape \(784,\), the network reads images of \(1, 28"),
        ({"kind": "convolutional", "n_channels": 3}, IMAGES, r"reads images of \(3, 28, 28\)"),
        (
            {"kind": "convolutional", "averaged": False, "image_size": 14},
            IMAGES,
            r"reads images of \(1, 14, 14\)",
        ),
        ({"kind": "mlp"}, TABLE, "Rows have 15 numbers, the network reads 784. .*n_inputs=15"),
    ],
)
@pytest.mark.parametrize("name", ["maml", "protonet", "meta_networks"])
def test_rows_of_another_kind_than_the_network_reads(name, network, rows, message):
    learner = METALEARNERS[name](network=network)
    params = learner.init_params(0)

    with pytest.raises(InvalidInputError, match=message):
        learner.adapt(params, rows, is_regression=False)
