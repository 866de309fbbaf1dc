import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks import lent_gpu
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


def test_a_lent_gpu_gets_every_learner_and_size_once():
    names = [one.name for one in lent_gpu.plan("omniglot.npz", "tables", Path("results"))]

    assert names[:2] == ["tables", "protonet-5-1"]
    expected = {f"{name}-{size}" for name in lent_gpu.LEARNERS for size in ("5-1", "5-5", "20-1")}
    assert {*names} == {*expected, "maml-5-1-mlp", "maml-5-5-mlp", "tables"}
    assert len(names) == len({*names})


def test_trainings_go_on_from_what_is_there_and_tell_what_failed(tmp_path, monkeypatch):
    sinusoid = ("bench", "few-shot", "--data", "sinusoid", "--iterations", "2", "--episodes", "2")
    trainings = [
        lent_gpu.Training("good", (*sinusoid, "--json"), 1),
        lent_gpu.Training("bad", (*sinusoid, "--learner", "none"), 1),
        lent_gpu.Training("late", (*sinusoid, "--json"), 1),
    ]
    (tmp_path / "late.json").write_text(
        json.dumps(
            {
                "mse": 0.5,
                "ci95": 0.5,
                "iterations": 9,
                "scheduled_iterations": 10,
                "seconds": 1.0,
                "published": {"mse": 1.13},
            }
        )
    )
    monkeypatch.setattr(lent_gpu, "plan", lambda *folders: trainings)
    monkeypatch.setattr(lent_gpu, "FIGURE", "mse")

    found = lent_gpu.main(tmp_path, file=None, minutes=2.0, n_at_once=2, device="cpu")

    good, bad, late = found["rows"]
    assert (good["state"], bad["state"], late["state"]) == ("done", "failed", None)
    assert good["iterations"] == 2 and good["published"] == 1.13
    assert "learner" in (tmp_path / "bad.log").read_text()
    lent_gpu.print_figures(found)
