"""``autometa bench``: methods on tables under time limits, compared."""

from pathlib import Path
from typing import Annotated

import typer

from autometa.cli import bench_few_shot
from autometa.cli._bar import ProgressBar
from autometa.cli._errors import Debug, print_line
from autometa.cli._output import check_folder
from autometa.exceptions import InvalidInputError, MissingExtraError

NAME = "bench"
app = typer.Typer(
    help="Compare methods on tables, under time limits; try meta-learners on known data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command(bench_few_shot.NAME, epilog=bench_few_shot.EXAMPLE)(bench_few_shot.run)

Results = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Where runs are kept.", show_default=False)
]
Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="roc_auc, log_loss, accuracy, rmse, mae or r2; by default AUC for two classes, "
        "log-loss for more, RMSE for numbers.",
    ),
]
AUTOML_EXAMPLE = """\b
Examples:
  autometa bench automl --corpus tables --budget 10:3 --budget 60:1 --results runs
  autometa bench automl --suite OpenML-CC18 --methods autometa,flaml --peers peers --results runs
  autometa bench automl --corpus tables --methods autometa,mine.py --results runs
  autometa bench automl --corpus tables --methods mine.py --reuse runs --rerun mine --results again
--budget 10:3 gives ten seconds on three outer folds of each table. The same command goes on where
an earlier one ended; it runs nothing twice, not even what failed. The last example does, for a
method that was changed."""
PEERS_EXAMPLE = """\b
Example:
  autometa bench peers --folder peers flaml autogluon"""
REPORT_EXAMPLE = """\b
Example:
  autometa bench report --results runs --out report"""


@app.command("automl", epilog=AUTOML_EXAMPLE)
def automl(
    results: Results,
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Tables: index.csv (columns name, task, target, and perhaps n_rows and split) and "
            "data/<name>.parquet.",
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(metavar="ALIAS", help="An OpenML suite, by alias or id, with its own splits."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Where the corpus has splits, the one to use; 'all' for all. [default: meta-valid]"
        ),
    ] = None,
    min_rows: Annotated[int, typer.Option(help="Leave out smaller tables of the corpus.")] = 0,
    max_tasks: Annotated[int | None, typer.Option(min=1, help="Use so many tables.")] = None,
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Of methods that come with the package, or paths of .py files with a function "
            "fit(job).",
        ),
    ] = "autometa,linear,random_forest",
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="SECONDS[:FOLDS]", help="May be repeated. [default: 10:3]"),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", exists=True, help="Environments built by `autometa bench peers`."
        ),
    ] = None,
    reuse: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", exists=True, help="Other results that count as done; may be repeated."
        ),
    ] = None,
    rerun: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Methods whose runs in --reuse do not count; without it, in --results.",
        ),
    ] = "",
    knowledge: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="For autometa, in place of what ships."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of every run.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and methods.")] = 0,
    memory: Annotated[
        float | None, typer.Option(metavar="GB", help="End a run that takes more.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0, help="Start no run after this time.")
    ] = None,
    metric: Metric = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Upload the runs on a suite to OpenML.")
    ] = False,
    debug: Debug = False,
):
    """Run methods on tables, each run in a process of its own, and compare them.

    Failed runs rank last. Ctrl-C ends it; what is finished stays.
    """
    check_folder(results, "--results")
    if publish and suite is None:
        raise InvalidInputError("--publish needs --suite: runs are published on OpenML's tasks.")
    if suite is not None and (split is not None or min_rows):
        raise InvalidInputError(
            "--split and --min-rows are for --corpus. Leave them out; --max-tasks takes the first "
            "tables of a suite."
        )

    from autometa.bench import benchmark_tasks, find_methods, report_text, run_benchmark
    from autometa.bench._scores import check_metric

    check_metric(metric)
    budgets = _read_budgets(budget or ["10:3"])
    chosen = find_methods([name.strip() for name in methods.split(",") if name.strip()])
    tasks = benchmark_tasks(
        *(corpus, suite),
        split=None if split == "all" else split or "meta-valid",
        min_rows=min_rows,
        max_tasks=max_tasks,
    )
    if publish:
        _check_splits(tasks, budgets)
    progress = _Progress(len(tasks))
    with ProgressBar(progress.describe):
        runs = run_benchmark(
            *(tasks, chosen, budgets, results),
            peers=peers,
            reuse=reuse or (),
            rerun=[name.strip() for name in rerun.split(",") if name.strip()],
            knowledge=knowledge,
            n_threads=threads,
            seed=seed,
            memory_mb=None if memory is None else memory * 1000,
            hours=hours,
            keep_predictions=publish,
            on_progress=progress.follow,
        )
    typer.echo(report_text(_of_setting(runs, threads, seed), metric=metric), nl=False)
    if publish:
        from autometa.bench import publish_runs

        names = [method.name for method in chosen]
        ids = publish_runs(results, methods=names, on_step=print_line).values()
        if n_left_out := sum(run_id is None for run_id in ids):
            raise InvalidInputError(
                f"{n_left_out} of {len(ids)} results were not published; it says above why."
            )


