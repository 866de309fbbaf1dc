"""`python -m benchmarks NAME --help`: every command prints a table, or JSON with --json."""

import datetime
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Corpus = Annotated[Path, typer.Option(help="Folder with index.csv and data/*.parquet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


Record = Annotated[
    Path | None, typer.Option(help="Folder to keep these figures in, with date and command.")
]


def show(name, figures, print_figures, *, as_json, record):
    """Print figures, and keep them where a result shall be looked up later."""
    if as_json:
        typer.echo(json.dumps(figures, indent=1))
    else:
        print_figures(figures)
    if record is not None:
        now = datetime.datetime.now(datetime.UTC)
        described = {"date": now.isoformat(timespec="seconds"), "command": sys.argv[1:], **figures}
        record.mkdir(parents=True, exist_ok=True)
        path = record / f"{now:%Y-%m-%d}-{name}.json"
        path.write_text(json.dumps(described, indent=1) + "\n")
        line = f"{described['date']} {name} {figures.get('checksum', '')} {' '.join(sys.argv[1:])}"
        with (record / "log.txt").open("a") as file:
            file.write(line + "\n")


@app.command("warm_weights")
def warm_weights(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-valid",
    seeds: int = 5,
    first_seed: int = 0,
    parts: Annotated[str, typer.Option(help="What to run, by commas; empty: print only.")] = (
        "cold,rivals,warm,networks"
    ),
    knowledge: Annotated[Path | None, typer.Option(help="Default: the shipped one.")] = None,
    max_tasks: int | None = None,
    hours: Annotated[float | None, typer.Option(help="Start no run after this time.")] = None,
    threads: int = 1,
    warm_steps: Annotated[int, typer.Option(help="That proposed weights take.")] = 5,
    tune: Annotated[bool, typer.Option(help="Run the grid of settings on meta-dev.")] = False,
    record: Record = None,
    as_json: AsJson = False,
):
    """Steps that proposed weights save, and their predictions against common models."""
    import torch

    from benchmarks import warm_weights as command

    torch.set_num_threads(threads)
    if tune:
        figures = command.tune(
            corpus,
            results,
            max_tasks=max_tasks or 12,
            knowledge=knowledge,
            hours=hours,
            parts=parts.split(","),
        )
    else:
        figures = command.main(
            corpus,
            results,
            split=split,
            seeds=seeds,
            first_seed=first_seed,
            parts=[part for part in parts.split(",") if part],
            knowledge=knowledge,
            max_tasks=max_tasks,
            hours=hours,
            n_threads=threads,
            n_warm_steps=warm_steps,
        )
    show("warm_weights", figures, command.print_figures, as_json=as_json, record=record)


@app.command("fit_time")
def fit_time(
    parts: Annotated[str, typer.Option(help="fit, import, sampler, memory; by commas.")] = (
        "fit,import,sampler,memory"
    ),
    knowledge: Annotated[Path | None, typer.Option(help="Default: the shipped one.")] = None,
    repeats: int = 20,
    max_rows: Annotated[int, typer.Option(help="Longest table of the memory part.")] = 1_000_000,
    family: Annotated[str, typer.Option(help="Of the sampler part.")] = "linear",
    record: Record = None,
    as_json: AsJson = False,
):
    """Seconds of a fit and of the import, ms that MetaSampler adds, and memory by rows."""
    from benchmarks import fit_time as command

    figures = command.main(
        parts=parts.split(","),
        knowledge=knowledge,
        repeats=repeats,
        max_rows=max_rows,
        family=family,
    )
    show("fit_time", figures, command.print_figures, as_json=as_json, record=record)


@app.command("sizes")
def sizes(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-valid",
    sources: Annotated[str, typer.Option(help="rows, wide, widened, long; by commas.")] = (
        "rows,wide,widened,long"
    ),
    sizes: Annotated[str, typer.Option(help="Of all sources; empty: each its own.")] = "",
    seeds: int = 1,
    knowledge: Annotated[Path | None, typer.Option(help="Default: the shipped one.")] = None,
    max_tasks: int | None = None,
    hours: Annotated[
        float | None, typer.Option(help="Start no run after this time; 0: print only.")
    ] = None,
    threads: int = 1,
    record: Record = None,
    as_json: AsJson = False,
):
    """Networks on few rows, on wide tables and on long ones, against common models."""
    import torch

    from benchmarks import sizes as command

    torch.set_num_threads(threads)
    figures = command.main(
        *(corpus, results),
        split=split,
        sources=sources.split(","),
        sizes=[int(size) for size in sizes.split(",") if size] or None,
        seeds=seeds,
        knowledge=knowledge,
        max_tasks=max_tasks,
        hours=hours,
        n_threads=threads,
    )
    show("sizes", figures, command.print_figures, as_json=as_json, record=record)


@app.command("limits")
def limits(
    shapes: Annotated[str, typer.Option(help="ROWSxCOLUMNS by commas; empty: all.")] = "",
    limits: Annotated[str, typer.Option(help="Seconds by commas.")] = "1,5,10,60",
    n_jobs: str = "1,2",
    record: Record = None,
    as_json: AsJson = False,
):
    """How long fits with a time limit take, their peak memory, and seconds to predict."""
    from benchmarks import limits as command

    named = [shape.split("x") for shape in shapes.split(",") if shape]
    figures = command.main(
        shapes=[(int(rows), int(columns)) for rows, columns in named] or command.SHAPES,
        limits=[float(s) for s in limits.split(",")],
        n_jobs=[int(n) for n in n_jobs.split(",")],
    )
    show("limits", figures, command.print_figures, as_json=as_json, record=record)


@app.command("batching")
def batching(
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: both where there is one.")] = (
        "auto"
    ),
    rows: str = "500,2000",
    configs: int = 32,
    folds: int = 4,
    steps: int = 10,
    repeats: int = 3,
    threads: int = 2,
    record: Record = None,
    as_json: AsJson = False,
):
    """Trials per second, all in one group against one by one."""
    from benchmarks import batching as command

    figures = command.main(
        device=device,
        n_rows=[int(n) for n in rows.split(",")],
        n_configs=configs,
        n_folds=folds,
        n_steps=steps,
        repeats=repeats,
        n_threads=threads,
    )
    show("batching", figures, command.print_figures, as_json=as_json, record=record)


@app.command("metafeature_token")
def metafeature_token(
    corpus: Corpus,
    minutes: Annotated[float, typer.Option(help="Of each of the two meta-trainings.")] = 10.0,
    seeds: int = 1,
    record: Record = None,
    as_json: AsJson = False,
):
    """Whether meta-features in the table's token help, at equal training time, on meta-dev."""
    from benchmarks import metafeature_token as command

    rows = command.main(corpus, minutes=minutes, seeds=range(seeds))
    show(
        "metafeature_token",
        {"minutes": minutes, "runs": rows},
        lambda figures: command.print_figures(figures["runs"]),
        as_json=as_json,
        record=record,
    )


@app.command("fingerprint")
def fingerprint(corpus: Corpus, record: Record = None, as_json: AsJson = False):
    """How surely a table seen before is recognised, and how often another is taken for it."""
    from benchmarks import fingerprint as command

    figures = command.main(corpus)
    show("fingerprint", figures, command.print_table, as_json=as_json, record=record)


@app.command("oboe")
def oboe(
    results: Annotated[Path, typer.Option(help="Folder with oboe__*.parquet.")] = Path(
        "../shared/hpo"
    ),
    algorithms: Annotated[str, typer.Option(help="By commas; empty: all.")] = "",
    seeds: Annotated[int, typer.Option(help="Cross-validations, with other folds each.")] = 1,
    folds: int = 10,
    n_train: Annotated[str, typer.Option(help="Also learn from so few, by commas.")] = "10,30,100",
    cost: Annotated[bool, typer.Option(help="Also weigh improvement by cost.")] = True,
    max_tasks: Annotated[int | None, typer.Option(help="Keep so many data sets.")] = None,
    record: Record = None,
    as_json: AsJson = False,
):
    """Proposers on stored results: regret by trial, by number of known tasks and by time."""
    from benchmarks import oboe as command

    figures = command.main(
        results,
        algorithms=[name for name in algorithms.split(",") if name] or None,
        seeds=range(seeds),
        n_folds=folds,
        n_train=[int(n) for n in n_train.split(",") if n],
        cost=cost,
        max_tasks=max_tasks,
    )
    show("oboe", figures, command.print_figures, as_json=as_json, record=record)


@app.command("warm_hpo")
def warm_hpo(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps scores and finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-valid",
    families: Annotated[str, typer.Option(help="By commas; empty: all that are known.")] = "",
    methods: Annotated[str, typer.Option(help="By semicolons; empty: all.")] = "",
    seeds: int = 3,
    trials: int = 50,
    max_rows: int = 1_000,
    folds: int = 3,
    max_tasks: Annotated[
        int | None, typer.Option(help="More of them later go on from fewer.")
    ] = None,
    max_columns: Annotated[int | None, typer.Option(help="Leave out wider tables.")] = None,
    knowledge: Annotated[Path | None, typer.Option(help="Default: the shipped one.")] = None,
    hours: Annotated[
        float | None, typer.Option(help="Start no run after this time; 0: print only.")
    ] = None,
    record: Record = None,
    as_json: AsJson = False,
):
    """Trials that known hyperparameters save, against cold samplers of Optuna."""
    from benchmarks import warm_hpo as command

    figures = command.main(
        corpus,
        results,
        split=split,
        families=[name for name in families.split(",") if name] or None,
        methods=[name.strip() for name in methods.split(";") if name.strip()] or None,
        seeds=seeds,
        n_trials=trials,
        max_rows=max_rows,
        n_folds=folds,
        max_tasks=max_tasks,
        max_columns=max_columns,
        knowledge=knowledge,
        hours=hours,
    )
    show("warm_hpo", figures, command.print_figures, as_json=as_json, record=record)


@app.command("automl")
def automl(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-valid",
    methods: Annotated[str, typer.Option(help="By commas; empty: all peers.")] = "",
    budgets: Annotated[str, typer.Option(help="SECONDS:FOLDS by commas.")] = "1:3,10:3,60:1",
    peers: Annotated[Path | None, typer.Option(help="As `autometa bench peers` built.")] = None,
    reuse: Annotated[list[Path] | None, typer.Option(help="Other results that count.")] = None,
    rerun: Annotated[
        str, typer.Option(help="Methods whose runs in --reuse do not count; without, in --results.")
    ] = "",
    knowledge: Annotated[Path | None, typer.Option(help="Default: the shipped one.")] = None,
    threads: int = 2,
    seed: int = 0,
    max_tasks: int | None = None,
    hours: Annotated[
        float | None, typer.Option(help="Start no run after this time; 0: print only.")
    ] = None,
    record: Record = None,
    as_json: AsJson = False,
):
    """autometa against other AutoML systems at equal time, each run in a process of its own."""
    from benchmarks import automl as command

    pairs = [text.partition(":")[::2] for text in budgets.split(",")]
    n_folds = {float(seconds): int(folds) for seconds, folds in pairs}
    if len(n_folds) < len(pairs):
        raise typer.BadParameter(f"--budgets {budgets} gives a time twice. Give each once.")
    figures = command.main(
        *(corpus, results),
        split=split,
        methods=[name for name in methods.split(",") if name] or command.METHODS,
        budgets=n_folds,
        max_tasks=max_tasks,
        hours=hours,
        peers=peers,
        reuse=reuse or (),
        rerun=[name for name in rerun.split(",") if name],
        knowledge=knowledge,
        n_threads=threads,
        seed=seed,
    )
    show("automl", figures, command.print_figures, as_json=as_json, record=record)


@app.command("families")
def families(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-dev",
    budget: Annotated[float, typer.Option(help="Seconds of every fit.")] = 10.0,
    default: Annotated[str, typer.Option(help="By commas; empty: those of 'auto'.")] = "",
    further: Annotated[str, typer.Option(help="Those added; empty: all others.")] = "",
    alone: Annotated[
        str, typer.Option(help="Those run by themselves; empty: each of the default; none.")
    ] = "",
    max_tasks: int | None = None,
    hours: Annotated[
        float | None, typer.Option(help="Start no run after this time; 0: print only.")
    ] = None,
    threads: int = 2,
    seed: int = 0,
    record: Record = None,
    as_json: AsJson = False,
):
    """What each family adds to what autometa searches, at equal time."""
    from benchmarks import families as command

    figures = command.main(
        *(corpus, results),
        split=split,
        budget_s=budget,
        default=[name for name in default.split(",") if name] or command.DEFAULT,
        further=[name for name in further.split(",") if name] or command.FURTHER,
        alone=[name for name in alone.split(",") if name and name != "none"] if alone else None,
        max_tasks=max_tasks,
        hours=hours,
        n_threads=threads,
        seed=seed,
    )
    show("families", figures, command.print_figures, as_json=as_json, record=record)


@app.command("network_rivals")
def network_rivals(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps finished runs.")],
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-valid",
    rivals: Annotated[str, typer.Option(help="By commas; empty: all.")] = "",
    peers: Annotated[Path | None, typer.Option(help="As `autometa bench peers` built.")] = None,
    seeds: Annotated[int, typer.Option(help="Halvings of each table.")] = 1,
    max_tasks: int | None = None,
    most: Annotated[float, typer.Option(help="Seconds after which a run is ended.")] = 600.0,
    hours: Annotated[
        float | None, typer.Option(help="Start no run after this time; 0: print only.")
    ] = None,
    threads: int = 1,
    record: Record = None,
    as_json: AsJson = False,
):
    """The network alone against common models, boosting and RealMLP, on half of the rows."""
    from benchmarks import network_rivals as command

    figures = command.main(
        *(corpus, results),
        split=split,
        rivals=[name for name in rivals.split(",") if name] or command.RIVALS,
        peers=peers,
        seeds=seeds,
        max_tasks=max_tasks,
        most_s=most,
        hours=hours,
        n_threads=threads,
    )
    show("network_rivals", figures, command.print_figures, as_json=as_json, record=record)


@app.command("recipes")
def recipes(
    corpus: Corpus,
    results: Annotated[Path, typer.Option(help="Folder that keeps what was trained.")],
    names: Annotated[
        str, typer.Option(help="Recipes or learners, by commas; empty: all recipes.")
    ] = "",
    all_learners: Annotated[bool, typer.Option(help="Every meta-learner instead.")] = False,
    minutes: Annotated[float, typer.Option(help="Of each training; 0: measure only.")] = 10.0,
    split: Annotated[str, typer.Option(help="meta-valid or meta-dev.")] = "meta-dev",
    max_rows: int = 600,
    max_tasks: int | None = None,
    threads: int = 1,
    seed: int = 0,
    record: Record = None,
    as_json: AsJson = False,
):
    """Recipes of meta-training and meta-learners on tables, trained for the same time."""
    import torch

    from benchmarks import recipes as command

    torch.set_num_threads(threads)
    known = {**command.LEARNERS, **command.RECIPES}
    chosen = [name for name in names.split(",") if name]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(known)}.")
    chosen = chosen or (command.LEARNERS if all_learners else command.RECIPES)
    figures = command.main(
        *(corpus, results),
        {name: known[name] for name in chosen},
        minutes=minutes,
        split=split,
        max_rows=max_rows,
        max_tasks=max_tasks,
        seed=seed,
        train=minutes > 0,
    )
    show("recipes", figures, command.print_figures, as_json=as_json, record=record)


