"""Several targets: a fitted estimator for each of them, under one deadline."""

import math
import warnings
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pandas as pd

from autometa._deadline import Deadline
from autometa._random import as_generator
from autometa.estimators._class_weight import class_factors
from autometa.exceptions import DroppedColumnsWarning, InvalidInputError
from autometa.tasks import as_targets
from autometa.tasks.arrays import naming_target

#: What a fitted estimator has for its target, and one of several targets a list of.
ONE_EACH = (
    "best_params_",
    "best_score_",
    "class_offsets_",
    "classes_",
    "proposals_",
    "study_",
    "temperature_",
)


def fit_targets(estimator, given, initialisation, metric, deadline, memory):
    """Fit an estimator of the same class to each target, and gather what they have.

    Each may take its share of the time that is left. After Ctrl-C, targets whose turn has not come
    have the weights as proposed.

    Parameters
    ----------
    estimator : AutoMetaEstimator
    given : list of GivenTable
        One a target.
    initialisation : Initialisation
    metric : Metric
    deadline : Deadline
    memory : Memory
        Of all targets together, as the deadline is.
    """
    names = [one.task.y.name for one in given]
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    fitted = [type(estimator)(**options) for options in _options_of_each(estimator, names)]
    for name, one, target in zip(names, fitted, given, strict=True):
        with naming_target(name):
            _check_class_weight(one, target)
    is_interrupted, untried = False, []
    for position, (name, one, target) in enumerate(zip(names, fitted, given, strict=True)):
        share_s = deadline.left_s / (len(given) - position)
        one.time_limit = None if math.isinf(share_s) else share_s
        if is_interrupted:
            one.n_trials = 0
            untried.append(name)
        with naming_target(name), _said_once() if position else nullcontext():
            try:
                one._fit_target(target, initialisation, metric, Deadline(one.time_limit), memory)
            except KeyboardInterrupt:
                if position == 0 or is_interrupted:  # nothing to keep, or pressed again
                    raise
                is_interrupted, one.n_trials = True, 0
                untried.append(name)
                one._forget(set(one.get_params(deep=False)))
                one._fit_target(target, initialisation, metric, Deadline(one.time_limit), memory)
        is_interrupted |= one.study_.is_interrupted
    if untried:
        message = f"Interrupted; targets {untried} have the weights as proposed."
        warnings.warn(message, stacklevel=3)
    estimator._learn_columns(given[0].task.X)
    gather(estimator, names, fitted)
    estimator.fit_time_s_ = deadline.elapsed_s


def _said_once():
    """Leave out what was said of the columns, which are the same for all targets."""
    return warnings.catch_warnings(action="ignore", category=DroppedColumnsWarning)


def gather(estimator, names, fitted):
    """Let an estimator of several targets have what those of each target have."""
    estimator.target_names_, estimator.estimators_ = names, fitted
    for one in fitted:  # the order of the columns is checked once
        one._other_names_ = None
    for name in ONE_EACH:
        if hasattr(fitted[0], name):
            setattr(estimator, name, [getattr(one, name) for one in fitted])


def _options_of_each(estimator, names):
    """The arguments of each target's estimator; not copied, since storages and callbacks work."""
    common = estimator.get_params(deep=False)
    if isinstance(common["cv"], Iterator):
        common["cv"] = list(common["cv"])
    seeds = [None] * len(names)
    if common["random_state"] is not None:
        rng = as_generator(common["random_state"])
        seeds = rng.integers(2**31, size=len(names)).tolist()
    weights = common.get("class_weight")
    is_one_each = isinstance(weights, (list, tuple))
    if is_one_each and len(weights) != len(names):
        raise InvalidInputError(
            f"class_weight is a list of {len(weights)}, y has {len(names)} targets. "
            "Give one for each target, or one for all."
        )
    for position, name in enumerate(names):
        options = {**common, "random_state": seeds[position]}
        if is_one_each:
            options["class_weight"] = weights[position]
        if common["study_name"] is not None:
            options["study_name"] = f"{common['study_name']}/{name}"
        yield options


def _check_class_weight(estimator, given):
    """Refuse what a target's turn would, before others have had theirs."""
    if getattr(estimator, "class_weight", None) is not None:
        class_factors(estimator.class_weight, given.task.classes, given.y, given.weight)


def predict_targets(estimator, X):
    """Predict all targets; an ndarray of shape (n_rows, n_targets)."""
    frame = estimator._check_frame(X)
    return stack_labels([one.predict(frame) for one in estimator.estimators_])


def stack_labels(columns):
    """Put columns side by side; text beside numbers stays text beside numbers.

    Examples
    --------
    >>> stack_labels([np.array([0, 1]), np.array(["no", "yes"])]).tolist()
    [[0, 'no'], [1, 'yes']]
    >>> stack_labels([np.array([0, 1]), np.array([True, False])]).tolist()
    [[0, 1], [1, 0]]
    """
    kinds = {"number" if one.dtype.kind in "biuf" else one.dtype.kind for one in columns}
    if len(kinds) > 1:
        columns = [one.astype(object) for one in columns]
    return np.column_stack(columns)


def exact_match(y, predicted, sample_weight=None):
    """The share of rows whose labels are all as predicted.

    Parameters
    ----------
    y : targets of shape (n_rows, n_targets)
    predicted : ndarray of shape (n_rows, n_targets)
    sample_weight : array-like of shape (n_rows,), optional

    Returns
    -------
    float

    Examples
    --------
    >>> exact_match([[0, "no"], [1, "no"]], np.array([[0, "no"], [1, "yes"]], dtype=object))
    0.5
    """
    targets = as_targets(y)
    if targets.shape != predicted.shape:
        raise InvalidInputError(
            f"y has shape {targets.shape}, what is predicted {predicted.shape}. "
            "Give a label for each row and target."
        )
    is_right = [
        column.to_numpy() == labels
        for (_, column), labels in zip(targets.items(), predicted.T, strict=True)
    ]
    return float(np.average(np.all(is_right, axis=0), weights=sample_weight))


def leaderboard_of_targets(estimator):
    """The leaderboards of all targets, one after another, with the ``target`` in front."""
    tables = [one.leaderboard_ for one in estimator.estimators_]
    names = ["target", *dict.fromkeys(name for table in tables for name in table.columns)]
    rows, benefit = [], []
    for name, table in zip(estimator.target_names_, tables, strict=True):
        rows += [{"target": name, **row} for row in table.to_dict("records")]
        benefit += [{"target": name, **row} for row in table.attrs["benefit"]]
    table = pd.DataFrame(rows, columns=names)
    table.attrs["benefit"] = benefit
    return table
