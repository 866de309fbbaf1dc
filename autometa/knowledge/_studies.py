"""A finished Optuna study as rows of evaluations."""

import warnings
from typing import NamedTuple

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import CategoricalDistribution

from autometa.exceptions import InvalidInputError, SpaceWarning
from autometa.families import FAMILIES, drop_inactive, find_family, library_defaults
from autometa.knowledge._evaluations import PREFIX, configs_of
from autometa.space import distinct_values, fit_to_space, is_inactive, typed_value


def trials_of(study):
    """List the trials that tell something: complete, pruned after a report, or failed.

    Raises
    ------
    InvalidInputError
        Where the study has several objectives, or no such trial.
    """
    if not isinstance(study, optuna.Study):
        raise InvalidInputError(f"study must be an optuna.Study, got {type(study).__name__}.")
    if len(study.directions) != 1:
        raise InvalidInputError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives, knowledge "
            "holds one score. Give a study of one objective."
        )
    states = optuna.trial.TrialState
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (states.COMPLETE, states.FAIL)
        or (trial.state == states.PRUNED and trial.intermediate_values)
    ]
    if not any(trial.state == states.COMPLETE for trial in trials):
        raise InvalidInputError(
            f"The study {study.study_name!r} has no complete trial. Run it first."
        )
    return [trial for trial in trials if trial.params or trial.state != states.FAIL]


def study_space(trials):
    """Join the distributions of all trials into one space."""
    space = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            space[name] = join(space.get(name, distribution), distribution, name)
    return space


def join(one, other, name):
    """Find a distribution that holds the values of both.

    Examples
    --------
    >>> from optuna.distributions import IntDistribution
    >>> join(IntDistribution(1, 5), IntDistribution(3, 9), "depth")
    IntDistribution(high=9, log=False, low=1, step=1)
    >>> join(CategoricalDistribution([1, "all"]), CategoricalDistribution([True, "all"]), "depth")
    CategoricalDistribution(choices=(1, 'all', True))
    """
    if repr(one) == repr(other):  # Optuna holds True and 1 for equal
        return one
    categorical = optuna.distributions.CategoricalDistribution
    if (type(one) is categorical) != (type(other) is categorical):
        raise InvalidInputError(
            f"{name!r} is a {type(one).__name__} here and a {type(other).__name__} there. "
            "Rename one of them, or give knowledge of another family name."
        )
    if type(one) is categorical:
        return categorical(distinct_values((*one.choices, *other.choices)))
    kind = type(one) if type(one) is type(other) else optuna.distributions.FloatDistribution
    return kind(min(one.low, other.low), max(one.high, other.high), log=one.log and other.log)


class Known(NamedTuple):
    """What is known of a family, for trials to be made to fit.

    Attributes
    ----------
    space : dict of str to optuna distribution
    defaults : dict of str to value
        For what a trial lacks.
    inactive : set of str
        Hyperparameters that play no part, unless the study has them.
    conditions : dict of str to (str, tuple)
        As of the families: what a trial lacks plays no part beside another value of its parent.
    """

    space: dict
    defaults: dict
    inactive: set
    conditions: dict


def known_of(family, trials, space, table, *, is_regression):
    """Find out what trials are made to fit: what is known, and where the family is ours, its space.

    Parameters
    ----------
    family : str
    trials : list of FrozenTrial
    space : dict of str to optuna distribution
        That of the evaluations that are known of the family; empty where there are none.
    table : DataFrame or None
        Those of them that are on this kind of target. What none of them uses plays no part. What
        they use most is the default, unless the family is ours: then it is the library's.
    is_regression : bool

    Returns
    -------
    Known

    Raises
    ------
    InvalidInputError
        Where the trials have nothing of what is known.
    """
    used = study_space(trials)
    own = find_family(family).space(is_regression=is_regression) if family in FAMILIES else {}
    if space and used and not (set(space) | set(own)) & set(used):
        raise InvalidInputError(
            f"The study tunes {', '.join(used)}, and of {family!r} {', '.join(space)} are known. "
            "Give its hyperparameters these names, or the study another family."
        )
    usual = {} if table is None else _usual_values(table, space)
    inactive = set() if table is None else set(space) - set(usual)
    if family not in FAMILIES:
        conditions = {} if table is None else _usual_conditions(table, space)
        return Known(space or used, usual, inactive, conditions)
    conditions = find_family(family).CONDITIONS
    if not space and not set(own) & set(used):  # ours by its name alone
        return Known(used, usual, inactive, conditions)
    # With nothing known on this kind of target, all of our space is new.
    new = {name: d for name, d in own.items() if name not in space}
    space = space | {name: d for name, d in new.items() if table is None or name in used}
    defaults = usual | library_defaults(family, is_regression=is_regression)
    return Known(space, defaults, inactive | (set(space) - set(own)), conditions)