@app.command("few_shot")
def few_shot(
    learner: Annotated[str, typer.Option(help="A key of METALEARNERS.")] = "maml",
    data: Annotated[str, typer.Option(help="omniglot or sinusoid.")] = "sinusoid",
    ways: Annotated[int | None, typer.Option(help="By default 5; not of sinusoids.")] = None,
    shots: Annotated[int | None, typer.Option(help="By default 1, of sinusoids 5.")] = None,
    network: Annotated[str | None, typer.Option(help="mlp or convolutional.")] = None,
    test_steps: Annotated[int | None, typer.Option(help="By default as scheduled.")] = None,
    test_query: Annotated[int | None, typer.Option(help="By default as scheduled.")] = None,
    iterations: Annotated[int | None, typer.Option(help="By default as scheduled.")] = None,
    hours: Annotated[float | None, typer.Option(help="The end of training at the latest.")] = None,
    episodes: Annotated[int, typer.Option(help="To test on.")] = 600,
    file: Annotated[Path, typer.Option(help="Omniglot's images.")] = Path(
        "../shared/fewshot/omniglot_28x28.npz"
    ),
    results: Annotated[Path | None, typer.Option(help="Folder for checkpoints.")] = None,
    checkpoint_every: float = 300.0,
    device: str = "cpu",
    seed: int = 0,
    threads: int = 1,
    record: Record = None,
    as_json: AsJson = False,
):
    """Meta-learners on the data of their papers, in their schedules."""
    import torch

    from autometa.bench import few_shot as run

    torch.set_num_threads(threads)
    figures = run(
        learner,
        data,
        n_ways=ways,
        n_shots=shots,
        network=network,
        n_test_steps=test_steps,
        n_test_query=test_query,
        n_iterations=iterations,
        hours=hours,
        n_test_episodes=episodes,
        file=file,
        folder=results,
        seed=seed,
        device=device,
        checkpoint_every_s=checkpoint_every,
    )
    show("few_shot", figures, _print_few_shot, as_json=as_json, record=record)


