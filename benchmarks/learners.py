"""Every meta-learner on tables: meta-trained for the same time, compared after 0, 5 and 20 steps.

Learners that propose weights are adapted as the estimator adapts them, by its first configuration;
the others adapt in one pass of their own, so that steps change nothing.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import log_loss

from autometa.episodes import make_rows
from autometa.families import NetworkRun, first_config
from autometa.knowledge import Initialisation
from autometa.metalearners import METALEARNERS
from autometa.metatraining import Budget, build_initialisation
from autometa.tasks import read_corpus
from benchmarks.halves import corpus_tasks, halve

STEPS = (0, 5, 20)
LEARNERS = tuple(name for name in METALEARNERS if name != "random_weights")
MAX_TEST_ROWS = 1_000


def main(
    corpus,
    results,
    *,
    learners=LEARNERS,
    minutes=10.0,
    n_steps=None,
    split="meta-valid",
    max_rows=600,
    max_tasks=None,
    network=None,
    seed=0,
    train=True,
):
    """Meta-train what is not trained yet, then measure every learner on tables of other families.

    Parameters
    ----------
    corpus : path
    results : path
        A folder for each learner; training resumes from what it holds.
    learners : sequence of str
        Keys of :data:`autometa.metalearners.METALEARNERS`.
    minutes : float
        Of each training, on the processor's threads that torch takes.
    n_steps : int, optional
        End each training earlier.
    split : {"meta-valid", "meta-dev"}
    max_rows : int
        Of a table; half of them to learn from.
    max_tasks : int, optional
    network : dict, optional
        Sizes of the network, beside each learner's default.
    seed : int
        Of the trainings and of the halves.
    train : bool
        False measures only those that have been trained.

    Returns
    -------
    dict
        ``rows``: for each learner the mean log-loss of tables of classes and the mean squared error
        over the variance of tables of numbers, after each number of steps, and how it was trained.
    """
    trained = {}
    for name in learners:
        folder = Path(results) / name
        if train:
            found = build_initialisation(
                read_corpus(corpus, split="meta-train"),
                Budget(hours=minutes / 60, n_steps=n_steps),
                learner_name=name,
                learner_config={"network": network} if network else {},
                seed=seed,
                folder=folder,
                n_workers=0,
            )
            found.save(folder)
            trained[name] = found
        elif (folder / "initialisation.json").exists():
            trained[name] = Initialisation.load(folder)
    losses = {name: {"classes": [], "numbers": []} for name in trained}
    tasks = corpus_tasks(corpus, split, max_tasks=max_tasks)
    for task in tasks:
        half = halve(task, seed=seed, max_rows=max_rows)
        encoded = half.encode(MAX_TEST_ROWS)
        kind = "numbers" if half.n_classes is None else "classes"
        for name, initialisation in trained.items():
            losses[name][kind].append(measure(initialisation, *encoded))
    rows = [
        {
            "learner": name,
            "hours": initialisation.provenance["hours"],
            "episodes": initialisation.provenance["n_steps"]
            * initialisation.provenance["batch_size"],
            **_means(losses[name]),
        }
        for name, initialisation in trained.items()
    ]
    return {"split": split, "tables": len(tasks), "rows": rows}


def measure(initialisation, task, X_test, y_test):
    """Measure one learner on one table after each number of steps; an array of losses.

    Log-loss, or the mean squared error over the variance of the test rows. Predictions that are
    not finite count as the shares of classes, or as the mean.
    """
    learner, losses = initialisation.learner, []
    if learner.proposes_weights:
        config = first_config(len(task.y), is_regression=task.is_regression)
        run = NetworkRun(task, task.weight[None], [config], initialisation, seed=0, device="cpu")
        for n_steps in STEPS:
            run.advance(n_steps - run.n_steps)
            losses.append(_loss(run.predict(X_test[None])[0, 0], task, y_test))
        return np.array(losses)
    support = make_rows(task.X, task.y, task.weight, n_classes=task.n_classes)
    rows = {"X": torch.as_tensor(X_test), "column_mask": support["column_mask"]}
    options = {"is_regression": task.is_regression}
    try:
        with torch.no_grad():
            state = learner.adapt(initialisation.params, support, **options)
            found = learner.predict(initialisation.params, state, support, rows, **options)
    except ValueError:  # more classes than it has slots, for one
        prediction = np.full(1, np.nan)
    else:
        if task.is_regression:
            prediction = found[:, 0] * support["target_scale"] + support["target_mean"]
        else:
            prediction = found.softmax(-1)
        prediction = prediction.double().numpy()
    return np.full(len(STEPS), _loss(prediction, task, y_test))


def _loss(prediction, task, y_test):
    if task.is_regression:
        if not np.isfinite(prediction).all():
            prediction = np.full(len(y_test), np.mean(task.y))
        return np.mean((prediction - y_test) ** 2) / np.var(y_test)
    if not np.isfinite(prediction).all():
        shares = np.bincount(task.y, minlength=task.n_classes) / len(task.y)
        prediction = np.tile(shares, (len(y_test), 1))
    prediction = np.clip(prediction, 1e-15, None)
    prediction = prediction / prediction.sum(axis=1, keepdims=True)
    return log_loss(y_test, prediction, labels=np.arange(task.n_classes))


def _means(losses):
    found = {}
    for kind, per_task in losses.items():
        means = np.mean(per_task, axis=0) if per_task else np.full(len(STEPS), np.nan)
        found |= {f"{kind}_{n}": float(mean) for n, mean in zip(STEPS, means, strict=True)}
    return found


def print_figures(figures):
    print(
        f"{figures['tables']} tables of {figures['split']}; log-loss of classes, mean squared "
        "error over the variance of numbers, after so many steps:"
    )
    table = pd.DataFrame(figures["rows"]).sort_values("classes_5")
    print(table.round(4).to_string(index=False))
