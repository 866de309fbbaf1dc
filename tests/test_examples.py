"""The examples and the README do what they say: each runs in a process of its own."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openml_server import OpenMLServer

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run_python(*arguments, folder, ends_with=0, **environment):
    """Run python in an empty folder, warnings as errors; return what it printed."""
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            **environment,
        },
    )
    assert ended.returncode == ends_with, ended.stdout + ended.stderr
    return ended.stdout if ends_with == 0 else ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        "first_fit",
        "csv_from_the_command_line",
        "meta_train_your_own",
    ],
)
def test_an_example_runs_as_a_plain_script(name, tmp_path):
    printed = run_python(ROOT / "examples" / f"{name}.py", folder=tmp_path)

    assert printed.strip()
    assert list(tmp_path.iterdir()) == [], "an example leaves nothing behind"


def test_the_example_of_a_warm_start_leaves_its_plot_and_says_where(tmp_path):
    printed = run_python(ROOT / "examples" / "warm_start_your_own_study.py", folder=tmp_path)

    paths = [tmp_path.resolve() / "warm_start.png"] if find_spec("matplotlib") else []
    assert list(tmp_path.resolve().iterdir()) == paths
    for path in paths:
        assert f"The plot is in {path}" in printed
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_demo_predicts_better_than_guessing(tmp_path):
    printed = run_python(ROOT / "examples" / "demo.py", "--seconds", "2", folder=tmp_path)

    rows = [line.split() for line in printed.splitlines() if re.search(r"\d\.\d$", line)]
    losses = [float(row[-3]) for row in rows]  # per table: guessing, proposed, adapted
    assert len(losses) == 6
    for guessing, proposed, adapted in (losses[:3], losses[3:]):
        assert proposed < guessing
        assert adapted < guessing


def test_the_demo_reads_a_file(tmp_path):
    lines = [f"{row},{'even' if row % 2 else 'odd'},{row % 7}" for row in range(80)]
    (tmp_path / "numbers.csv").write_text("\n".join(["row,parity,rest", *lines]))

    printed = run_python(
        ROOT / "examples" / "demo.py",
        *("--data", "numbers.csv", "--target", "parity", "--seconds", "1"),
        folder=tmp_path,
    )

    assert "numbers: 60 rows to learn from, 20 to predict" in printed


@pytest.mark.parametrize(("n_labels", "is_refused"), [(30, False), (60, True)])
def test_the_demo_of_a_table_with_few_rows_a_class(tmp_path, n_labels, is_refused):
    rng = np.random.default_rng(0)
    labels = [f"label {row % n_labels}" for row in range(60)]
    pd.DataFrame({"size": rng.normal(size=60), "label": labels}).to_csv(
        tmp_path / "few.csv", index=False
    )

    printed = run_python(
        ROOT / "examples" / "demo.py",
        *("--data", "few.csv", "--target", "label", "--seconds", "1"),
        folder=tmp_path,
        ends_with=int(is_refused),
    )

    assert ("few: no row held out has a class that was learned from" in printed) == is_refused
    assert "Traceback" not in printed


@pytest.fixture
def run_with_suite(tmp_path):
    """Run an example whose first argument is a suite of two small tasks on a local server."""

    def run(name, *arguments):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(90, 3)).round(3), columns=["a", "b", "c"])
        frame["kind"] = pd.Categorical(np.where(frame["a"] + frame["b"] > 0, "yes", "no"))
        datasets = {
            61: {"name": "kinds", "frame": frame, "target": "kind"},
            62: {"name": "numbers", "frame": frame, "target": "c", "task_type": 2},
        }
        settings, folder = tmp_path / "settings", tmp_path / "empty"
        (settings / "openml").mkdir(parents=True)
        folder.mkdir()
        with OpenMLServer(datasets, {"two-tasks": [1061, 1062]}) as server:
            (settings / "openml" / "config").write_text(
                f"server={server.url}\napikey=any\ncachedir={tmp_path / 'cache'}\n"
            )
            return run_python(
                *(ROOT / "examples" / f"{name}.py", "two-tasks", *arguments),
                folder=folder,
                XDG_CONFIG_HOME=str(settings),
                XDG_CACHE_HOME=str(tmp_path),
                OPENML_CACHE_DIR=str(tmp_path / "cache"),
                no_proxy="127.0.0.1",
            )

    return run


def test_the_suite_example_gets_its_tasks_from_the_server_of_the_openml_client(run_with_suite):
    printed = run_with_suite("from_an_openml_suite")

    scores = dict(line.split()[:2] for line in printed.splitlines() if line.strip())
    assert scores == {"kinds-t1061": "accuracy", "numbers-t1062": "R2"}


def test_the_benchmark_example_compares_on_a_suite_and_draws(run_with_suite, tmp_path):
    pytest.importorskip("matplotlib")

    printed = run_with_suite("benchmark_a_suite", tmp_path / "out")

    assert "Overlap with meta-training: 0 of 2 tasks" in printed
    assert "No run failed." in printed
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        *("wins.png", "ranks.png", "time.png")
    }


def test_all_examples_are_tested():
    source = Path(__file__).read_text("utf-8")

    for path in EXAMPLES:
        assert path.stem in source


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_cut_into_cells(path):
    assert re.search("^# %%", path.read_text("utf-8"), re.MULTILINE)


def test_the_python_blocks_of_the_readme_run_in_order(tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert blocks

    run_python("-c", "\n".join(blocks), folder=tmp_path)