@app.command("peers", epilog=PEERS_EXAMPLE)
def peers(
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where environments go.", show_default=False)
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Environments or methods, or .py files of your own; by default all that come "
            "with the package.",
        ),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also those that are there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be installed, and install nothing.")
    ] = False,
    debug: Debug = False,
):
    """Build virtual environments for other methods, apart from this one."""
    from autometa.bench import build_environments, plan_environments

    if dry_run:
        for environment, requirements in plan_environments(names or None).items():
            typer.echo(f"{environment}: {'; '.join(requirements)}")
        return
    check_folder(folder, "--folder")
    found = build_environments(folder, names or None, rebuild=rebuild, on_step=print_line)
    for environment, packages in found.items():
        typer.echo(f"{environment}: {len(packages)} packages in {folder / environment}")


@app.command("report", epilog=REPORT_EXAMPLE)
def report(
    results: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER", exists=True, help="Of runs; may be repeated.", show_default=False
        ),
    ],
    metric: Metric = None,
    methods: Annotated[str, typer.Option(metavar="NAME,...", help="Only these.")] = "",
    reference: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Tested against every other one. [default: autometa]"),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Only runs of so many.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only runs of this one.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the report, its tables as CSV, and plots there."
        ),
    ] = None,
    debug: Debug = False,
):
    """Compare the runs of one or several results folders."""
    if out is not None:
        check_folder(out, "--out")

    from autometa.bench import read_runs, report_text, write_report

    runs = _of_setting(read_runs(*results), threads, seed)
    chosen = [name.strip() for name in methods.split(",") if name.strip()] or None
    options = {"metric": metric, "methods": chosen, "reference": reference}
    typer.echo(report_text(runs, **options), nl=False)
    if out is not None:
        try:
            write_report(runs, out, **options)
        except MissingExtraError as error:
            print_line(f"Warning: no plots. {error}")


def _read_budgets(texts):
    budgets = {}
    for text in texts:
        seconds, _, folds = text.partition(":")
        try:
            budget_s, n_folds = float(seconds), int(folds or 1)
        except ValueError:
            raise InvalidInputError(
                f"--budget must be SECONDS or SECONDS:FOLDS, e.g. 10:3, got {text!r}."
            ) from None
        if budget_s in budgets:
            raise InvalidInputError(
                f"--budget gives {budget_s:g} s twice. Give it once, with the most folds wanted."
            )
        budgets[budget_s] = n_folds
    return budgets


def _check_splits(tasks, budgets):
    """Refuse fewer folds than tasks have splits, since OpenML takes whole runs only."""
    for task in tasks:
        if min(budgets.values()) < len(task.splits):
            raise InvalidInputError(
                f"{task.name} has {len(task.splits)} splits, and --publish needs runs on all of "
                f"them. Give every --budget at least {len(task.splits)} folds, e.g. "
                f"{min(budgets):g}:{len(task.splits)}."
            )


def _of_setting(runs, threads, seed):
    for name, value in (("n_threads", threads), ("seed", seed)):
        if value is not None:
            runs = runs[runs[name] == value]
    return runs


class _Progress:
    """Which run is on, and how far the tasks are."""

    def __init__(self, n_tasks):
        self.n_tasks, self._last = n_tasks, None

    def follow(self, progress):
        self._last = progress

    def describe(self):
        if self._last is None:
            return None, f"reading {self.n_tasks} tables"
        at = self._last
        share = (at["n_tasks_done"] + at["n_done"] / at["n_runs"]) / max(1, at["n_tasks"])
        budget = "" if at["budget_s"] is None else f" for {at['budget_s']:g} s"
        return share, f"{at['task']}, fold {at['fold']}: {at['method']}{budget}"
