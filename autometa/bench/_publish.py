"""Runs of a benchmark published on OpenML, each once."""

import json
import zipfile
from pathlib import Path

import numpy as np

from autometa.bench._runs import read_runs
from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.tasks import publish_run

PUBLISHED = "published.jsonl"
#: Our columns under OpenML's names, and what turns one into the other.
MEASURES = {
    "predictive_accuracy": ("accuracy", 1.0),
    "root_mean_squared_error": ("rmse", 1.0),
    "mean_absolute_error": ("mae", 1.0),
    "wall_clock_time_millis_training": ("fit_s", 1000.0),
    "wall_clock_time_millis_testing": ("predict_s", 1000.0),
}


def publish_runs(folder, *, methods=None, on_step=None):
    """Publish on OpenML what was run on all splits of a task and not published before.

    The server and the API key are those of the ``openml`` client's configuration.

    Parameters
    ----------
    folder : path
        Of results, made with ``keep_predictions=True`` from an OpenML suite.
    methods : sequence of str, optional
    on_step : callable, optional
        Called with a text for every run that is published or left out.

    Returns
    -------
    dict of tuple to int
        The ids of the new runs by method, task and budget; None where one was left out.
    """
    folder, tell = Path(folder), on_step or (lambda text: None)
    runs = read_runs(folder)
    runs = runs[runs["openml_task_id"].notna()]
    if methods is not None:
        runs = runs[runs["method"].isin(list(methods))]
    if runs.empty:
        raise InvalidInputError(
            f"{folder} has no runs on OpenML tasks to publish. Run a suite: --suite ALIAS."
        )
    done, published = _read_published(folder), {}
    keys = ["method", "task", "budget_s", "n_threads", "seed", "options", "versions"]
    for _, rows in runs.groupby(keys, dropna=False, sort=False):
        first = rows.iloc[0]
        what = f"{first['method']} on {first['task']}"
        sessions = sorted(set(rows["session"]))
        key = [str(first[name]) for name in keys] + sessions
        if key in done:
            continue
        result = (first["method"], first["task"], first["budget_s"])
        published.setdefault(result)
        ended = rows[rows["status"] == "ok"]
        if n_lacking := int(ended["prediction_file"].isna().sum()):
            tell(
                f"{what}: not published. The predictions of {n_lacking} runs were not kept. Run it "
                "with --publish (keep_predictions=True) in another folder."
            )
            continue
        try:
            predictions = {
                int(row["fold"]): _load(folder / row["prediction_file"])
                for row in ended.to_dict("records")
            }
            run_id = publish_run(
                int(first["openml_task_id"]), predictions, **_describe(first, rows)
            )
        except (InvalidInputError, ArtefactError) as error:  # splits not run, failed or lost
            tell(f"{what}: not published. {error}")
            continue
        with (folder / PUBLISHED).open("a") as file:
            file.write(json.dumps({"key": key, "run_id": run_id}) + "\n")
        published[result] = run_id
        tell(f"{what}: run {run_id}")
    return published


def _describe(first, rows):
    """The flow, its settings and the measures, from the rows of one method on one task."""
    versions = json.loads(first["versions"])
    described = ",".join(f"{name}=={version}" for name, version in sorted(versions.items()))
    settings = {
        "time_limit": None if np.isnan(first["budget_s"]) else float(first["budget_s"]),
        "n_threads": int(first["n_threads"]),
        "seed": int(first["seed"]),
        "options": first["options"],
    }
    measures = {
        name: {
            int(row["fold"]): factor * float(row[column])
            for row in rows.to_dict("records")
            if not np.isnan(row[column])
        }
        for name, (column, factor) in MEASURES.items()
    }
    return {
        "name": f"autometa.bench.{first['method']}",
        "version": f"autometa.bench,{described}",
        "description": f"The method {first['method']} as autometa's benchmark runs it.",
        "settings": settings,
        "measures": {name: values for name, values in measures.items() if values},
    }


def _load(path):
    try:
        with np.load(path) as stored:
            return stored["rows"], stored["prediction"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"{path} holds no readable predictions: {error}.") from error


def _read_published(folder):
    path = folder / PUBLISHED
    lines = path.read_text().splitlines() if path.exists() else []
    try:
        return [json.loads(line)["key"] for line in lines]
    except (ValueError, KeyError) as error:
        raise ArtefactError(
            f"{path} has a damaged line: {error}. Remove the line; the run that it told of is "
            "published again then."
        ) from error
