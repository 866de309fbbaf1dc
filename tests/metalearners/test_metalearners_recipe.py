"""The recipe in CONTRIBUTING.md, followed: its learner keeps what all learners promise."""

import importlib.util
import inspect
import json
import re
from itertools import product
from pathlib import Path

import pytest
import test_metalearners_contract as contract
import torch
from typer.testing import CliRunner

from autometa import metalearners
from autometa.bench._few_shot_protocols import Protocol
from autometa.cli import app
from autometa.episodes import stack_episodes
from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from autometa.metalearners._gradient import GradientLearner
from autometa.metatraining import Budget, meta_train

ROOT = Path(__file__).resolve().parents[2]
PROMISES = {name: value for name, value in vars(contract).items() if name.startswith("test_")}


@pytest.fixture(scope="module")
def recipe():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return text[text.index("## Adding one: a new meta-learner") : text.index("## A new family")]


@pytest.fixture
def listed(recipe, monkeypatch, tmp_path):
    """Write the recipe's code into a file of its own, and list its learner as step 6 says."""
    path = tmp_path / "ridge.py"
    path.write_text(re.search(r"```python\n(.*?)```", recipe, re.DOTALL).group(1), "utf-8")
    spec = importlib.util.spec_from_file_location("autometa.metalearners.ridge", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(METALEARNERS, "ridge", module.RidgeLearner)
    return "ridge"


def test_the_steps_are_numbered_and_the_files_they_name_are_there(recipe):
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", recipe, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 8

    folders = ("", "autometa/metalearners", "tests/metalearners")
    for name in re.findall(r"`([\w/]+\.py)`", recipe):
        assert any((ROOT / folder / name).is_file() for folder in folders), name
    for name in re.findall(r"\]\(([\w/-]+\.md)\)", recipe):
        assert (ROOT / name).is_file(), name


def values_of(promise, option):
    """Values that a promise is tested with besides learners and networks."""
    for mark in promise.pytestmark:
        if mark.name == "parametrize" and mark.args[0] == option:
            return mark.args[1]
    raise AssertionError(option)


@pytest.mark.parametrize("kind", contract.KINDS)
@pytest.mark.parametrize("promise", PROMISES)
def test_its_learner_keeps_what_all_promise(
    listed, make_any_learner, make_any_episode, promise, kind
):
    test = PROMISES[promise]
    given = {
        "name": listed,
        "kind": kind,
        "make_any_learner": make_any_learner,
        "make_any_episode": make_any_episode,
    }
    asked = inspect.signature(test).parameters
    others = [option for option in asked if option not in given]
    for values in product(*(values_of(test, option) for option in others)):
        test(
            **{name: given[name] for name in asked if name in given},
            **dict(zip(others, values, strict=True)),
        )


@pytest.mark.parametrize("name", METALEARNERS)
def test_what_is_listed_is_public_and_has_a_file_of_its_own(name):
    made = getattr(METALEARNERS[name], "func", METALEARNERS[name])

    assert made.__name__ in metalearners.__all__
    others = {getattr(other, "func", other) for other in METALEARNERS.values()} - {made}
    assert made.__module__ not in {other.__module__ for other in others}


def test_the_command_takes_its_learner_once_it_has_a_schedule(listed, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("autometa.bench.few_shot"),
        "find_protocol",
        lambda *arguments, **options: Protocol("ours", 5, batch_size=2),
    )
    command = ["bench", "few-shot", "--learner", listed, "--iterations", "2", "--episodes", "2"]

    shown = CliRunner().invoke(app, [*command, "--json"])

    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert (found["learner"], found["iterations"]) == (listed, 2) and found["mse"] < 100


def test_a_learner_that_takes_gradient_steps_of_no_size_refuses_to_adapt(make_any_episode):
    class Mine(GradientLearner):
        pass

    learner, episode = Mine(network={"kind": "mlp", "n_inputs": 16}), make_any_episode("mlp")
    params = {name: param.double() for name, param in learner.init_params(0).items()}

    with pytest.raises(NotImplementedError, match="Mine gives no step sizes.*Write inner_lr"):
        learner.adapt(params, episode.support, is_regression=False)


def test_a_learner_that_takes_gradient_steps_gets_its_slots_by_being_one(
    make_any_learner, monkeypatch
):
    monkeypatch.setitem(METALEARNERS, "mine", GradientLearner)

    learner = make_any_learner("mine", "mlp", n_slots=7, head="shared")

    assert (learner.backbone.n_slots, learner.backbone.head) == (7, "shared")


def test_both_pages_lead_to_the_recipe(recipe):
    page = (ROOT / "autometa" / "metalearners" / "README.md").read_text("utf-8")

    heading = recipe.splitlines()[0].removeprefix("## ")
    anchor = heading.lower().replace(":", "").replace(" ", "-")
    assert f"[{heading}](../../CONTRIBUTING.md#{anchor})" in page
    assert "autometa/metalearners/README.md" in recipe


@pytest.mark.parametrize("kind", ["columns", "mlp", "convolutional"])
@pytest.mark.parametrize("n_classes", [3, None])
def test_its_learner_runs_through_the_outer_loop(
    listed, make_any_learner, make_any_episode, kind, n_classes
):
    learner = make_any_learner(listed, kind)

    class Batches:
        def __getitem__(self, number):
            drawn = [make_any_episode(kind, i, n_classes=n_classes, double=False) for i in (0, 1)]
            return stack_episodes(drawn)

    losses = []
    params, _ = meta_train(
        learner,
        Batches(),
        Budget(n_steps=12),
        seed=0,
        n_workers=0,
        meta_lr=0.2,
        on_progress=lambda progress: losses.append(progress["loss"]),
    )

    assert losses[-1] < losses[0]
    assert set(params) == set(learner.init_params(0))


def test_its_learner_is_kept_as_an_artefact(listed, make_any_learner, make_any_episode, tmp_path):
    learner, episode = make_any_learner(listed, "columns"), make_any_episode("columns")
    params = learner.init_params(0)
    config = {"network": learner.network}
    Initialisation(params, listed, config, {"tasks": []}).save(tmp_path)

    loaded = Initialisation.load(tmp_path)

    support = {name: tensor.float() for name, tensor in episode.support.items()}
    expected, found = (
        owner.propose(values, support, is_regression=False)
        for owner, values in ((learner, params), (loaded.learner, loaded.params))
    )
    torch.testing.assert_close(found, expected)


def test_the_python_block_of_the_page_runs():
    page = (ROOT / "autometa" / "metalearners" / "README.md").read_text("utf-8")
    names = {}

    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), names)

    assert names["numbers"].shape == (100, 1)


def test_the_page_names_every_learner():
    page = (ROOT / "autometa" / "metalearners" / "README.md").read_text("utf-8")

    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))

    assert named == set(METALEARNERS)
