"""``autometa meta-train``: from a collection of tables to knowledge in a folder."""

import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._bar import ProgressBar, clock, time_left
from autometa.cli._errors import Debug, print_line
from autometa.cli._output import check_folder
from autometa.exceptions import InvalidInputError, InvalidTableError

NAME = "meta-train"
EXAMPLE = """\b
Examples:
  autometa meta-train --corpus tables --hours 2 --seed 0 --resume knowledge
  autometa meta-train --suite OpenML-CC18 --suite 353 --hours 8 --resume knowledge
  torchrun --nproc-per-node 2 -m autometa meta-train --corpus tables --hours 2 --resume knowledge
  autometa fit train.csv --target price --knowledge knowledge --out model"""


def _network(text):
    if isinstance(text, dict):
        return text
    try:
        network = json.loads(text)
    except ValueError:
        network = None
    if not isinstance(network, dict):
        raise typer.BadParameter(f'{text!r} is no JSON object such as {{"n_hidden": 128}}.')
    return network


def run(
    resume: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where checkpoints and the knowledge go. Training goes on from the newest "
            "checkpoint that it holds.",
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
        list[str] | None,
        typer.Option(metavar="ALIAS", help="An OpenML suite, by alias or id; may be repeated."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Knowledge whose parameters to start from, as far as they fit.",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="How long to train in all, resumed parts included.")
    ] = None,
    n_steps: Annotated[
        int | None, typer.Option(min=1, help="The same in steps; whichever ends first.")
    ] = None,
    learner: Annotated[
        str, typer.Option(help="One of autometa.metalearners.METALEARNERS, e.g. reptile.")
    ] = "maml",
    network: Annotated[
        dict,
        typer.Option(
            parser=_network,
            metavar="JSON",
            help='Sizes of the network, e.g. {"n_hidden": 128, "n_token": 64}.',
        ),
    ] = "{}",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of parameters and episodes.")] = 0,
    all_families: Annotated[
        bool,
        typer.Option(
            "--all-families",
            help="Train on every family of tables. By default about one in six is held out, and "
            "the curve is measured on these.",
        ),
    ] = False,
    n_workers: Annotated[
        int, typer.Option(min=0, help="Processes that prepare episodes; 0 for none.")
    ] = 1,
    checkpoint_every: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Between checkpoints; each adds to the curve."),
    ] = 300.0,
    debug: Debug = False,
):
    """Meta-train an initialisation of your own, and resume that at any time.

    Ctrl-C ends training early and writes the knowledge from the newest state.
    """
    _check_source(corpus, suite)
    _check_amounts(hours, n_steps, checkpoint_every)
    check_folder(resume, "--resume")

    from autometa._device import find_device
    from autometa.knowledge import Initialisation
    from autometa.metatraining import Budget, Processes, build_initialisation

    device = find_device(device)
    learner_config = _check_learner(learner, network)
    start = None if start_from is None else Initialisation.load(start_from)
    tasks = _Tasks(
        _sources(corpus, suite),
        skip_unusable=corpus is None,  # who trains on a suite cannot mend its tables
        all_families=all_families,
        on_read=lambda: bar.update(),
    )
    training = _Training(Budget(hours=hours, n_steps=n_steps), tasks)
    bar = ProgressBar(training.describe, ticks=False)
    with bar, training.ended_by_ctrl_c():
        initialisation = build_initialisation(
            tasks,
            training.budget,
            learner_name=learner,
            learner_config=learner_config,
            seed=seed,
            folder=resume,
            device=device,
            hold_out_dev=not all_families,
            n_workers=n_workers,
            checkpoint_every_s=checkpoint_every,
            start=start,
            on_progress=lambda progress: training.follow(progress, bar),
            should_stop=lambda: training.is_stopped,
        )
    if Processes.join().rank > 0:  # started by torchrun; the first process writes
        return
    initialisation.save(resume)
    provenance = initialisation.provenance
    if training.n_steps_before is None:
        print_line(f"{resume} had used up its time before; a longer --hours or --n-steps goes on.")
    elif training.is_stopped:
        print_line("Interrupted; the same command goes on from here.")
    training.show_curve(provenance["curve"])
    typer.echo(
        f"{resume}: {len(provenance['tasks'])} tasks, {provenance['n_steps']} steps in "
        f"{clock(provenance['hours'] * 3600)}"
    )


def _check_source(corpus, suite):
    if (corpus is None) == (not suite):
        raise InvalidInputError("Name the tables to train on: either --corpus FOLDER or --suite.")


def _check_amounts(hours, n_steps, checkpoint_every):
    if hours is None and n_steps is None:
        raise InvalidInputError("Say how long to train: --hours or --n-steps.")
    for option, value in (("--hours", hours), ("--checkpoint-every", checkpoint_every)):
        if value is not None and not 0 < value < float("inf"):
            raise InvalidInputError(f"{option} must be above 0 and finite, got {value}.")


