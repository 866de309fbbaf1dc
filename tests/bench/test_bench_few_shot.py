"""The benchmark of meta-learners on the data of their papers; tiny runs."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from autometa.bench import few_shot, find_protocol
from autometa.cli import app
from autometa.exceptions import InvalidInputError
from autometa.metalearners import METALEARNERS

NAMES = [name for name in METALEARNERS if name != "random_weights"]


@pytest.fixture(scope="module")
def omniglot_file(tmp_path_factory):
    """A file of Omniglot's form: nine characters, each a few strokes with noise."""
    rng = np.random.default_rng(0)
    strokes = np.kron(rng.random((9, 1, 7, 7)) < 0.4, np.ones((4, 4)))
    bits = (strokes + (rng.random((9, 20, 28, 28)) < 0.05) > 0.5).astype(np.uint8)
    path = tmp_path_factory.mktemp("omniglot") / "omniglot.npz"
    np.savez(
        path,
        images=bits * 255,
        images_nn_packed=np.packbits(bits.reshape(9, 20, 784), axis=-1),
        alphabet=np.array(["A"] * 9),
        character=np.array([f"character{i}" for i in range(9)]),
        vinyals_split=np.array(["train", "val", "test"] * 3),
    )
    return path


@pytest.mark.parametrize("learner", NAMES)
def test_every_learner_runs_on_sinusoids(learner):
    found = few_shot(learner, "sinusoid", n_iterations=2, n_test_episodes=10)

    assert found["iterations"] == 2 and found["episodes"] == 10
    assert np.isfinite(found["mse"])


@pytest.mark.parametrize("network", ["mlp", "convolutional"])
@pytest.mark.parametrize("learner", ["first_order_maml", "reptile", "snail"])
def test_learners_run_on_omniglot(learner, network, omniglot_file):
    found = few_shot(
        learner,
        "omniglot",
        n_ways=3,
        network=network,
        n_iterations=1,
        n_test_episodes=2,
        file=omniglot_file,
    )

    assert 0 <= found["accuracy"] <= 100


@pytest.mark.parametrize("learner", NAMES)
@pytest.mark.parametrize(("n_ways", "n_shots"), [(5, 1), (5, 5), (20, 1)])
def test_every_learner_has_a_schedule_for_omniglot(learner, n_ways, n_shots):
    protocol = find_protocol(learner, "omniglot", n_ways=n_ways, n_shots=n_shots)

    assert protocol.source and protocol.n_iterations >= 1_000
    METALEARNERS[learner](**{**protocol.learner, **protocol.test}, network={"kind": "mlp"})


def test_mamls_schedule_on_sinusoids_is_the_published_one():
    protocol = find_protocol("maml", "sinusoid", n_shots=5)

    assert protocol.learner == {"step_size": 0.01}
    assert (protocol.n_iterations, protocol.batch_size) == (70_000, 25)
    assert protocol.outer["weight_decay"] == 0 and protocol.outer["schedule"] == "constant"


def test_training_resumes_to_the_same_figures(tmp_path):
    whole = few_shot("maml", "sinusoid", n_iterations=6, n_test_episodes=20)

    options = {"n_test_episodes": 20, "folder": tmp_path}
    few_shot("maml", "sinusoid", n_iterations=3, **options)
    resumed = few_shot("maml", "sinusoid", n_iterations=6, **options)

    assert resumed["mse"] == whole["mse"]
    assert [point["n_steps"] for point in resumed["curve"]] == [3, 6]


def test_more_steps_at_the_test_change_the_score():
    one, ten = (
        few_shot("maml", "sinusoid", n_iterations=3, n_test_episodes=20, n_test_steps=n)["mse"]
        for n in (1, 10)
    )

    assert one != ten


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learner": "magic"}, "learner must be one of"),
        ({"data": "magic"}, "data must be one of"),
        ({"data": "omniglot"}, "Say where Omniglot's file is"),
        ({"network": "convolutional"}, "need network='mlp'"),
        ({"learner": "protonet", "n_test_steps": 3}, "takes no inner steps"),
    ],
)
def test_what_cannot_be_run_is_refused(options, message):
    options = {"learner": "maml", "data": "sinusoid", **options}

    with pytest.raises(InvalidInputError, match=message):
        few_shot(options.pop("learner"), options.pop("data"), n_iterations=1, **options)


def test_the_command_prints_figures(tmp_path):
    command = ["bench", "few-shot", "--learner", "reptile", "--iterations", "2", "--episodes", "10"]

    shown = CliRunner().invoke(app, [*command, "--json"])

    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["iterations"] == 2 and found["mse"] > 0
    assert "mean squared error" in CliRunner().invoke(app, command).output


def test_the_help_shows_examples():
    shown = CliRunner().invoke(app, ["bench", "few-shot", "--help"])

    assert shown.exit_code == 0
    assert "autometa bench few-shot --learner" in shown.output.partition("Examples")[2]
