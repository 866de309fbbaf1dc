"""The benchmark of meta-learners on the data of their papers; tiny runs."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from autometa.bench import few_shot, find_protocol
from autometa.bench._few_shot_protocols import LEO_L2, Protocol, find_published
from autometa.cli import app
from autometa.exceptions import InvalidInputError
from autometa.metalearners import METALEARNERS
from autometa.metalearners._gradient import GradientLearner

NAMES = list(METALEARNERS)


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


@pytest.fixture(autouse=True)
def few_characters(monkeypatch):
    monkeypatch.setattr(importlib.import_module("autometa.bench.few_shot"), "N_MOVED", 1)


@pytest.mark.parametrize("learner", NAMES)
def test_every_learner_runs_on_sinusoids(learner):
    found = few_shot(learner, "sinusoid", n_iterations=2, n_test_episodes=10)

    assert found["iterations"] == 2 and found["episodes"] == 10
    assert found["scheduled_iterations"] >= 30_000
    assert found["schedule_is_published"] == (learner == "maml")
    assert found["skipped"] == found["diverged"] == 0
    assert found["mse"] < 100


@pytest.fixture
def make_schedules_small(monkeypatch):
    """Let schedules take a small network, and fewer tasks, classes and steps."""
    module = importlib.import_module("autometa.bench.few_shot")

    def make(**sizes):
        def find_small(*arguments, **options):
            protocol = find_protocol(*arguments, **options)
            test = {name: 2 if name == "n_inner_steps" else v for name, v in protocol.test.items()}
            kinds = {
                name: {**getattr(protocol, name), **sizes} for name in ("network", "perceptron")
            }
            return replace(protocol, batch_size=2, n_ways=None, test=test, **kinds)

        monkeypatch.setattr(module, "find_protocol", find_small)

    return make


@pytest.mark.parametrize(
    ("network", "sizes"), [("mlp", {"hidden": [2]}), ("convolutional", {"n_filters": 4})]
)
@pytest.mark.parametrize("learner", NAMES)
def test_every_learner_runs_on_omniglot(
    learner, network, sizes, omniglot_file, make_schedules_small
):
    make_schedules_small(**sizes)
    options = {"n_ways": 3, "network": network, "file": omniglot_file}

    found = few_shot(learner, "omniglot", n_iterations=1, n_test_episodes=2, **options)

    assert (found["iterations"], found["skipped"], found["episodes"]) == (1, 0, 2)
    assert 0 <= found["accuracy"] <= 100 and found["diverged"] == 0


@pytest.mark.parametrize("learner", NAMES)
@pytest.mark.parametrize(("n_ways", "n_shots"), [(5, 1), (5, 5), (20, 1)])
def test_every_learner_has_a_schedule_for_omniglot(learner, n_ways, n_shots):
    protocol = find_protocol(learner, "omniglot", n_ways=n_ways, n_shots=n_shots)

    assert protocol.n_iterations >= 1_000
    assert protocol.is_published == (learner in ("maml", "reptile", "protonet"))
    assert protocol.source.startswith("ours") != protocol.is_published
    METALEARNERS[learner](**{**protocol.learner, **protocol.test}, network={"kind": "mlp"})


def test_mamls_schedule_on_sinusoids_is_the_published_one():
    protocol = find_protocol("maml", "sinusoid", n_shots=5)

    assert protocol.is_published and protocol.learner == {"step_size": 0.001}
    assert (protocol.n_iterations, protocol.batch_size) == (70_000, 25)
    assert protocol.outer["weight_decay"] == 0 and protocol.outer["schedule"] == "constant"


@pytest.mark.parametrize("network", ["network", "perceptron"])
def test_reptiles_schedule_normalises_rows_to_predict_by_themselves(network):
    protocol = find_protocol("reptile", "omniglot")
    kind = "convolutional" if network == "network" else "mlp"

    learner = METALEARNERS["reptile"](network={"kind": kind, **getattr(protocol, network)})

    assert learner.backbone.transductive is True and protocol.n_test_query == 1


@pytest.mark.parametrize("learner", NAMES)
def test_leo_alone_decays_weights_by_the_strength_of_its_code(learner):
    one, five = (
        find_protocol(learner, "omniglot", n_ways=5, n_shots=n).outer["weight_decay"]
        for n in (1, 5)
    )
    on_sinusoids = find_protocol(learner, "sinusoid", n_shots=5).outer["weight_decay"]

    expected = (LEO_L2[1], LEO_L2[5], 1e-8) if learner == "leo" else (0, 0, 0)
    assert (one, five, on_sinusoids) == expected


@pytest.mark.parametrize(
    ("learner", "data", "options", "expected"),
    [
        ("maml", "sinusoid", {"n_shots": 5}, {"mse": 1.13, "ci95": 0.18}),
        ("maml", "sinusoid", {"n_shots": 5, "n_inner_steps": 10}, None),
        ("maml", "sinusoid", {"n_shots": 10}, None),
        ("maml", "omniglot", {"network": "mlp"}, {"accuracy": 89.7, "ci95": None}),
        ("maml", "omniglot", {}, {"accuracy": 98.7, "ci95": 0.4}),
        (
            "maml",
            "omniglot",
            {"n_inner_steps": 3, "n_test_query": 1},
            {"accuracy": 98.7, "ci95": 0.4},
        ),
        ("maml", "omniglot", {"n_inner_steps": 50}, None),
        ("maml", "omniglot", {"n_test_query": 15}, None),
        ("meta_sgd", "omniglot", {"n_inner_steps": 1}, {"accuracy": 99.53, "ci95": 0.26}),
        ("protonet", "omniglot", {"n_test_query": 15}, {"accuracy": 98.8, "ci95": None}),
        ("protonet", "omniglot", {"n_test_query": 1}, None),
        ("reptile", "omniglot", {"n_ways": 20}, {"accuracy": 89.43, "ci95": 0.14}),
        ("protonet", "omniglot", {"network": "mlp"}, None),
        ("gnn", "omniglot", {}, None),
    ],
)
def test_published_figures_are_those_of_the_same_test(learner, data, options, expected):
    found = find_published(learner, data, **options)

    if expected is None:
        assert found is None
    else:
        assert found.pop("source") and found == expected


def test_as_many_episodes_are_tested_as_asked_for():
    scores = {
        n: few_shot("maml", "sinusoid", n_iterations=1, n_test_episodes=n) for n in (2, 10, 12)
    }

    assert [found["episodes"] for found in scores.values()] == [2, 10, 12]
    assert len({found["mse"] for found in scores.values()}) == 3


def test_a_gradient_learner_of_your_own_needs_no_list_of_learners(monkeypatch):
    class Mine(GradientLearner):
        def inner_lr(self, params, *, is_regression):
            return self.fixed_step_sizes(params, 0.01, is_regression=is_regression)

    module = importlib.import_module("autometa.bench.few_shot")
    monkeypatch.setitem(METALEARNERS, "mine", Mine)
    monkeypatch.setattr(
        module, "find_protocol", lambda *arguments, **options: Protocol("ours", 5, batch_size=2)
    )

    found = few_shot("mine", "sinusoid", n_iterations=1, n_test_episodes=2)

    assert found["config"]["network"]["n_slots"] == 1 and found["mse"] < 100


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
    ("learner", "n_shots", "expected"), [("maml", 1, 1), ("maml", 2, 2), ("protonet", 1, 15)]
)
def test_rows_to_predict_are_as_many_as_published(
    omniglot_file, make_schedules_small, learner, n_shots, expected
):
    make_schedules_small()
    options = {"network": "mlp", "n_ways": 3, "n_shots": n_shots, "file": omniglot_file}
    options |= {"n_iterations": 1, "n_test_episodes": 20}

    published = few_shot(learner, "omniglot", **options)
    other = few_shot(learner, "omniglot", n_test_query=7, **options)

    assert (published["test_query"], other["test_query"]) == (expected, 7)
    assert published["accuracy"] != other["accuracy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learner": "magic"}, "learner must be one of"),
        ({"data": "magic"}, "data must be one of"),
        ({"data": "omniglot"}, "Say where Omniglot's file is"),
        ({"network": "convolutional"}, "need network='mlp'"),
        ({"learner": "protonet", "n_test_steps": 3}, "takes no inner steps"),
        ({"n_ways": 5}, "Sinusoids have no classes, so n_ways=5"),
        ({"n_test_episodes": 1}, "n_test_episodes must be >= 2, got 1"),
        ({"n_shots": 0}, "n_shots must be >= 1, got 0"),
        ({"data": "omniglot", "n_ways": 0}, "n_ways must be >= 1, got 0"),
        ({"n_test_query": 0}, "n_test_query must be >= 1, got 0"),
        ({"n_test_steps": -1}, "n_test_steps must be >= 0, got -1"),
        ({"n_iterations": 0}, "n_iterations must be >= 1, got 0"),
        ({"hours": 0}, "hours must be above 0, got 0"),
        ({"hours": -1.0}, "hours must be above 0, got -1.0"),
        ({"hours": float("nan")}, "hours must be above 0, got nan"),
        ({"checkpoint_every_s": -1}, "checkpoint_every_s must be above 0, got -1"),
    ],
)
def test_what_cannot_be_run_is_refused(options, message):
    options = {"learner": "maml", "data": "sinusoid", "n_iterations": 1, **options}

    with pytest.raises(InvalidInputError, match=message):
        few_shot(options.pop("learner"), options.pop("data"), **options)


def test_a_test_that_cannot_be_drawn_is_refused_before_training(
    omniglot_file, make_schedules_small
):
    make_schedules_small()
    options = {"network": "mlp", "n_ways": 3, "file": omniglot_file, "n_iterations": 1}
    steps = []

    with pytest.raises(InvalidInputError, match=r"3 classes with 1 \+ 20 rows each"):
        few_shot("maml", "omniglot", n_test_query=20, on_progress=steps.append, **options)

    assert steps == []


def test_episodes_of_classes_whose_outputs_are_no_numbers_have_diverged(
    omniglot_file, make_schedules_small, monkeypatch
):
    make_schedules_small(hidden=[2])
    monkeypatch.setattr(
        METALEARNERS["maml"],
        "predict",
        lambda self, params, state, support, rows, **options: rows["target"] * torch.nan,
    )
    options = {"network": "mlp", "n_ways": 3, "file": omniglot_file, "n_iterations": 1}

    found = few_shot("maml", "omniglot", n_test_episodes=4, **options)

    assert (found["diverged"], found["episodes"], found["median"]) == (4, 4, 0)
    assert np.isnan(found["accuracy"])


def test_the_command_prints_figures(tmp_path):
    command = ["bench", "few-shot", "--learner", "reptile", "--iterations", "2", "--episodes", "10"]

    shown = CliRunner().invoke(app, [*command, "--json"])

    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["iterations"] == 2 and found["mse"] > 0 and found["published"] is None
    text = CliRunner().invoke(app, command).output
    assert "mean squared error" in text and "published: no figure" in text
    assert "of 30000 iterations" in text and "schedule: ours" in text


def test_the_command_prints_the_published_figure_and_how_many_episodes_diverged():
    command = ["bench", "few-shot", "--learner", "maml", "--iterations", "2", "--episodes", "10"]

    shown = CliRunner().invoke(app, [*command, "--json"])

    found = json.loads(shown.stdout)
    assert found["published"]["mse"] == 1.13 and "Meta-SGD" in found["published"]["source"]
    text = CliRunner().invoke(app, command).stdout
    assert f"10 new episodes, of which {found['diverged']} diverged" in text
    assert "published: mean squared error 1.130 +- 0.18 (Li, Zhou" in text


@pytest.mark.parametrize(
    ("option", "value"), [("--hours", "0"), ("--hours", "nan"), ("--checkpoint-every", "-1")]
)
def test_the_command_refuses_durations_that_are_none(option, value):
    command = ["bench", "few-shot", "--iterations", "1", option, value]

    refused = CliRunner().invoke(app, command)

    assert refused.exit_code == 2 and "must be above 0" in refused.stderr


def test_the_command_refuses_ways_of_sinusoids_and_tests_as_many_episodes_as_asked():
    command = ["bench", "few-shot", "--iterations", "1", "--episodes", "2"]

    refused = CliRunner().invoke(app, [*command, "--ways", "5"])
    shown = CliRunner().invoke(app, [*command, "--json"])

    assert refused.exit_code == 2 and "Sinusoids have no classes" in refused.stderr
    assert json.loads(shown.stdout)["episodes"] == 2


def test_the_help_shows_examples():
    shown = CliRunner().invoke(app, ["bench", "few-shot", "--help"])

    assert shown.exit_code == 0
    assert "autometa bench few-shot --learner" in shown.output.partition("Examples")[2]
