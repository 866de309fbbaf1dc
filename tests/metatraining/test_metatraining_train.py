import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.metalearners import RandomWeights
from autometa.metatraining import Budget, EpisodeBatches, meta_train
from autometa.metatraining.checkpoint import load_checkpoint, save_checkpoint


def batches_of(seed=0, batch_size=2):
    return EpisodeBatches([], batch_size=batch_size, real_share=0.0, seed=seed)


def train(learner, n_steps=6, **options):
    options = {"seed": 0, "n_workers": 0, **options}
    return meta_train(learner, batches_of(), Budget(n_steps=n_steps), **options)


def checkpoints(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_few_steps_lower_the_loss(make_learner):
    losses = []
    learner = make_learner(second_order=False)

    class Repeated:
        """Two batches again and again, so that the loss can be compared."""

        batches = [batches_of(batch_size=4)[number] for number in (12, 22)]

        def __getitem__(self, number):
            return self.batches[number % 2]

    meta_train(
        learner,
        Repeated(),
        Budget(n_steps=40),
        seed=0,
        n_workers=0,
        meta_lr=0.1,  # warm-up takes 200 steps
        on_progress=lambda progress: losses.append(progress["loss"]),
    )

    assert len(losses) == 40
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 0.1


def test_training_repeats_with_its_seed(make_learner):
    first, second, other = (train(make_learner(), seed=seed)[0] for seed in (0, 0, 1))

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first["second_layer"], other["second_layer"])


def test_what_is_returned_is_the_running_average(make_learner):
    learner = make_learner()
    start = learner.init_params(0)

    params, progress = train(learner, n_steps=1)

    assert progress["n_steps"] == 1 and progress["n_skipped"] == 0
    # one step of AdamW at 1/200 of the rate; the average keeps 1/10 of the start after it
    move = (params["second_layer"] - start["second_layer"]).abs()
    assert 0 < move.max() <= 0.9 * 1e-3 / 200 * 1.01


@pytest.mark.parametrize("n_workers", [0, 1])
def test_workers_do_not_change_the_result(make_learner, n_workers):
    expected, _ = train(make_learner(), n_steps=3)

    found, _ = train(make_learner(), n_steps=3, n_workers=n_workers)

    torch.testing.assert_close(found, expected, rtol=0, atol=0)


KILLED = """
    import os, signal, sys, torch
    from autometa.metalearners import MAML
    from autometa.metatraining import Budget, EpisodeBatches, checkpoint, meta_train

    torch.set_num_threads(int(sys.argv[2]))
    n_written, dump = 0, checkpoint.json.dump

    def dump_four_times(*arguments):
        global n_written
        n_written += 1
        if n_written == 5:  # the tensors of the fifth checkpoint are there, the rest is not
            os.kill(os.getpid(), signal.SIGKILL)
        dump(*arguments)

    checkpoint.json.dump = dump_four_times
    network = {"n_hidden": 8, "n_token": 8, "n_layers": 1, "n_heads": 2, "n_key": 4}
    meta_train(
        MAML(n_inner_steps=1, network=network),
        EpisodeBatches([], batch_size=2, real_share=0.0, seed=0),
        Budget(n_steps=8),
        seed=0,
        folder=sys.argv[1],
        n_workers=0,
        checkpoint_every_s=0.0,
    )
"""


def test_a_killed_training_resumes_to_the_very_same_parameters(make_learner, tmp_path):
    learner = make_learner()
    expected, expected_progress = train(learner, n_steps=8)

    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    killed = subprocess.run([*command, str(torch.get_num_threads())], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert "checkpoint.partial" in checkpoints(tmp_path)
    steps = []
    resumed, progress = train(
        learner,
        n_steps=8,
        folder=tmp_path,
        on_progress=lambda progress: steps.append(progress["n_steps"]),
    )

    assert steps == [5, 6, 7, 8]
    torch.testing.assert_close(resumed, expected, rtol=0, atol=0)
    assert progress["n_steps"] == expected_progress["n_steps"]
    assert "checkpoint.partial" not in checkpoints(tmp_path)


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        "autometa.metatraining.checkpoint.os.fsync", lambda file: synced.append(os.fstat(file))
    )

    save_checkpoint(tmp_path, {"a": torch.zeros(3)}, {"n_steps": 1})

    [folder] = tmp_path.iterdir()
    assert {one.st_ino for one in synced} == {path.stat().st_ino for path in folder.iterdir()}


def test_the_newest_two_checkpoints_are_kept(make_learner, tmp_path):
    train(make_learner(), n_steps=5, folder=tmp_path, checkpoint_every_s=0.0)

    assert checkpoints(tmp_path) == ["checkpoint-000000004", "checkpoint-000000005"]


