import json

import numpy as np
import pandas as pd
import pytest
import torch

from autometa.exceptions import InvalidInputError
from autometa.knowledge import Initialisation
from autometa.metatraining import Budget, build_initialisation, half_split, is_meta_dev
from autometa.metatraining.sampler import PreparedTable
from autometa.tasks import Fingerprint, fingerprint, task_from_arrays

DEV = [name for name in "abcdefghijklmnopqrstuvwxyz" if is_meta_dev(name)]
TRAIN = [name for name in "abcdefghijklmnopqrstuvwxyz" if not is_meta_dev(name)]


@pytest.fixture
def build(tiny_network):
    def build(tasks, n_steps=2, **options):
        config = {"n_inner_steps": 1, "network": tiny_network}
        options = {"learner_config": config, "n_workers": 0, "batch_size": 2, **options}
        return build_initialisation(tasks, Budget(n_steps=n_steps), **options)

    return build


def test_four_tasks_become_an_initialisation_that_tells_what_it_saw(build, make_tasks, tmp_path):
    tasks = make_tasks(*TRAIN[:3], DEV[0])

    found = build(iter(tasks), seed=5)

    found.save(tmp_path)
    provenance = Initialisation.load(tmp_path).provenance
    assert [task["name"] for task in provenance["tasks"]] == [task.name for task in tasks[:3]]
    assert [task["openml_id"] for task in provenance["tasks"]] == [100, 101, 102]
    for described, task in zip(provenance["tasks"], tasks, strict=False):
        assert described["fingerprint"] == fingerprint(task.X, task.y).to_dict()
        half = Fingerprint.from_dict(described["fingerprint"]).match(task.X[:40], task.y[:40])
        assert half > 0.9
    assert provenance["seed"] == 5 and provenance["n_steps"] == 2
    assert provenance["versions"]["torch"] and provenance["hours"] >= 0
    assert len(provenance["curve"]) == 1


def test_held_out_families_are_never_drawn(build, make_tasks, monkeypatch):
    prepared = []
    from_task = PreparedTable.from_task
    monkeypatch.setattr(
        PreparedTable,
        "from_task",
        lambda task, **options: prepared.append(task.name) or from_task(task, **options),
    )
    tasks = make_tasks(TRAIN[0], DEV[0], TRAIN[1], DEV[1])

    held_out = build(tasks, n_steps=1)
    n_first = len(prepared)
    everything = build(tasks, n_steps=1, hold_out_dev=False)

    assert prepared[:n_first] == [tasks[0].name, tasks[2].name]
    assert len(prepared) - n_first == 4
    assert [task["family"] for task in held_out.provenance["tasks"]] == TRAIN[:2]
    assert len(everything.provenance["tasks"]) == 4
    assert "classes_adapted" in held_out.provenance["curve"][0] or (
        "numbers_adapted" in held_out.provenance["curve"][0]
    )
    assert set(everything.provenance["curve"][0]) == {"n_steps", "elapsed_s"}


def test_building_repeats_with_its_seed(build, make_tasks):
    tasks = make_tasks(*TRAIN[:2])

    first, second, other = (build(tasks, seed=seed).params for seed in (0, 0, 1))

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first["second_layer"], other["second_layer"])


def test_building_resumes_from_its_folder(build, make_tasks, tmp_path):
    tasks = make_tasks(*TRAIN[:2], DEV[0])
    expected = build(tasks, n_steps=4)

    def stop(progress):
        if progress["n_steps"] == 3:
            raise RuntimeError("power cut")

    options = {"folder": tmp_path, "checkpoint_every_s": 0.0}
    with pytest.raises(RuntimeError, match="power cut"):
        build(tasks, n_steps=4, on_progress=stop, **options)
    found = build(tasks, n_steps=4, **options)

    torch.testing.assert_close(found.params, expected.params, rtol=0, atol=0)
    assert json.dumps(found.provenance["tasks"]) == json.dumps(expected.provenance["tasks"])


def test_tables_without_a_target_of_the_kind_do_not_stall_training(build):
    X = pd.DataFrame({"level": pd.Categorical(list("ab") * 30)})
    task = task_from_arrays(X, list("xy") * 30, name=TRAIN[0])

    found = build([task], n_steps=4, real_share=1.0)

    assert found.provenance["n_steps"] == 4


def test_an_unknown_learner_is_refused_with_those_there_are(build):
    with pytest.raises(InvalidInputError, match="'mamal'.*first_order_maml"):
        build([], learner_name="mamal")


def test_no_task_is_refused_unless_the_prior_is_asked_for(build, make_tasks):
    with pytest.raises(InvalidInputError, match="No task to train on"):
        build([])
    with pytest.raises(InvalidInputError, match="No task to train on"):
        build(make_tasks(DEV[0]))

    assert build([], real_share=0.0, n_steps=1).provenance["tasks"] == []


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_a_half_split_holds_every_row_once(make_tasks, kind):
    (task,) = make_tasks(TRAIN[0], n_rows=61, kinds=(kind,))

    episode = half_split(task, rng=np.random.default_rng(0))

    assert len(episode.support["X"]) == 31
    assert 25 <= len(episode.query["X"]) <= 30
    assert episode.is_regression == (kind == "regression")
    capped = half_split(task, rng=np.random.default_rng(0), max_rows=20, max_columns=2)
    assert capped.support["X"].shape[:2] == (20, 2)


def test_a_half_split_leaves_out_classes_that_its_first_half_lacks():
    y = np.array(["common", "usual"] * 20 + ["rare"])
    task = task_from_arrays(np.arange(41.0)[:, None], y)

    sizes = {
        half_split(task, rng=np.random.default_rng(seed)).support["target"].shape[1]
        for seed in range(12)
    }

    assert sizes == {2, 3}


def test_a_task_too_small_for_halves_is_named():
    task = task_from_arrays(np.arange(2.0)[:, None], ["a", "b"], name="tiny")

    with pytest.raises(InvalidInputError, match=r"'tiny' \(2 rows\) cannot be split"):
        half_split(task, rng=np.random.default_rng(0))
