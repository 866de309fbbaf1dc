"""``autometa collect``: configurations evaluated on a collection of tables, into a folder."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._bar import ProgressBar, clock, time_left
from autometa.cli._errors import Debug, print_line
from autometa.cli._output import check_folder
from autometa.exceptions import InvalidInputError, MissingExtraError

NAME = "collect"
EXAMPLE = """\b
Examples:
  autometa collect --corpus tables --families lightgbm,random_forest --n-configs 32 --out collected
  autometa collect --suite OpenML-CC18 --families linear,svm --n-configs 16 --n-jobs 4 --out mine
The same command goes on where an earlier one ended."""


def run(
    families: Annotated[
        str,
        typer.Option(
            metavar="NAME,...", help="Which families, e.g. lightgbm,svm.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where evaluations go. What it holds is not evaluated again.",
            show_default=False,
        ),
    ],
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Tables: index.csv (columns name, task, target, and perhaps family and split) and "
            "data/<name>.parquet. Where there is a split, only its meta-train rows are used.",
        ),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="An OpenML suite, by alias or id.")
    ] = None,
    n_configs: Annotated[
        int,
        typer.Option(min=1, help="Configurations a family, its default first; may grow later."),
    ] = 32,
    n_adaptive: Annotated[
        int,
        typer.Option(
            min=0,
            help="Tables of classes, and as many of numbers, that are searched for a better "
            "configuration, by 20 trials each; all tables get it.",
        ),
    ] = 4,
    time_limit: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="For one configuration with all its folds."),
    ] = 60.0,
    max_rows: Annotated[int, typer.Option(help="Of a larger table so many are drawn.")] = 2_000,
    n_folds: Annotated[int, typer.Option(help="Of the cross-validation.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of rows, folds and configurations.")] = 0,
    n_jobs: Annotated[int, typer.Option(help="Processes at once, of one thread each.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a Dask cluster to work on instead, e.g. tcp://10.0.0.1:8786.",
        ),
    ] = None,
    knowledge: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="What the adapted network starts from, as meta-train wrote it; by default what "
            "ships.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Of the adapted network: auto, cpu or cuda.")] = "cpu",
    debug: Debug = False,
):
    """Evaluate configurations on many tables, for `autometa suggest` to learn from.

    Every table gets the same configurations of a family: its default, others that fill its search
    space, and the best that searches on some of the tables find. Ctrl-C ends it; what is finished
    stays, and the same command goes on.
    """
    if (corpus is None) == (suite is None):
        raise InvalidInputError("Name the tables: either --corpus FOLDER or --suite ALIAS.")
    if n_jobs == 0:
        raise InvalidInputError("--n-jobs must not be 0. Use 1, or -1 for all cores.")
    names = [name.strip() for name in families.split(",") if name.strip()]
    check_folder(out, "--out")

    from autometa._device import find_device
    from autometa.collecting import collect

    tasks = _read_tasks(corpus, suite)
    initialisation = _load_initialisation(knowledge)
    progress = _Progress(len(tasks))
    bar = ProgressBar(progress.describe)
    try:
        with bar, _backend(scheduler, n_jobs):
            collected = collect(
                tasks,
                names,
                n_configs,
                out,
                n_adaptive=n_adaptive,
                time_limit_s=time_limit,
                max_rows=max_rows,
                n_folds=n_folds,
                seed=seed,
                initialisation=initialisation,
                device=find_device(device) if "adapted_network" in names else "cpu",
                on_progress=progress.follow,
            )
    except KeyboardInterrupt:
        _save_knowledge(out)
        raise
    _save_knowledge(out)
    _report(out, collected)


def _read_tasks(corpus, suite):
    from autometa.tasks import load_suite, read_corpus, read_index

    if corpus is None:
        return load_suite(int(suite) if suite.isdecimal() else suite)
    split = "meta-train" if "split" in read_index(corpus).columns else None
    return read_corpus(corpus, split=split)


def _load_initialisation(folder):
    if folder is None:
        return None
    from autometa.knowledge import Initialisation

    return Initialisation.load(folder)


def _save_knowledge(out):
    """Beside what was collected, write what `autometa suggest` reads: of all that is finished."""
    from autometa.collecting import read_collected

    if not (out / "tasks.jsonl").is_file():
        return
    collected = read_collected(out)
    if len(collected.evaluations):
        collected.to_knowledge().save(out)


def _backend(scheduler, n_jobs):
    from joblib import parallel_config

    if scheduler is None:
        return parallel_config(n_jobs=n_jobs)
    if find_spec("distributed") is None:
        raise MissingExtraError(
            "--scheduler needs the package distributed. "
            "Install it with: pip install 'autometa[dask]'"
        )
    try:
        return parallel_config(backend="dask", scheduler_host=scheduler)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"--scheduler {scheduler} cannot be reached: {error}. Start one by `dask scheduler`, "
            "which prints its address."
        ) from error


class _Progress:
    """How far collecting is, and how long the rest may take."""

    def __init__(self, n_tasks):
        self.n_tasks = n_tasks
        self._last, self._started_s, self._n_before = None, time.monotonic(), 0

    def follow(self, progress):
        if self._last is None or progress["n_done"] <= self._last["n_done"]:  # what was found comes
            self._started_s, self._n_before = time.monotonic(), progress["n_done"] - 1
        self._last = progress

    def describe(self):
        if self._last is None:
            return None, f"reading {self.n_tasks} tables"
        n_done, n_pieces = self._last["n_done"], self._last["n_pieces"]
        elapsed_s = time.monotonic() - self._started_s
        done = (n_done - self._n_before) / max(1, n_pieces - self._n_before)
        text = f"{n_done} of {n_pieces} pieces, {self._last['family']} on {self._last['task']}"
        return n_done / n_pieces, f"{text}{time_left(elapsed_s, done)}"


def _report(out, collected):
    whole = collected.evaluations.groupby(["family", "task", "config"], sort=False).last()
    for family, records in whole.groupby(level="family", sort=False):
        n_tasks = records.index.get_level_values("task").nunique()
        is_ok = records["status"] == "ok"
        typer.echo(
            f"{family}: {is_ok.sum()} configurations on {n_tasks} tables, "
            f"{clock(records['cost_s'].sum())} of fitting"
        )
        if not is_ok.all():
            counts = records.loc[~is_ok, "status"].value_counts()
            shown = ", ".join(f"{n} {status}" for status, n in counts.items())
            first = records.loc[~is_ok, "message"].iloc[0]
            print_line(f"Warning: {family}: {shown} besides, such as: {first}")
    typer.echo(f"{out}: {len(collected.metafeatures)} tables described")
