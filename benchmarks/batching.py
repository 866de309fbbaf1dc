"""Trials per second: all configurations and folds in one group, against one by one."""

import time

import numpy as np
import torch

from autometa.evaluation import make_folds
from autometa.families import EncodedTask, NetworkRun
from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS

N_COLUMNS = 20
#: A trial's probabilities alone and in a group differ by rounding only.
TOLERANCE = 2e-3


def main(
    *,
    device="auto",
    n_rows=(500, 2_000),
    n_configs=32,
    n_folds=4,
    n_steps=10,
    repeats=3,
    n_threads=2,
):
    """Time groups and single runs by turns.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        auto: the CPU, and CUDA where there is a device.
    n_rows : sequence of int
    n_configs, n_folds, n_steps, repeats, n_threads : int

    Returns
    -------
    dict
        With one row per device and table in ``runs``.
    """
    torch.set_num_threads(n_threads)
    devices = [device]
    if device == "auto":
        devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    sizes = {"n_configs": n_configs, "n_folds": n_folds, "n_steps": n_steps}
    runs = [
        {"device": name, "n_rows": rows, **compare(name, rows, repeats=repeats, **sizes)}
        for name in devices
        for rows in n_rows
    ]
    return {**sizes, "n_threads": n_threads, "repeats": repeats, "runs": runs}


def compare(device, n_rows, *, n_configs, n_folds, n_steps, repeats):
    """Time one table on one device: a group, trial by trial, and fold by fold."""
    task, weights, configs = make_work(n_rows, n_configs, n_folds)
    initialisation = untrained()

    def adapt(configs, weights):
        run = NetworkRun(task, weights, configs, initialisation, seed=0, device=device)
        run.advance(n_steps)
        return run.predict(np.repeat(task.X[None], len(weights), axis=0))

    ways = {
        "group": lambda: adapt(configs, weights),
        "by_trial": lambda: np.concatenate([adapt([config], weights) for config in configs]),
        "by_fold": lambda: np.stack(
            [
                np.concatenate([adapt([config], weight[None])[0] for weight in weights])
                for config in configs
            ]
        ),
    }
    adapt(configs[:1], weights)  # warms up
    seconds = {name: [] for name in ways}
    largest = 0.0
    for _ in range(repeats):
        found = {}
        for name, way in ways.items():
            start = time.perf_counter()
            found[name] = way()
            seconds[name].append(time.perf_counter() - start)
        largest = max(largest, float(np.abs(found["group"] - found["by_trial"]).max()))
    assert largest < TOLERANCE, f"A trial alone differs by {largest} from the group."
    rate = {name: n_configs / float(np.median(taken)) for name, taken in seconds.items()}
    return {
        **{f"{name}_trials_per_s": value for name, value in rate.items()},
        "ratio_to_by_trial": rate["group"] / rate["by_trial"],
        "ratio_to_by_fold": rate["group"] / rate["by_fold"],
        "largest_difference": largest,
    }


def make_work(n_rows, n_configs, n_folds):
    """A table of numbers with two classes, the weights of its folds, and configurations."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n_rows, N_COLUMNS)).clip(-3, 3)
    y = (scores[:, 0] + scores[:, 1] * scores[:, 2] + rng.normal(size=n_rows) > 0).astype(int)
    X = np.stack([scores, scores, np.zeros_like(scores)], axis=-1).astype(np.float32)
    task = EncodedTask(X, y, np.ones(n_rows), 2)
    folds = make_folds(y, task.weight, n_classes=2, rng=rng, n_folds=n_folds)
    configs = [
        {
            "step_size": float(10 ** rng.uniform(-1, 0)),
            "weight_decay": float(10 ** rng.uniform(-1, 1)),
            "dropout": float(rng.uniform(0, 0.5)),
        }
        for _ in range(n_configs)
    ]
    return task, folds.train_weight, configs


def untrained():
    """An initialisation before meta-training: as fast as any other."""
    return Initialisation(METALEARNERS["maml"]().init_params(0), "maml", {}, {})


def print_figures(figures):
    print(
        f"{figures['n_configs']} configurations x {figures['n_folds']} folds, "
        f"{figures['n_steps']} steps; trials per second"
    )
    print("device   rows     group  by trial   by fold   ratio  ratio to by fold")
    for run in figures["runs"]:
        print(
            f"{run['device']:6} {run['n_rows']:6} {run['group_trials_per_s']:9.2f} "
            f"{run['by_trial_trials_per_s']:9.2f} {run['by_fold_trials_per_s']:9.2f} "
            f"{run['ratio_to_by_trial']:7.2f} {run['ratio_to_by_fold']:9.2f}"
        )
