"""Few-shot schedules and a training on tables, as far as some minutes on one GPU go.

A training alone leaves most of a large GPU idle, so several run at once, each in a process of its
own: eight of MAML's on an H200 took 850 steps a second where one takes 220, and 1,080 where
``nvidia-cuda-mps-control -d`` had been called before. The results are in one folder, to be brought
back: JSON of the few-shot tests, checkpoints to go on from, and what was learned from tables.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from autometa.metatraining import load_checkpoint

#: Seconds of a process beside its training: imports, reading, the test.
OTHER_S = 15.0
#: Learners by how long they need against the others.
LEARNERS = {
    "protonet": 1,
    "matching": 1,
    "maml": 2,
    "first_order_maml": 2,
    "reptile": 2,
    "meta_sgd": 2,
    "snail": 2,
    "gnn": 2,
    "leo": 2,
    "meta_networks": 3,
    "lstm": 3,
}
FIGURE = "accuracy"
#: Classes of an episode and rows of a class, by what is asked for most.
SIZES = [(5, 1), (20, 1), (5, 5)]


@dataclass(frozen=True)
class Training:
    """A process: a command of autometa's, and its share of the time."""

    name: str
    arguments: tuple
    weight: float


def plan(file, corpus, results):
    """List the trainings, the most wanted first.

    Returns
    -------
    list of Training
    """
    found = []
    if corpus is not None:
        found.append(_tables(corpus, results))
    for ways, shots in SIZES:
        found += [_few_shot(name, ways, shots, file, results, w) for name, w in LEARNERS.items()]
        if ways == 5:
            found.append(_few_shot("maml", ways, shots, file, results, 2, network="mlp"))
    return found


def main(results, *, file, corpus=None, minutes=9.0, n_at_once=8, device="cuda", names=None):
    """Train and test what has no result yet.

    Parameters
    ----------
    results : path
    file : path
        Of Omniglot, see :func:`autometa.tasks.read_omniglot`.
    corpus : path, optional
        Tables to train on; None leaves them out.
    minutes : float
        Until the last process ends, one way or the other. Those that were begun before and not
        ended go on from their checkpoints, for as long again.
    n_at_once : int
        Processes.
    device : str
    names : sequence of str, optional
        Of the trainings, such as ``maml-5-1`` or ``tables``; by default all.

    Returns
    -------
    dict
        ``rows``: of each training its ``state`` ("done", "failed", "ended" or "not begun"), and of
        a few-shot training what it reached.
    """
    results = Path(results)
    results.mkdir(parents=True, exist_ok=True)
    known = {one.name: one for one in plan(file, corpus, results)}
    if unknown := sorted({*(names or ())} - {*known}):
        raise ValueError(f"Unknown trainings {unknown}; there are {[*known]}.")
    chosen = [one for name, one in known.items() if names is None or name in names]
    states = {one.name: "done" if _is_done(one, results) else "not begun" for one in chosen}
    waiting = [one for one in chosen if states[one.name] == "not begun"]
    end = time.monotonic() + 60 * minutes
    trained_s = 60 * minutes * n_at_once - OTHER_S * len(waiting)
    unit_s = trained_s / max(1, sum(one.weight for one in waiting))
    if unit_s < OTHER_S:
        raise ValueError(
            f"{minutes} minutes leave {len(waiting)} trainings less than {OTHER_S:.0f} seconds "
            "each. Give them more, or name some of the trainings."
        )
    running = {}
    try:
        while (waiting or running) and time.monotonic() < end:
            for name, process in list(running.items()):
                if process.poll() is not None:
                    states[name] = "failed" if process.returncode else "done"
                    del running[name]
            while waiting and len(running) < n_at_once:
                one, left_s = waiting.pop(0), end - time.monotonic() - OTHER_S
                seconds = min(one.weight * unit_s, left_s)
                if seconds > one.weight * unit_s / 2:  # less would count as done
                    running[one.name] = _start(one, seconds, device, results)
            time.sleep(0.2)
    finally:
        for name, process in running.items():
            process.kill()
            process.wait()
            states[name] = "ended"
    return {
        "device": device,
        "n_at_once": n_at_once,
        "rows": [
            {"training": one.name, "state": states[one.name], **_read(one, results)}
            for one in chosen
        ],
    }


def print_figures(figures):
    print(f"{figures['n_at_once']} trainings at once on {figures['device']}")
    print(pd.DataFrame(figures["rows"]).to_string(index=False, na_rep=""))


def _few_shot(learner, ways, shots, file, results, weight, *, network=None):
    name = f"{learner}-{ways}-{shots}" + (f"-{network}" if network else "")
    arguments = ["bench", "few-shot", "--data", "omniglot", "--json"]
    options = {
        "--learner": learner,
        "--ways": ways,
        "--shots": shots,
        "--file": file,
        "--checkpoint-every": 30,
        "--resume": results / "checkpoints" / name,
    }
    if network:
        options["--network"] = network
    return Training(name, (*arguments, *_flat(options)), weight)


def _tables(corpus, results):
    options = {"--corpus": corpus, "--resume": results / "tables", "--n-workers": 2}
    return Training("tables", ("meta-train", *_flat(options)), 4)


def _flat(options):
    return [str(part) for option in options.items() for part in option]


def _start(one, seconds, device, results):
    before = load_checkpoint(Path(one.arguments[one.arguments.index("--resume") + 1]))
    seconds += before[1]["elapsed_s"] if before else 0.0
    command = [sys.executable, "-m", "autometa", *one.arguments]
    command += ["--hours", str(seconds / 3600), "--device", device]
    with (
        (results / f"{one.name}.json").open("w") as out,
        (results / f"{one.name}.log").open("w") as log,
    ):
        return subprocess.Popen(command, stdout=out, stderr=log)


def _is_done(one, results):
    return "iterations" in _read(one, results) or (
        one.name == "tables" and (results / "tables" / "initialisation.json").exists()
    )


def _read(one, results):
    """What a few-shot training printed, if it came to its end."""
    try:
        found = json.loads((results / f"{one.name}.json").read_text())
    except (OSError, ValueError):
        return {}
    kept = (FIGURE, "ci95", "iterations", "scheduled_iterations", "seconds", "published")
    found = {name: found.get(name) for name in kept}
    return {**found, "published": (found["published"] or {}).get(FIGURE)}
