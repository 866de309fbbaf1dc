"""Meta-learners and recipes of meta-training, compared at equal training time on other families.

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
from autometa.metatraining import Budget, OuterStep, build_initialisation
from autometa.tasks import read_corpus
from benchmarks.halves import corpus_tasks, halve
from benchmarks.warm_quality import one_vs_one_auc

STEPS = (0, 5, 20, 60)
MAX_TEST_ROWS = 1_000
LEARNERS = {name: [{"learner_name": name}] for name in METALEARNERS}


def _network(**sizes):
    return [{"learner_config": {"network": sizes}}]


#: Stages that share the time equally, one after the other, each as arguments of
#: :func:`build_initialisation` that differ from what ships.
RECIPES = {
    "shipped": [{}],
    "anil": [{"learner_name": "anil"}],
    "first_order": [{"learner_name": "first_order_maml"}],
    "meta_sgd": [{"learner_name": "meta_sgd"}],
    "three_inner_steps": [{"learner_config": {"n_inner_steps": 3}}],
    "proposal_only": [{"learner_config": {"unadapted_share": 1.0}}],
    "narrow": _network(n_hidden=96, n_token=32),
    "wide": _network(n_hidden=512, n_token=96),
    "deep": _network(n_layers=4),
    "many_keys": _network(n_heads=4, n_key=32),
    "prior_only": [{"real_share": 0.0}],
    "real_only": [{"real_share": 1.0}],
    "own_targets_only": [{"other_target_share": 0.0}],
    "other_targets_often": [{"other_target_share": 0.8}],
    "prior_first": [{"real_share": 0.0}, {}],
    "short_first": [{"max_rows": 300}, {}],
    "short_only": [{"max_rows": 300}],
    "batches_of_4": [{"batch_size": 4}],
    "batches_of_16": [{"batch_size": 16}],
    "not_averaged": [{"outer": OuterStep(averaging=0.0)}],
    "lr_3e-4": [{"outer": OuterStep(lr=3e-4)}],
    "lr_3e-3": [{"outer": OuterStep(lr=3e-3)}],
    "weight_decay_0.1": [{"outer": OuterStep(weight_decay=0.1)}],
}


def main(
    corpus,
    results,
    recipes,
    *,
    minutes=10.0,
    n_steps=None,
    split="meta-dev",
    max_rows=600,
    max_tasks=None,
    network=None,
    seed=0,
    train=True,
):
    """Meta-train what is not trained yet, then measure every recipe on tables of other families.

    Parameters
    ----------
    corpus : path
    results : path
        A folder for each recipe; training resumes from what it holds.
    recipes : dict of str to list of dict
        Such as :data:`RECIPES` or :data:`LEARNERS`.
    minutes : float
        Of each training, on the processor's threads that torch takes.
    n_steps : int, optional
        End each stage of a training earlier.
    split : {"meta-dev", "meta-valid"}
    max_rows : int
        Of a table; half of them to learn from.
    max_tasks : int, optional
    network : dict, optional
        Sizes of the network where a recipe names none.
    seed : int
        Of the trainings and of the halves.
    train : bool
        False measures only those that have been trained.

    Returns
    -------
    dict
        ``trainings``: how each recipe was trained; ``losses``: for each recipe, table and number
        of steps the ``loss`` (log-loss, or the mean squared error over the variance) and the
        ``score`` (one-vs-one area under the curve, or minus the loss's root).
    """
    trained = {}
    for name, stages in recipes.items():
        folder = Path(results) / name
        if train:
            trained[name] = _train(
                corpus, stages, folder, minutes, n_steps=n_steps, network=network, seed=seed
            )
        elif (folder / "initialisation.json").exists():
            trained[name] = Initialisation.load(folder)
    tasks = corpus_tasks(corpus, split, max_tasks=max_tasks)
    found = []
    for task in tasks:
        half = halve(task, seed=seed, max_rows=max_rows)
        encoded, X_test, y_test = half.encode(MAX_TEST_ROWS)
        described = {
            "table": task.name,
            "kind": "numbers" if half.n_classes is None else "classes",
            "rows": len(encoded.y),
            "columns": task.n_features,
        }
        for name, initialisation in trained.items():
            for n_steps, prediction in zip(
                STEPS, predict(initialisation, encoded, X_test), strict=True
            ):
                measured = _measure(prediction, encoded, y_test)
                found.append({"recipe": name, **described, "steps": n_steps, **measured})
    trainings = [
        {
            "recipe": name,
            "hours": initialisation.provenance["hours"],
            "episodes": initialisation.provenance["n_steps"]
            * initialisation.provenance["batch_size"],
        }
        for name, initialisation in trained.items()
    ]
    return {"split": split, "tables": len(tasks), "trainings": trainings, "losses": found}


def _train(corpus, stages, folder, minutes, *, n_steps, network, seed):
    """Train one stage after the other, each from what the one before it has learned."""
    found = None
    for number, stage in enumerate(stages):
        options = {"learner_config": {"network": network} if network else {}, **stage}
        found = build_initialisation(
            read_corpus(corpus, split="meta-train"),
            Budget(hours=minutes / 60 / len(stages), n_steps=n_steps),
            seed=seed + number,
            folder=folder / f"stage{number}",
            n_workers=0,
            start=found,
            **options,
        )
    found.save(folder)
    return found


def predict(initialisation, task, X_test):
    """Predict test rows after each number of steps."""
    learner = initialisation.learner
    if learner.proposes_weights:
        config = first_config(len(task.y), is_regression=task.is_regression)
        run = NetworkRun(task, task.weight[None], [config], initialisation, seed=0, device="cpu")
        for n_steps in STEPS:
            run.advance(n_steps - run.n_steps)
            yield run.predict(X_test[None])[0, 0]
        return
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
    for _ in STEPS:
        yield prediction


def _measure(prediction, task, y_test):
    """Predictions that are not finite count as the shares of classes, or as the mean."""
    if task.is_regression:
        if not np.isfinite(prediction).all():
            prediction = np.full(len(y_test), np.mean(task.y))
        loss = np.mean((prediction - y_test) ** 2) / np.var(y_test)
        return {"loss": loss, "score": -np.sqrt(loss)}
    if not np.isfinite(prediction).all():
        shares = np.bincount(task.y, minlength=task.n_classes) / len(task.y)
        prediction = np.tile(shares, (len(y_test), 1))
    prediction = np.clip(prediction, 1e-15, None)
    prediction = prediction / prediction.sum(axis=1, keepdims=True)
    return {
        "loss": log_loss(y_test, prediction, labels=np.arange(task.n_classes)),
        "score": one_vs_one_auc(prediction, y_test),
    }


def print_figures(figures):
    """Print the mean loss after each number of steps, and after five by size of the table."""
    losses = pd.DataFrame(figures["losses"])
    table = losses.pivot_table(index="recipe", columns=["kind", "steps"], values="loss")
    table.columns = [f"{kind}, {n}" for kind, n in table]
    after_five = losses[losses["steps"] == 5]
    scores = after_five.pivot_table(index="recipe", columns="kind", values="score")
    names = {"classes": "auc", "numbers": "-rmse"}
    scores = scores.rename(columns=names).rename_axis(None, axis=1)
    trainings = pd.DataFrame(figures["trainings"]).set_index("recipe")
    order = after_five.groupby("recipe")["loss"].mean().sort_values().index
    print(
        f"{figures['tables']} tables of {figures['split']}; log-loss of classes, mean squared "
        "error over the variance of numbers, after so many steps; one-vs-one area under the "
        "curve and minus the error over the deviation after five:"
    )
    print(trainings.join(table).join(scores).loc[order].round(4).to_string())
    few, narrow = after_five["rows"] <= 150, after_five["columns"] <= 10
    groups = {
        "up to 150 rows": few,
        "more rows": ~few,
        "up to 10 columns": narrow,
        "more columns": ~narrow,
    }
    sizes = pd.DataFrame(
        {
            (name, kind): own.groupby("recipe")["loss"].mean()
            for name, chosen in groups.items()
            for kind, own in after_five[chosen].groupby("kind")
        }
    )
    print("\nmean loss after five steps, by size of the table:")
    print(sizes.loc[order].round(4).to_string())
