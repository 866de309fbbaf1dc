import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from autometa.metatraining.checkpoint import save_checkpoint
from benchmarks import gpu_minutes
from benchmarks.__main__ import app


def run(*arguments):
    shown = CliRunner().invoke(app, [*arguments, "--json"])
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_the_command_prints_error_and_iterations():
    found = run(
        "few_shot",
        "--data",
        "sinusoid",
        "--learner",
        "maml",
        "--iterations",
        "2",
        "--episodes",
        "10",
    )

    assert found["mse"] > 0 and found["iterations"] == 2
    assert found["published"]["mse"] == 1.13


def test_the_table_says_how_many_episodes_diverged_and_what_was_published():
    command = ["few_shot", "--learner", "maml", "--iterations", "2", "--episodes", "10"]

    shown = CliRunner().invoke(app, command)

    assert shown.exit_code == 0, shown.output
    assert "'diverged': 0" in shown.stdout
    assert "1.13" in shown.stdout.partition("published:")[2]


def test_batched_and_looped_tasks_give_the_same_gradient():
    rows = run("few_shot_speed", "--seconds", "0.01", "--repeats", "1")["rows"]

    assert [row["learner"] for row in rows] == ["maml", "first_order_maml"]
    for row in rows:
        assert row["ratio"] > 0 and float(row["gradients_differ_by"]) < 1e-4


def test_a_gpu_gets_every_learner_and_size_once():
    names = [one.name for one in gpu_minutes.plan("omniglot.npz", "tables", Path("results"))]

    assert names[:2] == ["tables", "protonet-5-1"]
    sizes = ("5-1", "5-5", "20-1")
    expected = {f"{name}-{size}" for name in gpu_minutes.LEARNERS for size in sizes}
    assert {*names} == {*expected, "maml-5-1-mlp", "maml-5-5-mlp", "tables"}
    assert len(names) == len({*names})


@pytest.fixture
def make_training(tmp_path):
    def make(name, *more):
        arguments = ("bench", "few-shot", "--data", "sinusoid", "--episodes", "2", "--json")
        resumed = ("--resume", str(tmp_path / name))
        return gpu_minutes.Training(name, (*arguments, *resumed, *more), 1)

    return make


def test_trainings_tell_what_became_of_them(tmp_path, monkeypatch, make_training):
    trainings = [
        make_training("before"),
        make_training("good", "--iterations", "2"),
        make_training("bad", "--learner", "none"),
    ]
    reached = {"mse": 0.5, "ci95": 0.1, "iterations": 9, "scheduled_iterations": 10}
    found = {**reached, "seconds": 1.0, "published": {"mse": 1.13}}
    (tmp_path / "before.json").write_text(json.dumps(found))
    monkeypatch.setattr(gpu_minutes, "plan", lambda *folders: trainings)
    monkeypatch.setattr(gpu_minutes, "FIGURE", "mse")

    found = gpu_minutes.main(tmp_path, file=None, minutes=2.0, n_at_once=2, device="cpu")

    before, good, bad = found["rows"]
    assert (before["state"], good["state"], bad["state"]) == ("done", "done", "failed")
    assert (before["iterations"], good["iterations"]) == (9, 2)
    assert good["published"] == 1.13
    assert "learner" in (tmp_path / "bad.log").read_text()
    gpu_minutes.print_figures(found)


def test_what_was_begun_before_gets_as_much_time_again(tmp_path, monkeypatch, make_training):
    training, begun = make_training("long"), []
    save_checkpoint(tmp_path / "long", {"a": torch.ones(1)}, {"n_steps": 9, "elapsed_s": 3600.0})
    monkeypatch.setattr(
        gpu_minutes.subprocess, "Popen", lambda command, **files: begun.append(command)
    )

    gpu_minutes._start(training, 360.0, "cpu", tmp_path)

    assert float(begun[0][begun[0].index("--hours") + 1]) == pytest.approx(1.1)


def test_what_has_not_ended_in_time_is_ended(tmp_path, monkeypatch, make_training):
    training = make_training("long", "--checkpoint-every", "0.1")
    monkeypatch.setattr(gpu_minutes, "plan", lambda *folders: [training])
    monkeypatch.setattr(gpu_minutes, "OTHER_S", 0.1)  # its start takes all the time

    found = gpu_minutes.main(tmp_path, file=None, minutes=0.02, n_at_once=1, device="cpu")

    assert [row["state"] for row in found["rows"]] == ["ended"]
    assert not gpu_minutes._is_done(training, tmp_path)


def test_too_little_time_and_unknown_trainings_are_refused(tmp_path):
    options = {"file": tmp_path / "omniglot.npz"}
    with pytest.raises(ValueError, match="Give them more, or name some"):
        gpu_minutes.main(tmp_path, minutes=1.0, **options)
    with pytest.raises(ValueError, match="Unknown trainings .*maml-5-1"):
        gpu_minutes.main(tmp_path, names=["maml-5-9"], **options)
