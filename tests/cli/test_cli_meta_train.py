import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from autometa.cli import meta_train
from autometa.knowledge import Initialisation
from autometa.metalearners import MAML
from autometa.metatraining import is_meta_dev

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--network", json.dumps({"n_hidden": 16, "n_token": 16, "n_layers": 1, "n_key": 8}))
HELD_OUT = next(name for name in map("family-{}".format, range(99)) if is_meta_dev(name))
TRAINED = [name for name in map("family-{}".format, range(9)) if not is_meta_dev(name)][:2]


@pytest.fixture
def train(run, tmp_path):
    """Meta-train a small network in this process."""

    def train(corpus, *options, n_steps=2):
        return run(
            *("meta-train", "--corpus", corpus, "--resume", tmp_path / "knowledge", *SMALL),
            *("--n-workers", 0, "--n-steps", n_steps, *options),
        )

    return train


@pytest.fixture
def started(tmp_path):
    """Start `autometa meta-train` as a process, in a group of its own, with checkpoints."""
    processes = []

    def start(corpus):
        command = ("meta-train", "--corpus", corpus, "--resume", tmp_path / "knowledge", *SMALL)
        endless = ("--hours", "1", "--checkpoint-every", "0.001")
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "autometa", *map(str, command), *endless],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        for _ in range(1200):
            if len(list(tmp_path.glob("knowledge/checkpoint-0*"))) >= 1:
                return process
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        raise AssertionError("no checkpoint within a minute")

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def provenance_of(folder):
    return json.loads((folder / "initialisation.json").read_text())["provenance"]


def test_it_writes_checkpoints_and_knowledge_that_fit_uses(
    make_corpus, train, run, table, tmp_path
):
    result = train(make_corpus([*TRAINED, HELD_OUT]))

    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "knowledge"
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-000000002"]
    provenance = provenance_of(folder)
    assert [task["family"] for task in provenance["tasks"]] == TRAINED
    assert (provenance["n_steps"], provenance["seed"]) == (2, 0)
    assert f"2 families to train on, 1 held out for the learning curve: {HELD_OUT}" in result.stderr
    assert re.search(r"step 2, 0:\d\d:\d\d: loss on held-out tables classes", result.stderr)
    fitted = run(
        *("fit", table, "--target", "y", "--n-trials", 0),
        *("--knowledge", folder, "--out", tmp_path / "model"),
    )
    assert fitted.exit_code == 0, fitted.stderr


def test_another_learner_is_trained_by_its_name(make_corpus, train, tmp_path):
    result = train(make_corpus([*TRAINED, HELD_OUT]), "--learner", "reptile", n_steps=1)

    assert result.exit_code == 0, result.stderr
    found = Initialisation.load(tmp_path / "knowledge")
    first = found.learner.init_params(0)
    assert found.learner_name == "reptile"
    assert any(not torch.equal(param, first[name]) for name, param in found.params.items())
    assert re.search(r"step 1, 0:\d\d:\d\d: loss on held-out tables classes", result.stderr)


def test_a_budget_that_is_used_up_changes_nothing_until_it_grows(make_corpus, train, tmp_path):
    corpus = make_corpus([*TRAINED, HELD_OUT])

    def weights():
        return (tmp_path / "knowledge" / "initialisation.safetensors").read_bytes()

    train(corpus, n_steps=2)
    first = weights()
    again = train(corpus, n_steps=2)
    assert "had used up its time before" in again.stderr
    assert weights() == first

    more = train(corpus, n_steps=3)

    assert "Resumed after 2 steps." in more.stderr
    assert weights() != first
    curve = provenance_of(tmp_path / "knowledge")["curve"]
    assert [point["n_steps"] for point in curve] == [2, 3]


def test_all_families_are_trained_on_where_asked(make_corpus, train, tmp_path):
    result = train(make_corpus([*TRAINED, HELD_OUT]), "--all-families")

    families = [task["family"] for task in provenance_of(tmp_path / "knowledge")["tasks"]]
    assert families == [*TRAINED, HELD_OUT]
    assert "none held out (as asked), so there is no learning curve" in result.stderr


def test_a_corpus_without_a_family_to_hold_out_says_so(make_corpus, train):
    result = train(make_corpus(TRAINED))

    assert result.exit_code == 0
    assert "2 families to train on, none held out" in result.stderr
    assert "loss on held-out" not in result.stderr


def test_a_corpus_without_splits_is_taken_whole(make_corpus, train, tmp_path):
    corpus = make_corpus(TRAINED)
    index = pd.read_csv(corpus / "index.csv")
    index.drop(columns="split").to_csv(corpus / "index.csv", index=False)

    train(corpus, "--all-families")

    assert len(provenance_of(tmp_path / "knowledge")["tasks"]) == 3


def test_a_killed_training_resumes(make_corpus, started, train, tmp_path):
    corpus = make_corpus([*TRAINED, HELD_OUT])
    process = started(corpus)

    process.kill()
    process.communicate()
    newest = max(path.name for path in tmp_path.glob("knowledge/checkpoint-0*"))
    n_steps = int(newest.removeprefix("checkpoint-"))
    assert not (tmp_path / "knowledge" / "initialisation.json").exists()
    result = train(corpus, n_steps=n_steps + 2)

    assert result.exit_code == 0, result.stderr
    assert f"Resumed after {n_steps} steps." in result.stderr
    assert provenance_of(tmp_path / "knowledge")["n_steps"] == n_steps + 2


