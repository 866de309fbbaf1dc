"""``autometa bench few-shot``: meta-learners against published figures."""

import json
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._bar import ProgressBar, time_left
from autometa.cli._errors import Debug, print_line
from autometa.cli._output import check_folder

NAME = "few-shot"
EXAMPLE = """\b
Examples:
  autometa bench few-shot --learner maml --data sinusoid --shots 10 --test-steps 10
  autometa bench few-shot --learner protonet --data omniglot --file omniglot.npz --ways 20
  autometa bench few-shot --learner reptile --data omniglot --file omniglot.npz --resume run"""


def run(
    learner: Annotated[str, typer.Option(help="Its name, as for meta-train.")] = "maml",
    data: Annotated[str, typer.Option(help="omniglot or sinusoid.")] = "sinusoid",
    ways: Annotated[
        int | None,
        typer.Option(min=1, help="Classes of a test episode; by default 5, sinusoids have none."),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(min=1, help="Labelled rows a class; by default 1, sinusoids 5.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="mlp or convolutional, for omniglot.")] = None,
    test_steps: Annotated[
        int | None, typer.Option(min=0, help="Inner steps at the test; by default as scheduled.")
    ] = None,
    test_query: Annotated[
        int | None, typer.Option(min=1, help="Query rows a class there; by default as scheduled.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Of the outer loop; by default as scheduled.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="The end of training at the latest.")] = None,
    episodes: Annotated[int, typer.Option(min=2, help="To test on.")] = 600,
    file: Annotated[
        Path | None, typer.Option(metavar="NPZ", help="Omniglot's images.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For checkpoints; training goes on from those it holds.",
            show_default=False,
        ),
    ] = None,
    checkpoint_every: Annotated[float, typer.Option(metavar="SECONDS")] = 300.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
):
    """Meta-train a learner on few-shot tasks in its schedule, and test it on new ones.

    The schedule is the published one, or ours where that is not known in full. Ctrl-C ends training
    early and tests what has been learned by then.
    """
    if resume is not None:
        check_folder(resume, "--resume")

    from autometa._device import find_device
    from autometa.bench import few_shot

    seen = {}

    def describe():
        if not seen:
            return 0.0, "reading"
        share = seen["share"]
        steps = f"iteration {seen['n_steps']}, loss {seen['loss']:.3f}"
        return share, steps + time_left(seen["elapsed_s"], share)

    def follow(progress):
        seen.update(progress)
        bar.update()

    bar = ProgressBar(describe, ticks=False)
    with bar, _ended_by_ctrl_c(seen) as is_stopped:
        found = few_shot(
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
            folder=resume,
            seed=seed,
            device=find_device(device),
            checkpoint_every_s=checkpoint_every,
            on_progress=follow,
            should_stop=lambda: bool(is_stopped),
        )
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for point in found["curve"]:
        print_line(f"iteration {point['n_steps']}, {point['elapsed_s']} s: {_score(point)}")
    typer.echo(
        f"{learner} on {data}: {_score(found)} +- {found['ci95']} on {found['episodes']} new "
        f"episodes, of which {found['diverged']} diverged, after {found['iterations']} of "
        f"{found['scheduled_iterations']} iterations in {found['seconds']} s"
    )
    typer.echo(f"schedule: {found['schedule']}")
    typer.echo(_published(found["published"]))


@contextmanager
def _ended_by_ctrl_c(seen):
    """Fill a list at the first Ctrl-C once training has begun; the second interrupts."""
    is_stopped = []

    def stop(number, frame):
        if is_stopped or not seen:
            raise KeyboardInterrupt
        is_stopped.append(True)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield is_stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _published(found):
    if found is None:
        return "published: no figure that was checked"
    interval = f" +- {found['ci95']}" if found["ci95"] else ""
    return f"published: {_score(found)}{interval} ({found['source']})"


def _score(found):
    if "mse" in found:
        return f"mean squared error {found['mse']:.3f}"
    return f"accuracy {found['accuracy']:.2f} %"
