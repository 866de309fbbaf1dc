from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from autometa.episodes import Episode, make_array_rows, stack_episodes
from autometa.exceptions import InvalidInputError
from autometa.metalearners import MAML
from autometa.metatraining import Budget, ImageEpisodes, OuterStep, SinusoidEpisodes, meta_train
from autometa.tasks import Task, read_omniglot, sample_sinusoid_task

OMNIGLOT = Path(__file__).parents[3] / "shared" / "fewshot" / "omniglot_28x28.npz"


@pytest.fixture
def images():
    """Six classes of four images of 3 x 3; a class and a drawing can be read off each."""
    X = np.zeros((24, 9), dtype=np.uint8)
    X[:, 0] = 10 + np.arange(24) // 4
    X[:, 1] = 100 + np.arange(24)
    columns = [f"pixel{i}" for i in range(9)]
    labels = pd.Series([f"class {i // 4}" for i in range(24)])
    return Task("images", pd.DataFrame(X, columns=columns), labels, "multiclass")


def drawn(rows, i):
    """Class of a row, whatever way it is turned, by the corner; and the mark of its drawing."""
    values = 255 * rows["X"][:, i, 0]
    return values.amax((1, 2)).round().long(), values


def make(images, **options):
    options = {"n_ways": 3, "n_shots": 2, "n_query": 1, "batch_size": 2, "seed": 0, **options}
    return ImageEpisodes(images, **options)


def test_an_episode_holds_each_class_as_often_as_asked(images):
    episode = make(images)[0]

    assert episode.support["X"].shape == (2, 6, 1, 3, 3)
    assert episode.query["X"].shape == (2, 3, 1, 3, 3)
    assert (episode.support["target"].sum(1) == 2).all()
    assert (episode.query["target"].sum(1) == 1).all()
    assert not episode.is_regression


def test_rows_of_a_class_are_of_one_character_turned_one_way_and_none_is_drawn_twice(images):
    for number in range(20):
        episode = make(images, n_ways=8)[number]
        X = torch.cat([episode.support["X"], episode.query["X"]], dim=1)[:, :, 0] * 255
        label = torch.cat([episode.support["target"], episode.query["target"]], 1).argmax(-1)
        for task in range(2):
            seen = []
            for k in range(8):
                rows = X[task][label[task] == k].round().long()
                corner = [tuple((row >= 10).int().flatten().tolist()) for row in rows]
                marks = [int(row.max()) for row in rows]
                assert len(set(corner)) == 1 and len(set(marks)) == len(marks)
                assert len({(mark - 100) // 4 for mark in marks}) == 1
                seen.append((corner[0], (marks[0] - 100) // 4))
            assert len(set(seen)) == 8


def test_turned_classes_are_others(images):
    assert make(images).n_classes == 24
    assert make(images, rotations=False).n_classes == 6


def test_batches_are_functions_of_seed_and_number(images):
    def same(a, b):
        return torch.equal(a.support["X"], b.support["X"])

    assert same(make(images)[4], make(images)[4])
    assert not same(make(images)[4], make(images)[5])
    assert not same(make(images)[4], make(images, seed=1)[4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_ways": 25}, "25 classes"),
        ({"n_shots": 4}, "4 \\+ 1 rows"),
        ({"image_shape": (2, 2)}, "no image of shape"),
        ({"image_shape": (1, 9)}, "cannot be turned"),
    ],
)
def test_what_cannot_be_drawn_is_refused(images, options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(images, **options)


@pytest.mark.skipif(not OMNIGLOT.is_file(), reason="no Omniglot next to the checkout")
def test_the_published_split_of_omniglot_has_as_many_characters_and_turned_classes():
    tasks = {split: read_omniglot(OMNIGLOT, split) for split in ("train", "val", "test")}

    episodes = ImageEpisodes(tasks["train"], n_ways=60, n_shots=5, n_query=15, batch_size=1, seed=0)

    assert [len(task.classes) for task in tasks.values()] == [1028, 172, 423]
    assert len(set().union(*(task.classes for task in tasks.values()))) == 1623
    assert all(task.n_rows == 20 * len(task.classes) for task in tasks.values())
    assert episodes.n_classes == 4112
    assert episodes[0].support["X"].shape == (1, 300, 1, 28, 28)


def test_an_episode_of_a_sinusoid_holds_the_rows_that_its_task_would_hold():
    episodes = SinusoidEpisodes(n_shots=5, n_query=9, batch_size=1, seed=3)

    for number in range(3):
        task = sample_sinusoid_task(np.random.default_rng([3, number]), n_rows=14)
        x, y = (
            torch.cat([episodes[number].support[name][0], episodes[number].query[name][0]])
            for name in ("X", "target")
        )
        np.testing.assert_allclose(x[:, 0], task.X["x"], rtol=1e-6)
        np.testing.assert_allclose(y[:, 0], task.y, rtol=1e-5, atol=1e-6)


def test_sinusoids_stay_within_the_published_ranges_and_are_sinusoids():
    episodes = SinusoidEpisodes(n_shots=5, n_query=50, batch_size=40, seed=0)[0]

    x, y = episodes.query["X"][..., 0].double(), episodes.query["target"][..., 0].double()
    assert x.min() >= -5 and x.max() <= 5 and y.abs().max() <= 5
    # y = a sin(x) + b cos(x), so least squares on the two leave nothing
    basis = torch.stack([x.sin(), x.cos()], dim=-1)
    fitted = torch.linalg.lstsq(basis, y.unsqueeze(-1)).solution
    torch.testing.assert_close((basis @ fitted).squeeze(-1), y, rtol=1e-4, atol=1e-4)
    amplitude = fitted.square().sum(1).sqrt()
    assert 0.1 <= amplitude.min() and amplitude.max() <= 5
    phase = torch.atan2(-fitted[:, 1], fitted[:, 0])
    assert phase.min() >= -1e-6 and phase.max() <= np.pi + 1e-6


def test_rows_of_many_tasks_are_the_stacked_rows_of_each():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3, 5, 2)), rng.integers(0, 4, (3, 5))

    found = make_array_rows(X, y, n_classes=4)

    single = [make_array_rows(X[i], y[i], n_classes=4) for i in range(3)]
    expected = stack_episodes([Episode(rows, rows, False) for rows in single]).support
    torch.testing.assert_close(found, expected)


def test_maml_learns_sinusoids_through_the_outer_loop():
    learner = MAML(
        step_size=0.01,
        network={"kind": "mlp", "n_inputs": 1, "hidden": [40, 40], "norm": False, "n_slots": 1},
    )
    losses = []

    _, progress = meta_train(
        learner,
        SinusoidEpisodes(n_shots=5, n_query=10, batch_size=25, seed=0),
        Budget(n_steps=500),
        seed=0,
        n_workers=0,
        outer=OuterStep(lr=3e-3, weight_decay=0.0, schedule="constant", warm_up=0),
        on_progress=lambda progress: losses.append(progress["loss"]),
        measure=lambda params: {"numbers": float(len(params))},
    )

    assert np.mean(losses[-100:]) < 0.8 * np.mean(losses[:100])
    assert progress["curve"][-1]["numbers"] == len(learner.init_params(0))
