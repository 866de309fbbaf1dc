"""The benchmarks of time and memory, at sizes that take seconds."""

import json

import pytest
import torch
from typer.testing import CliRunner

from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from benchmarks import batching, fit_time, limits, sampler_time, training_speed
from benchmarks.__main__ import app


def test_a_group_gives_the_numbers_of_single_trials():
    figures = batching.main(
        device="cpu", n_rows=[60], n_configs=3, n_folds=2, n_steps=2, repeats=1, n_threads=1
    )

    (run,) = figures["runs"]
    assert run["largest_difference"] < batching.TOLERANCE
    assert run["ratio_to_by_fold"] > 0


def test_fits_are_timed_and_memory_is_measured_in_a_process_of_its_own(tmp_path):
    config = {"n_inner_steps": 1, "network": {"n_hidden": 16, "n_token": 16}}
    params = METALEARNERS["maml"](**config).init_params(0)
    Initialisation(params, "maml", config, {"tasks": []}).save(tmp_path)

    fit = fit_time.time_fits(str(tmp_path), repeats=2)
    figures = fit_time.main(parts=["memory"], knowledge=tmp_path, max_rows=1_000)

    assert 0 < fit["median_s"] <= fit["slowest_s"]
    assert figures["memory"][0]["peak_mb"] > 0
    fit_time.print_figures({**figures, "fit": fit})


def test_a_fit_with_a_limit_is_measured_in_a_process_of_its_own(capsys):
    figures = limits.main(shapes=[(60, 3)], limits=[0.0], n_jobs=[1])

    (row,) = figures["rows"]
    assert row["fit_s"] > 0 and row["beyond_mb"] >= 0 and row["predict_s"] > 0
    limits.print_figures(figures)
    assert "10,000 predicted" in capsys.readouterr().out


def test_what_the_sampler_adds_is_told_of_both_storages(capsys):
    figures = sampler_time.main(family="knn", n_trials=3, repeats=1)

    assert figures["proposals"]["cpu_ms"] > 0
    assert set(figures["added"]) == {"in memory", "SQLite"}
    for found in figures["added"].values():
        assert found["n_proposed"] == 3
        assert found["base_ms"]["cpu"]["mean"] > 0
        assert found["added_by_proposals_ms"] == found["added_ms"]
    sampler_time.print_figures(figures)
    assert "SQLite" in capsys.readouterr().out


def test_the_command_times_the_sampler_of_the_family_asked_for(monkeypatch):
    monkeypatch.setattr(sampler_time, "main", lambda **options: options)

    ended = CliRunner().invoke(
        app, ["fit_time", "--parts", "sampler", "--family", "lightgbm", "--json"]
    )

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["sampler"] == {"family": "lightgbm"}


def test_memory_per_row_is_the_slope():
    memory = [{"n_rows": 1_000, "peak_mb": 100}, {"n_rows": 11_000, "peak_mb": 120}]

    assert fit_time.memory_per_row(memory) == pytest.approx([2.0])


@pytest.mark.parametrize(
    "name",
    ["warm_weights", "fit_time", "limits", "batching", "fingerprint", "metafeature_token", "oboe"],
)
def test_every_command_has_a_help(name):
    shown = CliRunner().invoke(app, [name, "--help"])

    assert shown.exit_code == 0
    assert "--json" in shown.output


def test_figures_are_recorded_with_date_and_command(tmp_path):
    options = ["--rows", "40", "--configs", "2", "--folds", "2", "--steps", "1", "--repeats", "1"]
    options += ["--threads", "1", "--device", "cpu"]

    shown = CliRunner().invoke(app, ["batching", *options, "--json", "--record", str(tmp_path)])

    assert shown.exit_code == 0, shown.output
    (path,) = tmp_path.glob("*-batching.json")
    recorded = json.loads(path.read_text())
    assert recorded["runs"] == json.loads(shown.output)["runs"]
    assert recorded["date"][:10] == path.name[:10]
    assert "batching" in (tmp_path / "log.txt").read_text()


def test_training_is_measured_against_the_machine(capsys):
    network = {"n_hidden": 8, "n_token": 8, "n_layers": 1}

    figures = training_speed.main(n_batches=1, batch_size=2, network=network, repeats=1)

    exact, rough = figures["rows"]
    assert exact["gradient_differs_by"] == 0 < rough["gradient_differs_by"]
    assert exact["gflop_per_episode"] == rough["gflop_per_episode"]
    assert 0 < exact["share_of_limit"] < 1
    training_speed.print_figures(figures)
    assert "gigaflops" in capsys.readouterr().out


def test_products_and_factorisations_are_counted():
    with training_speed._Counter() as counter:
        a = torch.eye(6) @ torch.eye(6)
        torch.linalg.cholesky_ex(a)

    assert counter.n_flop == 2 * 6**3 + 6**3 // 3
