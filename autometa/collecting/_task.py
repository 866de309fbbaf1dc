"""Collect on one task."""

import numbers

from autometa.collecting._collected import evaluations_frame, rows_of
from autometa.collecting._evaluations import evaluate_table
from autometa.evaluation import TableFolds
from autometa.exceptions import InvalidInputError
from autometa.families import read_config
from autometa.metafeatures import compute_metafeatures
from autometa.tasks import fingerprint


def collect_task(
    task,
    family,
    configs,
    *,
    n_folds=3,
    max_rows=2_000,
    seed=0,
    time_limit_s=60.0,
    n_threads=1,
    initialisation=None,
    device="cpu",
):
    """Evaluate configurations of a family on a task by cross-validation.

    Parameters
    ----------
    task : Task
    family : str
        A key of :data:`autometa.families.FAMILIES`.
    configs : list of dict
        What one lacks is as in the family's default configuration.
    n_folds : int
    max_rows : int
        Of a larger task so many rows are drawn, the same ones for every family.
    seed : int
        Of the rows drawn, the folds and the estimators.
    time_limit_s : float, optional
        For one configuration with all its folds, by the clock on the wall. Fits run in a process
        of their own, which is ended after that time. None fits in this process, however long it
        takes.
    n_threads : int
    initialisation : Initialisation, optional
        Of the adapted network; by default the one that ships.
    device : str
        Of the adapted network.

    Returns
    -------
    DataFrame
        As :attr:`Collected.evaluations`.

    Examples
    --------
    >>> import numpy as np
    >>> from autometa.tasks import task_from_arrays
    >>> task = task_from_arrays(np.arange(40.0)[:, None], ["no"] * 20 + ["yes"] * 20, name="steps")
    >>> found = collect_task(task, "knn", [{}, {"n_neighbors": 1}], time_limit_s=None)
    >>> found[["task", "hp_n_neighbors", "status"]].to_numpy().tolist()
    [['steps', 5, 'ok'], ['steps', 1, 'ok']]
    """
    is_regression = task.kind == "regression"
    configs = [read_config(family, config, is_regression=is_regression) for config in configs]
    check_settings(n_folds=n_folds, max_rows=max_rows, time_limit_s=time_limit_s)
    records = evaluate_table(
        TableFolds.from_task(task, max_rows=max_rows, n_folds=n_folds, seed=seed),
        family,
        configs,
        time_limit_s=time_limit_s,
        n_threads=n_threads,
        seed=seed,
        network=network_options([family], initialisation, device),
    )
    rows = []
    for number, (config, record) in enumerate(zip(configs, records, strict=True)):
        named = {"task": task.name, "config": number, "values": config}
        rows += rows_of(family, {**named, **record})
    return evaluations_frame(rows)


def describe_task(task, *, seed=0):
    """Describe a task for the knowledge: where it comes from, and its meta-features."""
    provenance = task.provenance
    return {
        "name": task.name,
        "kind": task.kind,
        "family": str(provenance.get("family", task.name)),
        "openml_id": provenance.get("openml_data_id"),
        "fingerprint": fingerprint(task.X, task.y).to_dict(),
        "n_rows": task.n_rows,
        "n_features": task.n_features,
        "metafeatures": compute_metafeatures(task.X, task.y, task.kind, random_state=seed),
    }


def network_options(families, initialisation, device):
    """Return what the adapted network needs; empty where it is not among the families."""
    if "adapted_network" not in families:
        return {}
    if initialisation is None:
        from autometa.knowledge import Initialisation

        initialisation = Initialisation.default()
    return {"initialisation": initialisation, "device": device}


def check_settings(*, n_folds, max_rows, time_limit_s):
    """Refuse settings that no evaluation can have."""
    for name, value in (("n_folds", n_folds), ("max_rows", max_rows)):
        if not isinstance(value, numbers.Integral):
            raise InvalidInputError(f"{name} must be a whole number, got {value!r}.")
    if not n_folds >= 2:
        raise InvalidInputError(f"n_folds must be >= 2, got {n_folds}.")
    if not max_rows >= 2 * n_folds:
        raise InvalidInputError(
            f"max_rows must be at least twice n_folds ({2 * n_folds}), got {max_rows}."
        )
    is_limit = isinstance(time_limit_s, numbers.Real) and 0 < time_limit_s < float("inf")
    if time_limit_s is not None and not is_limit:
        raise InvalidInputError(
            f"time_limit_s must be above 0 and finite, or None for no limit, got {time_limit_s!r}."
        )