@app.command("few_shot_speed")
def few_shot_speed(
    file: Annotated[Path | None, typer.Option(help="Omniglot's images; else sinusoids only.")] = (
        None
    ),
    networks: Annotated[str, typer.Option(help="Of Omniglot, by commas.")] = "mlp",
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 5.0,
    repeats: int = 3,
    threads: int = 1,
    device: str = "cpu",
    record: Record = None,
    as_json: AsJson = False,
):
    """Episodes per second of MAML, tasks batched against a plain loop over tasks."""
    from benchmarks import few_shot_speed as command

    figures = command.main(
        file=file,
        networks=networks.split(","),
        seconds=seconds,
        repeats=repeats,
        n_threads=threads,
        device=device,
    )
    show("few_shot_speed", figures, command.print_figures, as_json=as_json, record=record)


@app.command("training_speed")
def training_speed(
    learner: Annotated[str, typer.Option(help="A key of METALEARNERS.")] = "maml",
    batches: Annotated[int, typer.Option(help="Of unlike shape.")] = 8,
    compile_too: Annotated[bool, typer.Option(help="torch.compile as well; minutes.")] = False,
    threads: int = 1,
    device: str = "cpu",
    seed: int = 0,
    record: Record = None,
    as_json: AsJson = False,
):
    """Episodes per second of meta-training on tables, against the machine's limit."""
    from benchmarks import training_speed as command

    figures = command.main(
        learner=learner,
        n_batches=batches,
        compile_too=compile_too,
        n_threads=threads,
        device=device,
        seed=seed,
    )
    show("training_speed", figures, command.print_figures, as_json=as_json, record=record)