def _check_learner(learner, network):
    """Make a learner once, before tables are read; return its configuration."""
    from autometa.metalearners import BASELINES, METALEARNERS

    config = {"network": network} if network else {}
    if learner in BASELINES:
        raise InvalidInputError(f"--learner {learner} has nothing to learn. Use maml.")
    if learner not in METALEARNERS:
        raise InvalidInputError(
            f"--learner must be one of {', '.join(METALEARNERS)}, got {learner!r}."
        )
    try:
        made = METALEARNERS[learner](**config)
        made.init_params(seed=0)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            f"--network {json.dumps(network)}: {str(error).rstrip('.')}."
        ) from error
    if not made.backbone.reads_tables:
        raise InvalidInputError(
            f"--network {json.dumps(network)} reads arrays. For tables the kinds are look_up and "
            "columns; for images and functions there is `autometa bench few-shot`."
        )
    if not made.proposes_weights:
        print_line(
            f"Warning: {learner} proposes no weights of a network, so `autometa fit` cannot use "
            "what it learns."
        )
    return config


def _sources(corpus, suites):
    """List the collections of tasks; nothing of a table is read yet."""
    from autometa.tasks import load_suite, read_corpus, read_index

    if corpus is None:
        return [load_suite(int(alias) if alias.isdecimal() else alias) for alias in suites]
    split = "meta-train" if "split" in read_index(corpus).columns else None
    return [read_corpus(corpus, split=split)]


class _Tasks:
    """Tasks one after the other, each once; says which families training will not see."""

    def __init__(self, sources, *, skip_unusable, all_families, on_read):
        self.places = {name: (s, i) for s in sources for i, name in enumerate(s.names)}
        self.skip_unusable, self.all_families = skip_unusable, all_families
        self.on_read = on_read
        self.n_read = 0

    def __iter__(self):
        from autometa.metatraining import is_meta_dev

        families = set()
        for name, (source, position) in self.places.items():
            try:
                task = source[position]
            except InvalidTableError as error:
                if not self.skip_unusable:
                    raise
                print_line(f"Warning: left out {name}: {error}")
                continue
            finally:
                self.n_read += 1
                self.on_read()
            families.add(str(task.provenance.get("family", task.name)))
            yield task
        held_out = sorted(filter(is_meta_dev, families)) if not self.all_families else []
        found = f"{len(families) - len(held_out)} families to train on"
        if held_out:
            shown = ", ".join(held_out[:5]) + (", ..." if len(held_out) > 5 else "")
            print_line(f"{found}, {len(held_out)} held out for the learning curve: {shown}")
        else:
            reason = "as asked" if self.all_families else "one in six is, by its name"
            print_line(f"{found}, none held out ({reason}), so there is no learning curve")

    def describe(self):
        n_tasks = len(self.places)
        return self.n_read / max(1, n_tasks), f"reading tables, {self.n_read} of {n_tasks}"


class _Training:
    """What is known of a running training, and whether Ctrl-C was pressed."""

    def __init__(self, budget, tasks):
        self.budget, self.tasks = budget, tasks
        self.n_steps_before = None  # until the first step of this process
        self.is_stopped = False
        self._progress, self._n_shown, self._share_before = None, 0, 0.0
        self._started_s = None

    def follow(self, progress, bar):
        now_s = time.monotonic()
        if self.n_steps_before is None:
            self.n_steps_before = progress["n_steps"] - 1
            self._n_shown = len(progress["curve"]) if self.n_steps_before else 0
            self._share_before, self._started_s = progress["share"], now_s
            if self.n_steps_before:
                print_line(f"Resumed after {self.n_steps_before} steps.")
        self._progress = progress
        self.show_curve(progress["curve"])
        bar.update()

    def describe(self):
        if self._progress is None:
            return self.tasks.describe()
        share = self._progress["share"]
        done = (share - self._share_before) / max(1e-9, 1 - self._share_before)
        left = time_left(time.monotonic() - self._started_s, done)
        curve = self._progress["curve"]
        measured = f", held out {_losses(curve[-1])}" if curve and _losses(curve[-1]) else ""
        steps = f"step {self._progress['n_steps']}, loss {self._progress['loss']:.3f}"
        n_skipped = self._progress["n_skipped"]
        skipped = f", {n_skipped} skipped" if n_skipped else ""
        return share, f"{steps}{skipped}{measured}{left}"

    def show_curve(self, curve):
        """Print the points of the learning curve that were not printed before."""
        for point in curve[self._n_shown :]:
            if _losses(point):
                print_line(
                    f"step {point['n_steps']}, {clock(point['elapsed_s'])}: "
                    f"loss on held-out tables {_losses(point)}"
                )
        self._n_shown = len(curve)

    @contextmanager
    def ended_by_ctrl_c(self):
        """Let Ctrl-C end training after the step under way; pressed twice, at once."""

        def stop(number, frame):
            if self._progress is None or self.is_stopped:
                raise KeyboardInterrupt
            self.is_stopped = True

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _losses(point):
    """Write the losses of one point, before and after adapting; "" where nothing was held out."""
    return ", ".join(
        " -> ".join(
            f"{point[f'{kind}_{stage}']:.3f}"
            for stage in ("unadapted", "adapted")
            if f"{kind}_{stage}" in point
        ).join((f"{kind} ", " adapted"))
        for kind in ("classes", "numbers")
        if f"{kind}_adapted" in point
    )