def test_a_finished_training_resumes_without_a_step(make_learner, tmp_path):
    expected, _ = train(make_learner(), n_steps=3, folder=tmp_path)

    found, progress = train(
        make_learner(), n_steps=3, folder=tmp_path, on_progress=lambda _: pytest.fail("a step")
    )

    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert len(progress["curve"]) == 1


def test_a_checkpoint_without_a_parameter_is_refused(make_learner, tmp_path):
    save_checkpoint(tmp_path, {"params.other": torch.ones(2)}, {"n_steps": 3, "elapsed_s": 1.0})

    with pytest.raises(InvalidInputError, match="lacks .* another version of autometa wrote it"):
        train(make_learner(), folder=tmp_path)


def test_partial_checkpoints_are_ignored(tmp_path):
    save_checkpoint(tmp_path, {"a": torch.ones(2)}, {"n_steps": 3})
    (tmp_path / "checkpoint.partial").mkdir()
    (tmp_path / "checkpoint.partial" / "progress.json").write_text("{")
    (tmp_path / "checkpoint-000000009").mkdir()  # removing it was cut short
    (tmp_path / "checkpoint-000000009" / "progress.json").write_text('{"n_steps": 9}')

    tensors, progress = load_checkpoint(tmp_path)

    assert progress == {"n_steps": 3}
    assert torch.equal(tensors["a"], torch.ones(2))


def test_an_empty_or_missing_folder_holds_no_checkpoint(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("name", ["tensors.safetensors", "progress.json"])
def test_a_corrupted_checkpoint_is_named(tmp_path, name):
    save_checkpoint(tmp_path, {"a": torch.ones(2)}, {"n_steps": 3})
    (tmp_path / "checkpoint-000000003" / name).write_bytes(b"{oops")

    with pytest.raises(ArtefactError, match="checkpoint-000000003 cannot be read.*Remove it"):
        load_checkpoint(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ArtefactError, match="Cannot write a checkpoint to .*file"):
        save_checkpoint(tmp_path / "file", {"a": torch.ones(2)}, {"n_steps": 3})


def test_gradients_that_are_not_finite_are_skipped_counted_and_told(make_learner):
    learner = make_learner()
    meta_grad, n_calls = learner.meta_grad, 0

    def broken(params, episodes):
        nonlocal n_calls
        n_calls += 1
        grads, loss = meta_grad(params, episodes)
        if n_calls in (1, 4):
            grads["second_layer"] = grads["second_layer"] * torch.nan
        return grads, loss

    learner.meta_grad = broken
    with pytest.warns(UserWarning, match="2 of 5 outer steps were skipped.*smaller"):
        params, progress = train(learner, n_steps=5)

    assert progress["n_skipped"] == 2 and progress["n_steps"] == 5
    assert all(torch.isfinite(param).all() for param in params.values())


def test_a_learner_that_learns_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="RandomWeights has no parameters"):
        train(RandomWeights())


def test_time_ends_training_too(make_learner):
    _, progress = meta_train(
        make_learner(), batches_of(), Budget(hours=0.2 / 3600, n_steps=10_000), seed=0, n_workers=0
    )

    assert 1 <= progress["n_steps"] < 10_000
    assert progress["elapsed_s"] >= 0.2


def test_the_budget_counts_whichever_comes_first():
    assert Budget(hours=1.0, n_steps=10).share_used(1800, 2) == 0.5
    assert Budget(hours=1.0, n_steps=10).share_used(360, 9) == 0.9
    assert Budget(n_steps=10).share_used(1e9, 5) == 0.5


@pytest.mark.parametrize(
    "amounts", [{"hours": 0}, {"hours": -1.0}, {"hours": np.nan}, {"n_steps": 0}, {"n_steps": -3}]
)
def test_a_budget_of_nothing_is_refused(amounts):
    with pytest.raises(InvalidInputError, match="must be .*None: no limit"):
        Budget(**amounts)


def test_the_curve_tells_losses_before_and_after_adapting(make_learner, make_episode, tmp_path):
    validation = [make_episode(0), make_episode(1), make_episode(2, n_classes=None)]

    _, progress = train(
        make_learner(), n_steps=2, folder=tmp_path, validation=validation, checkpoint_every_s=0.0
    )

    assert [point["n_steps"] for point in progress["curve"]] == [1, 2]
    stages = {"classes_unadapted", "classes_adapted", "numbers_unadapted", "numbers_adapted"}
    assert stages <= set(progress["curve"][0])
    written = json.loads((tmp_path / "checkpoint-000000002" / "progress.json").read_text())
    assert written["curve"] == progress["curve"]


@pytest.mark.gpu
def test_training_on_a_gpu_is_about_that_on_the_cpu(make_learner):
    expected, _ = train(make_learner(), n_steps=3)

    found, _ = train(make_learner(), n_steps=3, device="cuda")

    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
