"""``autometa fit``: from a table in a file to a model in a folder."""

import math
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._bar import ProgressBar, time_left
from autometa.cli._errors import Debug
from autometa.cli._output import check_folder
from autometa.exceptions import InvalidInputError

NAME = "fit"
EXAMPLE = "Example: autometa fit train.csv --target price --time-limit 60 --out model"


class Kind(StrEnum):
    BINARY = "binary"
    MULTICLASS = "multiclass"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class OnKnownTask(StrEnum):
    WARN = "warn"
    RAISE = "raise"
    IGNORE = "ignore"


def _seconds(text):
    if str(text).lower() == "none":
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise typer.BadParameter(f"{text!r} is no number of seconds >= 0, and not 'none'.")
    return seconds


def run(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Table: .csv, .csv.gz, .parquet or .arff.")
    ],
    target: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="The column to predict, or several with commas between.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the model goes.", show_default=False)
    ],
    kind: Annotated[
        Kind | None, typer.Option(help="What the target is; by default as its values look.")
    ] = None,
    time_limit: Annotated[
        float,
        typer.Option(parser=_seconds, metavar="SECONDS", help="For the whole fit, or 'none'."),
    ] = "60",
    n_trials: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Configurations to try; by default as many as fit the time. "
            "0 takes the weights as proposed.",
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What the search maximises, e.g. roc_auc or r2.")
    ] = None,
    knowledge: Annotated[
        str, typer.Option(metavar="FOLDER", help="A folder of `autometa meta-train` or `collect`.")
    ] = "default",
    on_known_task: Annotated[
        OnKnownTask,
        typer.Option(
            help="What to do where the table was seen in meta-training, or hyperparameters were "
            "evaluated on it."
        ),
    ] = OnKnownTask.WARN,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Makes the fit repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    debug: Debug = False,
):
    """Fit a table: propose weights for it, search how to adapt them, adapt them.

    Ctrl-C ends the search early and keeps the best model so far.
    """
    check_folder(out, "--out")

    from autometa._device import find_device
    from autometa._metrics import find_metric
    from autometa.estimators import AutoMetaClassifier, AutoMetaRegressor
    from autometa.tasks import tasks_from_file

    find_device(device)
    tasks = tasks_from_file(file, target, None if kind is None else kind.value)
    is_regression = _are_numbers(tasks)
    metric_name = find_metric(metric, is_regression=is_regression).name
    task, kinds = tasks[0], ", ".join(one.kind for one in tasks)
    typer.echo(f"{task.name}: {task.n_rows} rows, {task.n_features} columns, {kinds}", err=True)
    limit = None if math.isinf(time_limit) else time_limit
    search = _Search(limit, None if n_trials is None else n_trials * len(tasks), metric_name)
    model = (AutoMetaRegressor if is_regression else AutoMetaClassifier)(
        time_limit=limit,
        n_trials=n_trials,
        metric=metric,
        knowledge=knowledge,
        on_known_task=on_known_task.value,
        device=device,
        callbacks=[search.count],
        random_state=seed,
    )
    with ProgressBar(search.describe):
        model.fit(task.X, task.y if len(tasks) == 1 else _side_by_side(tasks))
    model.save(out)
    scores = [model.best_score_] if len(tasks) == 1 else model.best_score_
    outcome = "weights as proposed"
    if any(map(math.isfinite, scores)):
        outcome = f"{metric_name} {', '.join(f'{one:.5g}' for one in scores)} in validation"
    typer.echo(f"{out}: {model.n_trials_} trials in {model.fit_time_s_:.1f} s, {outcome}")


def _are_numbers(tasks):
    """Whether the targets are numbers; some of each kind are refused."""
    kinds = {task.kind == "regression" for task in tasks}
    if len(kinds) > 1:
        numbers = [task.y.name for task in tasks if task.kind == "regression"]
        raise InvalidInputError(
            f"Targets {numbers} are numbers, the others are classes. Fit them apart, or say what "
            "all of them are with --kind."
        )
    return kinds.pop()


def _side_by_side(tasks):
    import pandas as pd

    return pd.concat([task.y for task in tasks], axis=1)


class _Search:
    """What is known of a running search."""

    def __init__(self, time_limit, n_trials, metric_name):
        self.time_limit, self.n_trials, self.metric_name = time_limit, n_trials, metric_name
        self.n_done, self.best_score, self.study = 0, -math.inf, None
        self.started_s = time.monotonic()

    def count(self, study, trial):
        self.n_done += 1
        if study is not self.study:  # that of the next target
            self.study, self.best_score = study, -math.inf
        if trial.value is not None and trial.state.name == "COMPLETE":
            self.best_score = max(self.best_score, trial.value)

    def describe(self):
        elapsed_s = time.monotonic() - self.started_s
        shares = [self.n_done / self.n_trials] if self.n_trials else []
        if self.time_limit:
            shares.append(elapsed_s / self.time_limit)
        share = min(1.0, max(shares)) if shares else None
        best = f", {self.metric_name} {self.best_score:.5g}" if self.best_score > -math.inf else ""
        return share, f"{self.n_done} trials{best}{time_left(elapsed_s, share)}"
