"""Meta-gradients that are recorded on a GPU and replayed; what needs none is tested without."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from autometa.bench import find_protocol
from autometa.episodes import Episode
from autometa.metalearners import METALEARNERS
from autometa.metatraining import ImageEpisodes, replay
from autometa.metatraining.replay import ReplayedGradient
from autometa.tasks import Task

PARAMS = {"weight": torch.zeros(1)}
PER_LEARNER = pytest.mark.parametrize("name", sorted(METALEARNERS))


class Counting:
    """A learner whose meta-gradient tells how many rows there are."""

    def __init__(self, reads_tables=False):
        self.n_computed, self.backbone = 0, SimpleNamespace(reads_tables=reads_tables)

    def meta_grad(self, params, episodes):
        self.n_computed += 1
        return {"n": torch.tensor(len(episodes.support["X"]))}, torch.zeros(())


def make_episodes(n_rows):
    return Episode({"X": torch.zeros(n_rows, 1)}, {"X": torch.zeros(1, 1)}, is_regression=False)


@pytest.fixture
def recorded(monkeypatch):
    """Take the GPU away: a recording is a learner's own computation, and is noted here."""
    found = []

    class Recording:
        def __init__(self, learner, params, episodes, device):
            found.append(len(episodes.support["X"]))

        def replay(self, episodes):
            return {"n": torch.tensor(-len(episodes.support["X"]))}, torch.zeros(())

    monkeypatch.setattr(replay, "_Recording", Recording)
    return found


@pytest.fixture(autouse=True)
def any_device(request, monkeypatch):
    if "gpu" not in request.keywords:
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "current")


@pytest.mark.parametrize(("device", "reads_tables"), [("cpu", False), ("cuda", True)])
def test_nothing_is_recorded_on_a_cpu_and_of_tables(recorded, device, reads_tables):
    learner = Counting(reads_tables)
    compute = ReplayedGradient(learner, device)
    for _ in range(9):
        compute(PARAMS, make_episodes(3))
    assert (learner.n_computed, recorded) == (9, [])


def test_shapes_are_recorded_once_they_came_again(recorded):
    learner = Counting()
    compute = ReplayedGradient(learner, "cuda:0")
    found = [int(compute(PARAMS, make_episodes(n_rows))[0]["n"]) for n_rows in (3, 3, 3, 3, 5, 3)]
    assert replay.MET_BEFORE == 3
    assert found == [3, 3, 3, -3, 5, -3]
    assert (learner.n_computed, recorded) == (4, [3])


def test_only_so_many_shapes_are_recorded(recorded):
    compute = ReplayedGradient(Counting(), "cuda")
    for n_rows in range(1, 9):
        for _ in range(6):
            compute(PARAMS, make_episodes(n_rows))
    assert recorded == [*range(1, replay.MOST_RECORDINGS + 1)]


def test_what_cannot_be_recorded_is_computed(recorded, monkeypatch):
    learner, streams = Counting(), []
    compute = ReplayedGradient(learner, "cuda")
    for _ in range(4):
        compute(PARAMS, make_episodes(3))

    def fail(*args):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(replay, "_Recording", fail)
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    with pytest.warns(UserWarning, match="anew instead of being replayed: operation not permitted"):
        found = [int(compute(PARAMS, make_episodes(5))[0]["n"]) for _ in range(8)]

    assert found == [5] * 8 and streams == ["current"]
    assert int(compute(PARAMS, make_episodes(3))[0]["n"]) == 3  # what was recorded is given up too


@pytest.mark.gpu
@PER_LEARNER
def test_a_replayed_gradient_is_that_computed_anew(name, tiny_images, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    protocol = find_protocol(name, "omniglot")
    network = {"kind": "convolutional", "n_filters": 8, "n_slots": 5, **protocol.network}
    if not METALEARNERS[name]().needs_head:
        network.pop("n_slots")
    learner = METALEARNERS[name](network=network, **protocol.learner)
    batches = ImageEpisodes(
        tiny_images, n_ways=5, n_shots=protocol.n_shots or 1, n_query=2, batch_size=3, seed=0
    )
    compute = ReplayedGradient(learner, "cuda")
    params = {n: p.cuda() for n, p in learner.init_params(0).items()}
    for number in range(replay.MET_BEFORE + 3):
        generator = torch.Generator().manual_seed(number)
        episodes = learner.draw_chance(batches[number], generator)
        parts = (
            {n: t.cuda() for n, t in rows.items()} for rows in (episodes.support, episodes.query)
        )
        episodes = Episode(*parts, is_regression=False)
        expected, expected_loss = learner.meta_grad(params, episodes)
        found, loss = compute(params, episodes)
        torch.testing.assert_close(loss, expected_loss, rtol=1e-3, atol=1e-4)
        length = torch.cat([grad.flatten() for grad in expected.values()]).norm()
        for part, grad in found.items():
            assert (grad - expected[part]).norm() <= 1e-3 * length, part
        for param in params.values():
            param.mul_(1.01)  # in place, as an optimiser does it
    assert compute._recordings


@pytest.fixture
def tiny_images():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 256, (80, 784)).astype(np.float32))
    X.columns = [f"p{i}" for i in range(784)]
    return Task("noise", X, pd.Series(np.repeat([*"abcdefgh"], 10)), "multiclass")
