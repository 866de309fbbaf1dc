import math

import numpy as np
import pandas as pd
import pytest

from autometa import load
from autometa.cli.fit import _Search


@pytest.fixture
def fit(run, table, knowledge, tmp_path):
    """Fit the table without a search, unless the options say otherwise."""

    def fit(*options, target="y"):
        common = ("--target", target, "--knowledge", knowledge, "--out", tmp_path / "model")
        result = run("fit", table, *common, "--seed", 0, *(options or ("--n-trials", 0)))
        assert result.exit_code == 0, result.stderr
        return result

    return fit


def test_a_model_from_a_file_predicts_the_rows_of_another(fit, run, table, tmp_path):
    fit()
    new = pd.read_csv(table).drop(columns="y").iloc[::-1]
    new.to_parquet(tmp_path / "new.parquet")

    result = run("predict", tmp_path / "model", tmp_path / "new.parquet", "--out", tmp_path / "p")

    assert result.exit_code == 0, result.stderr
    predicted = pd.read_csv(tmp_path / "p")
    assert predicted.columns.tolist() == ["prediction"]
    expected = load(tmp_path / "model").predict(new)
    assert predicted["prediction"].tolist() == expected.tolist()


def test_probabilities_stand_before_the_prediction(fit, run, table, tmp_path):
    fit()

    run("predict", tmp_path / "model", table, "--out", tmp_path / "p.csv", "--proba")

    predicted = pd.read_csv(tmp_path / "p.csv")
    names = ["probability_no", "probability_yes", "prediction"]
    assert predicted.columns.tolist() == names
    np.testing.assert_allclose(predicted[names[:2]].sum(axis=1), 1)
    model = load(tmp_path / "model")
    X = pd.read_csv(table).drop(columns="y")
    np.testing.assert_allclose(predicted[names[:2]], model.predict_proba(X), rtol=1e-12)


def test_columns_that_the_model_does_not_know_are_left_out_and_named(fit, run, table, tmp_path):
    fit()

    result = run("predict", tmp_path / "model", table, "--out", tmp_path / "p.csv")

    assert result.exit_code == 0
    assert "Left out, not known to the model: y" in result.stderr


def test_a_column_without_a_name_that_the_model_knows_is_no_number_of_rows(
    fit, run, table, tmp_path
):
    rows = pd.read_csv(table)
    rows.index = [*range(20), *range(len(rows) - 20)]  # of two tables, one below the other
    rows.to_csv(table)
    fit()
    rows[:20].drop(columns="y").to_csv(tmp_path / "new.csv")

    result = run("predict", tmp_path / "model", tmp_path / "new.csv", "--out", tmp_path / "p.csv")

    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv(tmp_path / "p.csv")) == 20


def test_several_targets_are_fitted_and_predicted_together(fit, run, table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(w=frame["z"] * 2, big=np.where(frame["z"] > 0, "big", "small")).to_csv(
        table, index=False
    )
    out = tmp_path / "p.csv"

    options = ("--n-trials", 1, "--time-limit", "none", "--metric", "r2")
    shown = fit(*options, target="z, w")
    run("predict", tmp_path / "model", table, "--out", out)
    assert "regression, regression" in shown.stderr and "2 trials" in shown.stdout
    assert pd.read_csv(out).columns.tolist() == ["prediction_z", "prediction_w"]
    model = load(tmp_path / "model")
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "y", "big"]

    fit(target="y,big")
    run("predict", tmp_path / "model", table, "--out", out, "--proba")
    names = [f"probability_{one}" for one in ("y_no", "y_yes", "big_big", "big_small")]
    assert pd.read_csv(out).columns.tolist() == [*names, "prediction_y", "prediction_big"]


def test_a_target_may_have_a_comma_in_its_name(fit, table, tmp_path):
    pd.read_csv(table).rename(columns={"z": "a,b"}).to_csv(table, index=False)

    fit(target="a,b")

    assert load(tmp_path / "model").feature_names_in_.tolist() == ["a", "b", "c", "y"]


def test_the_state_of_a_search_shows_the_score_of_the_target_at_hand():
    search = _Search(time_limit=None, n_trials=4, metric_name="r2")
    trial = type("Trial", (), {"value": 0.5, "state": type("State", (), {"name": "COMPLETE"})})
    worse = type("Trial", (), {"value": 0.2, "state": trial.state})

    search.count("first", trial)
    search.count("second", worse)

    assert search.describe()[1].startswith("2 trials, r2 0.2")


def test_numbers_make_a_regressor_and_a_kind_says_otherwise(fit, tmp_path):
    fit(target="z")
    assert type(load(tmp_path / "model")).__name__ == "AutoMetaRegressor"

    fit("--kind", "binary", "--n-trials", 0)
    assert type(load(tmp_path / "model")).__name__ == "AutoMetaClassifier"