def study_rows(study, trials, known):
    """Turn trials into rows of evaluations; changes to fit the space are warned of once each.

    Parameters
    ----------
    study : optuna.Study
    trials : list of FrozenTrial
    known : Known

    Returns
    -------
    DataFrame with columns ``step``, ``score``, ``cost_s`` and ``hp_<name>``
        Steps that were reported on the way are rows of their own.
    """
    sign = 1.0 if study.direction == optuna.study.StudyDirection.MAXIMIZE else -1.0
    used = {name for trial in trials for name in trial.params}
    rows, messages = [], {}
    for trial in trials:
        # what other trials of the study have is inactive here, not missing
        config = dict.fromkeys(known.inactive | used) | trial.params
        config |= _inactive(config, known)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = fit_to_space(config, known.space, defaults=known.defaults)
        messages |= {str(warning.message): None for warning in caught}
        fitted = {PREFIX + name: value for name, value in fitted.items()}
        cost_s = np.nan if trial.duration is None else trial.duration.total_seconds()
        for step, value in _values_of(trial):
            is_last = step is None or step == max(trial.intermediate_values, default=step)
            cost = cost_s if is_last else np.nan
            rows.append({"step": step, "score": sign * value, "cost_s": cost, **fitted})
    for message in messages:
        warnings.warn(f"{study.study_name}: {message}", SpaceWarning, stacklevel=3)
    return pd.DataFrame(rows)


def _inactive(config, known):
    """What a configuration lacks though it is known, where its parent has no need of it: None."""
    lacking = [name for name in known.conditions if name in known.space and name not in config]
    if not lacking:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpaceWarning)
        fitted = fit_to_space(config, known.space, defaults=known.defaults)
    active = drop_inactive(fitted, known.conditions)
    return {name: None for name in lacking if name not in active}


def _values_of(trial):
    """The learning curve of a trial, and its value at the end."""
    steps = sorted(trial.intermediate_values.items())
    if trial.state == optuna.trial.TrialState.FAIL:
        return [(None, np.nan)]
    if trial.state == optuna.trial.TrialState.COMPLETE:
        last = steps[-1][0] if steps else None
        return [*steps[:-1], (last, trial.value)]
    return steps


def _usual_conditions(table, space):
    """Conditions that the evaluations follow: what is empty beside some categories of another."""
    configs, conditions = configs_of(table), {}
    active = {
        name: np.array([not is_inactive(value, distribution) for value in configs[name]])
        for name, distribution in space.items()
    }
    parents = {
        name: np.array([typed_value(value, distribution) for value in configs[name]], dtype=object)
        for name, distribution in space.items()
        if isinstance(distribution, CategoricalDistribution) and active[name].all()
    }
    for name, is_active in active.items():
        for parent, categories in parents.items():
            beside, never = set(categories[is_active]), set(categories[~is_active])
            if beside and never and not beside & never:
                conditions[name] = (parent, tuple(beside))
                break
    return conditions


def _usual_values(table, space):
    usual = {}
    for name, column in configs_of(table).items():
        present = [typed_value(v, space[name]) for v in column if not is_inactive(v, space[name])]
        if present:
            usual[name] = max(dict.fromkeys(present), key=present.count)
    return usual
