"""From a collection of tasks to a meta-learned initialisation with its provenance."""

import hashlib
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from autometa.encoding import TableEncoder
from autometa.episodes import Episode, make_rows, query_rows
from autometa.exceptions import InvalidInputError
from autometa.knowledge import Initialisation, versions
from autometa.metalearners import METALEARNERS
from autometa.metatraining.outer import OuterStep
from autometa.metatraining.processes import Processes
from autometa.metatraining.sampler import PreparedTable, is_meta_dev
from autometa.metatraining.stream import EpisodeBatches
from autometa.metatraining.train import meta_train
from autometa.tasks import fingerprint

logger = logging.getLogger(__name__)


def build_initialisation(
    tasks,
    budget,
    *,
    learner_name="maml",
    learner_config=None,
    seed=0,
    folder=None,
    device="cpu",
    hold_out_dev=True,
    real_share=0.45,
    other_target_share=0.4,
    max_rows=2_000,
    batch_size=8,
    outer=None,
    n_workers=1,
    checkpoint_every_s=300.0,
    start=None,
    on_progress=None,
    should_stop=None,
):
    """Meta-train an initialisation on tasks and describe what it saw.

    Parameters
    ----------
    tasks : iterable of Task
    budget : Budget
    learner_name : str
        A key of :data:`autometa.metalearners.METALEARNERS`.
    learner_config : dict, default=None
    seed : int
    folder : path, default=None
        For checkpoints; training resumes from those it holds.
    device : str
    hold_out_dev : bool
        Keep the families for which :func:`is_meta_dev` is true out of training; the learning
        curve is measured on them. False trains on every task and leaves the curve empty.
    start : Initialisation, default=None
        Whose parameters to start from; what it saw is kept in the provenance.
    real_share, other_target_share, max_rows, batch_size
        See :class:`EpisodeBatches`.
    outer, n_workers, checkpoint_every_s, on_progress, should_stop
        See :func:`meta_train`.

    Returns
    -------
    Initialisation
    """
    if learner_name not in METALEARNERS:
        raise InvalidInputError(
            f"Unknown learner {learner_name!r}. Choose one of {sorted(METALEARNERS)}."
        )
    learner_config = dict(learner_config or {})
    tables, seen, validation = [], [], []
    for task in tasks:
        # each task has a generator of its own, so that adding one changes none of the others
        rng = np.random.default_rng([seed, *task.name.encode()])
        family = str(task.provenance.get("family", task.name))
        if hold_out_dev and is_meta_dev(family):
            validation.append(half_split(task, rng=rng))
            continue
        tables.append(PreparedTable.from_task(task, rng=rng))
        seen.append(_describe(task, family))
    if not tables and real_share > 0:
        others = f"; the {len(validation)} found are of held-out families" if validation else ""
        raise InvalidInputError(
            f"No task to train on{others}. Name a corpus or suite that holds some"
            f"{', or train on all families' if validation else ''}."
        )
    logger.info("%d tasks to train on, %d held out", len(tables), len(validation))
    outer = OuterStep() if outer is None else outer
    drawn = {
        "real_share": real_share,
        "other_target_share": other_target_share,
        "max_rows": max_rows,
        "batch_size": batch_size,
    }
    batches = EpisodeBatches(
        tables,
        **drawn,
        seed=seed,
        n_alike=Processes.join().count,
    )
    params, progress = meta_train(
        METALEARNERS[learner_name](**learner_config),
        batches,
        budget,
        seed=seed,
        folder=None if folder is None else Path(folder),
        validation=validation,
        device=device,
        outer=outer,
        n_workers=n_workers,
        checkpoint_every_s=checkpoint_every_s,
        start=None if start is None else start.params,
        description={
            "learner": learner_name,
            "learner configuration": learner_config,
            "seed": seed,
            **drawn,
            "outer": asdict(outer),
            "list of tasks": _digest(seen),
            "start": None if start is None else start.checksum,
        },
        on_progress=on_progress,
        should_stop=should_stop,
    )
    provenance = {
        "tasks": _merge(seen, [] if start is None else start.provenance["tasks"]),
        "start": None if start is None else _summarise(start),
        **drawn,
        "outer": asdict(outer),
        "seed": seed,
        "hours": round(progress["elapsed_s"] / 3600, 3),
        "n_steps": progress["n_steps"],
        "n_skipped": progress["n_skipped"],
        "curve": progress["curve"],
        "device": device,
        "versions": versions(),
    }
    return Initialisation(params, learner_name, learner_config, provenance)


def half_split(task, *, rng, max_rows=300, max_columns=64):
    """Split a task's rows in halves, at most ``max_rows`` each: one episode of all its columns.

    Classes without a row in the first half are left out of the second.

    Returns
    -------
    Episode
    """
    order = rng.permutation(task.n_rows)[: 2 * max_rows]
    n_support = (len(order) + 1) // 2
    X = task.X.iloc[order].reset_index(drop=True)
    y = task.y.iloc[order].reset_index(drop=True)
    is_support = np.arange(len(order)) < n_support
    n_classes = None
    if task.kind != "regression":
        codes, levels = pd.factorize(y[is_support], sort=True)
        codes = levels.get_indexer(y)
        is_kept = codes >= 0
        X, y, is_support = X[is_kept], pd.Series(codes[is_kept]), is_support[is_kept]
        n_classes = len(levels)
    if is_support.all():
        raise InvalidInputError(
            f"Task {task.name!r} ({task.n_rows} rows) cannot be split in halves: no row of the "
            "second has a class of the first. Leave it out, or give more rows."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        encoder = TableEncoder().fit(X[is_support])
    encoded, y = encoder.transform(X)[:, :max_columns], y.to_numpy(dtype=np.float64)
    support = make_rows(encoded[is_support], y[is_support], n_classes=n_classes)
    query = query_rows(support, encoded[~is_support], y[~is_support], n_classes=n_classes)
    return Episode(support, query, is_regression=n_classes is None)


def _digest(seen):
    """Shorten what tasks were seen to something that two trainings can compare."""
    names = sorted(task["name"] for task in seen)
    return f"{len(names)} tasks, {hashlib.sha256(repr(names).encode()).hexdigest()[:12]}"


def _merge(seen, seen_before):
    names = {task["name"] for task in seen}
    return seen + [task for task in seen_before if task["name"] not in names]


def _summarise(start):
    """What is remembered of the training that this one started from."""
    kept = ("hours", "n_steps", "batch_size", "real_share", "seed", "versions", "start")
    return {"sha256": start.checksum, **{name: start.provenance.get(name) for name in kept}}


def _describe(task, family):
    return {
        "name": task.name,
        "family": family,
        "openml_id": task.provenance.get("openml_data_id"),
        "fingerprint": fingerprint(task.X, task.y).to_dict(),
    }
