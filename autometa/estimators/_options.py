"""The constructor's arguments, checked when `fit` begins."""

import numbers
from importlib.util import find_spec

import numpy as np

from autometa._metrics import name_of_scorer
from autometa.estimators._knowledge import ON_KNOWN_TASK
from autometa.exceptions import InvalidInputError
from autometa.tasks.arrays import naming_target

#: What "auto" tries, in the order of first trials; of alternatives the first that is installed.
AUTO_FAMILIES = (
    ("adapted_network",),
    ("linear",),
    ("extra_trees",),
    ("lightgbm", "hist_gradient_boosting"),
    ("random_forest",),
    ("catboost",),
)


def find_families(families):
    """List the families that ``families`` names or holds, in the order of their first trials."""
    from autometa.families import EXTRAS

    if not isinstance(families, str):  # an array of names does not compare with "auto"
        return tuple(dict.fromkeys(families))
    installed = ([n for n in names if n not in EXTRAS or find_spec(n)] for names in AUTO_FAMILIES)
    return tuple(names[0] for names in installed if names)


def check_options(estimator):
    """Refuse arguments that `fit` could not work with; the time limit is the deadline's."""
    n_trials = estimator.n_trials
    if n_trials is not None and not (_is_int(n_trials) and n_trials >= 0):
        raise InvalidInputError(
            f"n_trials must be an int >= 0, or None for as many as fit the time, got {n_trials!r}."
        )
    _check_families(estimator.families, is_regression=estimator._kind == "regression")
    if estimator.storage is not None:
        _check_stored_choices(estimator.families)
    if estimator.on_known_task not in ON_KNOWN_TASK:
        raise InvalidInputError(
            f"on_known_task must be one of {list(ON_KNOWN_TASK)}, got {estimator.on_known_task!r}."
        )
    n_jobs = estimator.n_jobs
    if n_jobs is not None and not (_is_int(n_jobs) and n_jobs != 0):
        raise InvalidInputError(
            f"n_jobs must be None, an int >= 1, or -1 for all cores, got {n_jobs!r}."
        )
    if not isinstance(estimator.ensemble, (bool, np.bool_)):
        raise InvalidInputError(
            f"ensemble must be True, or False for one configuration, got {estimator.ensemble!r}."
        )
    limit = estimator.infer_limit
    if limit is not None and not (_is_number(limit) and limit > 0):
        raise InvalidInputError(
            f"infer_limit must be a number of seconds a row > 0, or None, got {limit!r}. "
            "For 10,000 rows a second, give 1e-4."
        )
    limit = estimator.memory_limit
    if limit is not None and not (_is_number(limit) and limit > 0):
        raise InvalidInputError(
            f"memory_limit must be a number of gigabytes > 0, or None, got {limit!r}."
        )
    try:
        are_callable = all(callable(callback) for callback in estimator.callbacks)
    except TypeError:
        are_callable = False
    if not are_callable:
        raise InvalidInputError(
            "callbacks must be a list of functions taking (study, trial), "
            f"got {estimator.callbacks!r}."
        )


def _check_families(families, *, is_regression):
    from autometa.families import EXTRAS, check_families, import_extra

    if isinstance(families, str) and families == "auto":
        return
    check_families(families, is_regression=is_regression)
    for name in EXTRAS:
        if name in list(families):
            import_extra(name, name)


def _check_stored_choices(families):
    for family in families:
        space = {} if isinstance(family, str) else family.space(is_regression=False)
        for name, distribution in space.items():
            for choice in getattr(distribution, "choices", ()):
                if isinstance(choice, tuple):
                    raise InvalidInputError(
                        f"The choice {choice!r} of {name!r} would come out of a stored study as a "
                        f"list. Leave storage out, or give the family {family.NAME!r} names in its "
                        "place, with an estimator of yours that knows what they stand for."
                    )


def check_stored_metric(metric, storage):
    """Refuse to store a study by a metric whose name others may have too.

    Parameters
    ----------
    metric : None, str or callable
        As given.
    storage : None, str or optuna storage
    """
    if storage is None or not callable(metric):
        return
    function = getattr(metric, "_score_func", metric)  # of a scorer of scikit-learn
    stored = name_of_scorer(metric)
    name = getattr(function, "__qualname__", stored)
    # the values of an object are not in the name; an address is another in every process
    is_object = function is not metric and not hasattr(function, "__qualname__")
    if is_object or " at 0x" in stored or "<lambda>" in name or "<locals>" in name:
        raise InvalidInputError(
            f"The metric {name!r} cannot be told from others of its name, so a stored study could "
            "be resumed by another one. Define it with a name of its own at the top of a module, "
            "or leave storage out."
        )


def check_metric(metric, given):
    """Refuse a metric that cannot score one of the targets, before time is spent on any.

    Parameters
    ----------
    metric : Metric or ScorerMetric
    given : list of GivenTable
        One a target.
    """
    for one in given:
        classes = None if one.task.kind == "regression" else one.task.classes
        with naming_target(one.task.y.name if len(given) > 1 else None):
            metric.with_classes(classes, one.y)


def _is_int(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
