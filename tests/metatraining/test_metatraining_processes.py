import subprocess
import sys
import textwrap

import pytest
import torch

from autometa.metalearners import MAML
from autometa.metatraining import Budget, EpisodeBatches, Processes, meta_train, processes

NETWORK = {"n_hidden": 8, "n_token": 8, "n_layers": 1, "n_heads": 2, "n_key": 4}
TRAIN = f"""
    import sys, torch
    from autometa.metalearners import MAML
    from autometa.metatraining import Budget, EpisodeBatches, Processes, meta_train

    torch.set_num_threads(1)
    params, progress = meta_train(
        MAML(network={NETWORK}),
        EpisodeBatches([], batch_size=2, real_share=0.0, seed=0),
        Budget(n_steps=3),
        seed=0,
        folder=sys.argv[1],
        n_workers=0,
    )
    torch.save(params, f"{{sys.argv[1]}}/params-{{Processes.join().rank}}.pt")
"""


class BothHalves(EpisodeBatches):
    """What two processes read in one step, one after the other."""

    def __getitem__(self, number):
        return [super(BothHalves, self).__getitem__(2 * number + rank) for rank in (0, 1)]


class MeanOfBoth(MAML):
    def meta_grad(self, params, episodes):
        found = [super(MeanOfBoth, self).meta_grad(params, half) for half in episodes]
        grads = {name: (found[0][0][name] + found[1][0][name]) / 2 for name in params}
        return grads, found[0][1]


def test_two_processes_take_the_steps_of_one_with_both_batches(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(TRAIN))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [torch.load(tmp_path / f"params-{rank}.pt", weights_only=True) for rank in (0, 1)]

    expected, _ = meta_train(
        MeanOfBoth(network=NETWORK),
        BothHalves([], batch_size=2, real_share=0.0, seed=0),
        Budget(n_steps=3),
        seed=0,
        n_workers=0,
    )

    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-6)
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-000000003"]


def test_a_process_alone_averages_nothing():
    alone = Processes.join()
    tensors = {"w": torch.tensor([1.0, 2.0])}

    assert alone == Processes(rank=0, count=1)
    assert alone.mean(tensors) is tensors
    assert alone.first_says(0.25) == 0.25


def test_each_process_has_a_gpu_of_its_own(monkeypatch):
    taken = []
    monkeypatch.setattr(processes.distributed, "is_initialized", lambda: bool(taken))
    monkeypatch.setattr(processes.distributed, "init_process_group", lambda backend: None)
    monkeypatch.setattr(processes.distributed, "get_rank", lambda: 5)
    monkeypatch.setattr(processes.distributed, "get_world_size", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "5")

    assert [Processes.join() for _ in range(2)] == [Processes(5, 8)] * 2
    assert taken == [1]


def test_training_starts_from_the_tensors_that_fit():
    learner = MAML(network=NETWORK)
    start = {name: param + 0.01 for name, param in learner.init_params(1).items()}
    start["keys"] = torch.zeros(3)
    start["unknown"] = torch.zeros(3)
    options = {"seed": 0, "n_workers": 0, "meta_lr": 0.0}
    batches = EpisodeBatches([], batch_size=2, real_share=0.0, seed=0)

    params, _ = meta_train(learner, batches, Budget(n_steps=1), start=start, **options)

    fresh = learner.init_params(0)
    assert set(params) == set(fresh)
    for name, param in params.items():
        expected = fresh[name] if name == "keys" else start[name]
        assert param.flatten().tolist() == pytest.approx(expected.flatten().tolist())
