"""Every learner is meta-trained on tables, kept, and serves an estimator where it says so."""

import numpy as np
import pytest
import torch

from autometa.families import adapted_network
from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from autometa.metatraining import (
    Budget,
    EpisodeBatches,
    SinusoidEpisodes,
    build_initialisation,
    is_meta_dev,
)

NAMES = list(METALEARNERS)
NETWORK = {"n_hidden": 8, "n_token": 8, "n_layers": 1}
DEV = next(name for name in "abcdefghijklmnopqrstuvwxyz" if is_meta_dev(name))
TRAIN = [name for name in "abcdefghijklmnopqrstuvwxyz" if not is_meta_dev(name)]


@pytest.mark.parametrize("name", NAMES)
def test_a_learner_is_meta_trained_on_tables_and_kept(make_tasks, name, tmp_path):
    found = build_initialisation(
        make_tasks(DEV, *TRAIN[:2]),
        Budget(n_steps=1),
        learner_name=name,
        learner_config={"network": NETWORK},
        batch_size=2,
        n_workers=0,
    )

    first = found.learner.init_params(0)
    assert any(not torch.equal(param, first[key]) for key, param in found.params.items())
    assert all(torch.isfinite(param).all() for param in found.params.values())
    assert np.isfinite(found.provenance["curve"][-1]["classes_adapted"])

    found.save(tmp_path)
    loaded = Initialisation.load(tmp_path)
    assert loaded.learner_name == name
    torch.testing.assert_close(loaded.params, found.params, rtol=0, atol=0)


@pytest.fixture(scope="module")
def batches():
    """Two batches of prior tables as they are trained on, of classes and of numbers."""
    source = EpisodeBatches([], batch_size=4, real_share=0.0, max_rows=100, seed=0)
    found = {}
    number = 0
    while len(found) < 2:
        batch = source[number]
        found.setdefault("numbers" if batch.is_regression else "classes", batch)
        number += 1
    return found


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("name", NAMES)
def test_as_it_comes_a_learner_has_a_finite_loss_and_gradient_on_tables(batches, name, kind):
    learner = METALEARNERS[name]()  # with as many features as trainings have, not a few
    params = learner.init_params(0)
    episodes = learner.draw_chance(batches[kind], torch.Generator().manual_seed(0))

    grads, loss = learner.meta_grad(params, episodes)

    assert learner.backbone.n_features >= 128
    assert torch.isfinite(loss)
    assert all(torch.isfinite(grad).all() for grad in grads.values())


@pytest.mark.parametrize("n_shots", [5, 10])
@pytest.mark.parametrize("name", NAMES)
def test_as_it_comes_a_learner_has_a_finite_loss_and_gradient_on_sinusoids(name, n_shots):
    network = {"kind": "mlp", "n_inputs": 1, "hidden": [40, 40], "norm": False}
    if METALEARNERS[name]().needs_head:
        network["n_slots"] = 1
    learner = METALEARNERS[name](network=network)
    params = learner.init_params(0)
    batches = SinusoidEpisodes(n_shots=n_shots, n_query=n_shots, batch_size=25, seed=0)

    for number in range(3):
        chance = torch.Generator().manual_seed(number)
        grads, loss = learner.meta_grad(params, learner.draw_chance(batches[number], chance))
        assert torch.isfinite(loss)
        assert all(torch.isfinite(grad).all() for grad in grads.values())


PROPOSING = [name for name in NAMES if METALEARNERS[name]().proposes_weights]


@pytest.mark.parametrize("n_classes", [3, None])
@pytest.mark.parametrize("name", PROPOSING)
def test_what_proposes_weights_is_adapted_by_the_network_family(make_encoded_task, name, n_classes):
    task = make_encoded_task(n_classes=n_classes)
    config = {"network": NETWORK}
    params = METALEARNERS[name](**config).init_params(0)
    initialisation = Initialisation(params, name, config, {"tasks": []})

    for optimiser in ("adamw", "learned_sgd"):
        config = {**adapted_network.DEFAULT_CONFIG, "optimiser": optimiser}
        model = adapted_network.adapt_model(
            task, initialisation, config, n_steps=2, n_bags=1, seed=0, device="cpu"
        )
        assert np.isfinite(model.predict(task.X)).all()
