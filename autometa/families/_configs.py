"""Configurations of a family: read as given, completed by its defaults, checked by name."""

import math

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.exceptions import InvalidInputError
from autometa.families._registry import find_family


def read_config(family, config, *, is_regression):
    """Complete a configuration by the family's defaults, without what is inactive.

    Parameters
    ----------
    family : str or Family
    config : mapping of str to value
        May lack parameters and may hold NaN or None for inactive ones, as tables do.
    is_regression : bool

    Returns
    -------
    dict
        Values of the types that the family's space has.

    Raises
    ------
    InvalidInputError
        Where a name is not in the space.

    Examples
    --------
    >>> read_config("svm", {"C": 10, "degree": float("nan")}, is_regression=False)
    {'kernel': 'rbf', 'C': 10.0, 'gamma': 1.0, 'scaling': 'standardised'}
    """
    found = find_family(family)
    space = found.space(is_regression=is_regression)
    unknown = sorted(set(config) - set(space))
    if unknown:
        raise InvalidInputError(
            f"{found.NAME} has no hyperparameter {unknown[0]!r}. It has {', '.join(space)}."
        )
    given = {name: v for name, v in config.items() if not _is_absent(v, space[name])}
    given = {**default_config(family, is_regression=is_regression), **given}
    typed = {name: _as_type(given[name], space[name]) for name in space if name in given}
    return drop_inactive(typed, found.CONDITIONS)


def default_config(family, *, is_regression):
    """Return the configuration that stands for the library's own defaults.

    Examples
    --------
    >>> default_config("knn", is_regression=True)
    {'n_neighbors': 5, 'weights': 'uniform', 'p': 2, 'scaling': 'standardised'}
    """
    found = find_family(family)
    defaults = dict(found.DEFAULT_CONFIG)
    if is_regression:
        defaults |= getattr(found, "REGRESSION_DEFAULTS", {})
    space = found.space(is_regression=is_regression)
    return {name: defaults[name] for name in space if name in defaults}


def library_defaults(family, *, is_regression):
    """Return the library's default of every hyperparameter, also of those inactive by default.

    Examples
    --------
    >>> library_defaults("svm", is_regression=False)["degree"]
    3
    """
    found = find_family(family)
    defaults = {
        **getattr(found, "INACTIVE_DEFAULTS", {}),
        **default_config(family, is_regression=is_regression),
    }
    space = found.space(is_regression=is_regression)
    return {name: defaults[name] for name in space if name in defaults}


def drop_inactive(config, conditions):
    """Leave out the parameters whose parent has another value than they need.

    Parameters
    ----------
    config : mapping of str to value
    conditions : mapping of str to (str, tuple)
        Of a parameter: its parent, and the parent's values with which it plays a part.

    Examples
    --------
    >>> drop_inactive({"kernel": "rbf", "degree": 3}, {"degree": ("kernel", ("poly",))})
    {'kernel': 'rbf'}
    """

    def is_active(name):
        if name not in conditions:
            return True
        parent, values = conditions[name]
        return config.get(parent) in values and is_active(parent)

    return {name: value for name, value in config.items() if is_active(name)}


def suggest_config(trial, family, *, is_regression):
    """Ask a trial of a user's study for all hyperparameters of a family that play a part.

    One after another, so that those which need a value of another one are asked for only beside it.

    Parameters
    ----------
    trial : optuna.Trial
    family : str or Family
    is_regression : bool

    Returns
    -------
    dict of str to value
        In the names of the library.

    Examples
    --------
    >>> import optuna
    >>> trial = optuna.trial.FixedTrial({"kernel": "rbf", "C": 1.0, "gamma": 1.0,
    ...                                  "scaling": "standardised"})
    >>> suggest_config(trial, "svm", is_regression=False)
    {'kernel': 'rbf', 'C': 1.0, 'gamma': 1.0, 'scaling': 'standardised'}
    """
    found, config = find_family(family), {}
    for name, distribution in found.space(is_regression=is_regression).items():
        if name in drop_inactive({**config, name: None}, found.CONDITIONS):
            config[name] = _suggest(trial, name, distribution)
    return config


def _suggest(trial, name, distribution):
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    is_float = isinstance(distribution, FloatDistribution)
    ask = trial.suggest_float if is_float else trial.suggest_int
    options = {"log": distribution.log, "step": distribution.step}
    return ask(name, distribution.low, distribution.high, **options)


def _is_absent(value, distribution):
    if value is None:  # which may be a choice
        return not (
            isinstance(distribution, CategoricalDistribution) and None in distribution.choices
        )
    return isinstance(value, float) and math.isnan(value)


def _as_type(value, distribution):
    if isinstance(distribution, IntDistribution):
        return int(value)
    if isinstance(distribution, FloatDistribution):
        return float(value)
    return next((choice for choice in distribution.choices if choice == value), value)