@app.command("gpu_minutes")
def gpu_minutes(
    file: Annotated[Path, typer.Option(help="Omniglot's images.")],
    results: Annotated[Path, typer.Option(help="Folder to bring back.")],
    corpus: Annotated[Path | None, typer.Option(help="Tables to train on too.")] = None,
    minutes: Annotated[float, typer.Option(help="Until the last process ends.")] = 9.0,
    at_once: Annotated[int, typer.Option(help="Processes.")] = 8,
    device: str = "cuda",
    names: Annotated[str, typer.Option(help="Of the trainings, by commas; empty: all.")] = "",
    record: Record = None,
    as_json: AsJson = False,
):
    """Few-shot schedules and a training on tables, within some minutes on one GPU."""
    from benchmarks import gpu_minutes as command

    figures = command.main(
        results,
        file=file,
        corpus=corpus,
        minutes=minutes,
        n_at_once=at_once,
        device=device,
        names=[name for name in names.split(",") if name] or None,
    )
    show("gpu_minutes", figures, command.print_figures, as_json=as_json, record=record)


def _print_few_shot(figures):
    import pandas as pd

    scores = [name for name in ("mse", "accuracy") if name in figures]
    names = (*scores, "ci95", "episodes", "diverged", "iterations", "scheduled_iterations")
    print(pd.DataFrame(figures["curve"]).to_string(index=False))
    print({name: figures[name] for name in (*names, "seconds")})
    print("published:", figures["published"] or "no figure that was checked")


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