def test_ctrl_c_writes_the_knowledge_of_the_newest_state(make_corpus, started, tmp_path):
    process = started(make_corpus([*TRAINED, HELD_OUT]))

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to its workers too
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 0, stderr
    assert "Interrupted; the same command goes on from here." in stderr
    assert "Traceback" not in stderr
    n_steps = provenance_of(tmp_path / "knowledge")["n_steps"]
    assert f"2 tasks, {n_steps} steps" in stdout
    assert (tmp_path / "knowledge" / f"checkpoint-{n_steps:09d}").is_dir()


def test_a_terminal_sees_the_step_the_loss_and_the_time_left(make_corpus, train, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")

    shown = train(make_corpus(TRAINED)).stderr

    assert "reading tables, 1 of 2" in shown
    assert "step 2, loss" in shown


def test_a_resumed_training_estimates_the_time_left_from_its_own_steps(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(meta_train.time, "monotonic", lambda: now[0])
    training = meta_train._Training(budget=None, tasks=None)
    bar = type("Bar", (), {"update": lambda self: None})()
    point = {"n_steps": 500, "elapsed_s": 50, "classes_unadapted": 0.9, "classes_adapted": 0.7}

    for now[0], share in ((0.0, 0.5), (10.0, 0.6)):
        progress = {"n_steps": 501, "loss": 1.0, "share": share, "curve": [point], "n_skipped": 0}
        training.follow(progress, bar)

    share, text = training.describe()
    assert share == 0.6
    assert text.endswith("0:00:40 left")
    assert "held out classes 0.900 -> 0.700 adapted" in text


def test_skipped_steps_are_shown_while_it_runs_and_at_the_end(make_corpus, train, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(MAML, "meta_grad", meta_grad_of_nans)

    result = train(make_corpus(TRAINED))

    assert result.exit_code == 0, result.stderr
    assert "step 2, loss nan, 2 skipped" in result.stderr
    assert "Warning: 2 of 2 outer steps were skipped" in result.stderr


def meta_grad_of_nans(learner, params, episodes):
    return {name: param * torch.nan for name, param in params.items()}, torch.tensor(torch.nan)


@pytest.mark.parametrize(
    "options, said",
    [
        (["--n-steps", "2"], "either --corpus FOLDER or --suite"),
        (["--corpus", "x", "--suite", "y", "--n-steps", "2"], "either --corpus FOLDER or --suite"),
        (["--corpus", "x"], "--hours or --n-steps"),
        (["--corpus", "x", "--hours", "-1"], "--hours must be above 0"),
        (["--corpus", "x", "--hours", "nan"], "--hours must be above 0"),
        (["--corpus", "x", "--n-steps", "0"], "--n-steps"),
        (["--corpus", "nowhere", "--n-steps", "2"], "There is no folder nowhere"),
        (["--corpus", "x", "--n-steps", "2", "--learner", "magic"], "must be one of maml"),
        (["--corpus", "x", "--n-steps", "2", "--learner", "random_weights"], "nothing to learn"),
        (["--corpus", "x", "--n-steps", "2", "--network", '{"n_hid": 1}'], "'n_hid'"),
        (["--corpus", "x", "--n-steps", "2", "--network", "16"], "is no JSON object"),
        (["--corpus", "x", "--n-steps", "2", "--device", "tpu"], "device must be"),
    ],
)
def test_bad_options_are_refused_and_leave_nothing(refused, tmp_path, options, said):
    line = refused("meta-train", *options, "--resume", tmp_path / "deep" / "knowledge")

    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_before_tables_are_read(refused, table):
    line = refused(
        *("meta-train", "--corpus", "nowhere", "--n-steps", 2, "--resume", table / "knowledge")
    )

    assert "Cannot write to --resume" in line


def test_held_out_families_only_are_refused(make_corpus, train, tmp_path):
    result = train(make_corpus([HELD_OUT]))

    assert result.exit_code == 2
    assert "the 1 found are of held-out families" in result.stderr
    assert not (tmp_path / "knowledge").exists()


def test_a_table_that_cannot_be_used_is_refused_in_a_corpus(make_corpus, train, tmp_path):
    corpus = make_corpus(TRAINED)
    (corpus / "data" / "table-1.parquet").unlink()

    result = train(corpus)

    assert result.exit_code == 2
    assert "There is no file" in result.stderr
    assert not (tmp_path / "knowledge").exists()


@pytest.mark.parametrize("change", [("--seed", 1), ("--learner", "first_order_maml")])
def test_checkpoints_of_another_training_are_refused(make_corpus, train, change):
    corpus = make_corpus(TRAINED)
    train(corpus)

    result = train(corpus, *change, n_steps=4)

    assert result.exit_code == 2
    assert f"another {change[0].strip('-')}" in result.stderr