def test_a_search_has_the_trials_metric_and_seed_asked_for(fit, tmp_path):
    options = ("--n-trials", 2, "--time-limit", "none", "--metric", "roc_auc")

    result = fit(*options)

    model = load(tmp_path / "model")
    assert (model.n_trials_, model.metric, model.random_state) == (2, "roc_auc", 0)
    assert model.time_limit is None
    assert "2 trials" in result.stdout and "roc_auc" in result.stdout


def test_a_terminal_sees_a_bar_with_trials_score_and_time_left(fit, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")

    assert "trials" in fit("--n-trials", 1).stderr


def test_the_state_of_a_search_counts_whichever_limit_is_nearer():
    search = _Search(time_limit=1000.0, n_trials=4, metric_name="r2")
    trial = type("Trial", (), {"value": 0.5, "state": type("State", (), {"name": "COMPLETE"})})
    search.count(None, trial)

    share, text = search.describe()

    assert share == 0.25
    assert text.startswith("1 trials, r2 0.5, 0:00:0")
    assert _Search(None, None, "r2").describe()[0] is None
    assert _Search(0.0, 0, "r2").describe()[1] == "0 trials"
    assert not math.isnan(share)


@pytest.mark.parametrize("on_known_task, code", [("raise", 2), ("warn", 0), ("ignore", 0)])
def test_a_known_task_is_refused_warned_of_or_taken(run, table, tmp_path, on_known_task, code):
    from autometa.knowledge import Initialisation
    from autometa.metalearners import MAML
    from autometa.tasks import fingerprint, task_from_file

    config = {"network": {"n_hidden": 8, "n_token": 8, "n_layers": 1}}
    task = task_from_file(table, "y")
    seen = {"name": "seen", "fingerprint": fingerprint(task.X, task.y).to_dict()}
    params = MAML(**config).init_params(0)
    Initialisation(params, "maml", config, {"tasks": [seen]}).save(tmp_path / "knowing")

    result = run(
        *("fit", table, "--target", "y", "--n-trials", 0, "--out", tmp_path / "model"),
        *("--knowledge", tmp_path / "knowing", "--on-known-task", on_known_task),
    )

    assert result.exit_code == code, result.stderr
    assert (tmp_path / "model").exists() == (code == 0)
    warned = [line for line in result.stderr.splitlines() if line.startswith("Warning: This table")]
    assert len(warned) == (on_known_task == "warn")


@pytest.mark.parametrize(
    "options, said",
    [
        (["--target", "nothing"], "has no column 'nothing'. Its columns: a, b, c, y, z."),
        (["--target", "y,z"], "Targets ['z'] are numbers, the others are classes"),
        (["--target", "y,nothing"], "Target 'nothing': table has no column 'nothing'"),
        (["--target", "y", "--time-limit", "-1"], "'-1' is no number of seconds"),
        (["--target", "y", "--time-limit", "nan"], "'nan' is no number of seconds"),
        (["--target", "y", "--n-trials", "-1"], "--n-trials"),
        (["--target", "y", "--metric", "r2"], "metric must be one of"),
        (["--target", "y", "--kind", "regression"], "must be numeric"),
        (["--target", "y", "--device", "tpu"], "device must be"),
        (["--target", "y", "--knowledge", "nowhere"], "nowhere holds no readable"),
        ([], "Missing option '--target'"),
    ],
)
def test_bad_options_of_fit_are_refused_and_leave_nothing(refused, table, tmp_path, options, said):
    line = refused("fit", table, *options, "--out", tmp_path / "deep" / "model")

    assert said in line
    assert list(tmp_path.iterdir()) == [table]


def test_a_table_that_is_not_there_is_refused(refused, tmp_path):
    line = refused("fit", tmp_path / "no.csv", "--target", "y", "--out", tmp_path / "model")

    assert "There is no file" in line


def test_an_output_folder_that_cannot_be_made_is_noticed_before_the_table_is_read(
    refused, table, tmp_path
):
    line = refused("fit", "missing.csv", "--target", "y", "--out", table / "model")

    assert f"Cannot write to --out {table / 'model'}: Not a directory" in line


def test_bad_requests_of_predict_are_refused_and_leave_nothing(fit, refused, table, tmp_path):
    fit(target="z")
    pd.DataFrame({"a": [1.0], "b": [2.0]}).to_csv(tmp_path / "narrow.csv", index=False)
    before = sorted(tmp_path.rglob("*"))
    model, out = tmp_path / "model", tmp_path / "p.csv"

    refused_for = {
        "--proba is for classes": (model, table, "--out", out, "--proba"),
        "Feature names seen at fit time": (model, tmp_path / "narrow.csv", "--out", out),
        "holds no readable estimator.json": (tmp_path, table, "--out", out),
        "is the table itself": (model, table, "--out", table),
        "is a folder": (model, table, "--out", tmp_path),
        "Cannot write to --out": (model, table, "--out", table / "p.csv"),
    }

    for said, arguments in refused_for.items():
        assert said in refused("predict", *arguments)
    assert sorted(tmp_path.rglob("*")) == before
