import json

from typer.testing import CliRunner

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
