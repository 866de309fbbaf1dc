"""Evaluations as users give them, checked and brought into one form."""

import numbers
from collections.abc import Mapping

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution

from autometa.exceptions import InvalidInputError
from autometa.space import (
    check_space,
    closest_value,
    infer_space,
    is_inactive,
    is_missing,
    plain_value,
)

PREFIX = "hp_"
PLAIN = ("task", "family", "step", "score", "cost_s")


def check_evaluations(evaluations):
    """Check a table of evaluations and split it by family.

    Parameters
    ----------
    evaluations : DataFrame
        See :meth:`autometa.knowledge.Knowledge.from_evaluations`.

    Returns
    -------
    dict of str to DataFrame
        Columns ``task``, ``step``, ``score``, ``cost_s``, and one ``hp_<name>`` a hyperparameter
        that is active somewhere in the family.
    """
    if not isinstance(evaluations, pd.DataFrame):
        raise InvalidInputError(
            f"evaluations must be a pandas DataFrame, got {type(evaluations).__name__}."
        )
    missing = [name for name in ("task", "family", "score") if name not in evaluations]
    if missing:
        raise InvalidInputError(
            f"evaluations lack the columns {missing}, found {_some(evaluations.columns)}. Needed "
            "are task, family, score, and one hp_<name> column a hyperparameter."
        )
    names = [name for name in evaluations.columns if str(name).startswith(PREFIX)]
    unknown = [name for name in evaluations.columns if name not in (*PLAIN, *names)]
    if unknown:
        raise InvalidInputError(
            f"evaluations have columns of unknown meaning: {_some(unknown)}. Accepted are "
            f"{', '.join(PLAIN)}, and hyperparameters as hp_<name>."
        )
    if len(evaluations) == 0:
        raise InvalidInputError("evaluations are empty. Give at least one row.")
    if evaluations["task"].isna().any() or evaluations["family"].isna().any():
        raise InvalidInputError("Some evaluations name no task or no family. Drop these rows.")
    if len(set(names)) < len(names):
        raise InvalidInputError("evaluations repeat a column hp_<name>. Give each its own name.")
    table = evaluations.reset_index(drop=True)[names].copy()
    for name in names:
        _check_values(name, table[name])
    table.insert(0, "task", [task_name(task) for task in evaluations["task"]])
    table.insert(1, "step", _numbers(evaluations, "step"))
    table.insert(2, "score", _numbers(evaluations, "score"))
    table.insert(3, "cost_s", _numbers(evaluations, "cost_s"))
    if (table["cost_s"] < 0).any():
        raise InvalidInputError(
            f"cost_s must be >= 0 seconds, got {table['cost_s'].min()}. Leave it NaN if unknown."
        )
    families = evaluations["family"].astype(str).to_numpy()
    return {
        str(family): _of_family(table, families == family, names) for family in pd.unique(families)
    }


def check_metafeatures(metafeatures, tasks):
    """Bring meta-features to one row a task, in order, all numbers.

    Parameters
    ----------
    metafeatures : DataFrame indexed by task, or None
    tasks : sequence of str

    Returns
    -------
    DataFrame of shape (n_tasks, n_metafeatures)
        NaN where unknown.
    """
    if metafeatures is None:
        return pd.DataFrame(index=pd.Index(tasks, name="task"))
    if not isinstance(metafeatures, pd.DataFrame):
        raise InvalidInputError(
            "metafeatures must be a DataFrame indexed by task, or None, got "
            f"{type(metafeatures).__name__}."
        )
    if "task" in metafeatures.columns:
        raise InvalidInputError(
            "metafeatures have a column 'task', but are indexed by task. Make it the index: "
            "metafeatures.set_index('task')."
        )
    if metafeatures.index.hasnans:
        raise InvalidInputError("Some metafeatures are of no task. Drop these rows.")
    frame = metafeatures.copy()
    frame.index = pd.Index([task_name(task) for task in frame.index], name="task")
    frame.columns = [str(name) for name in frame.columns]
    for what, names in (("tasks", frame.index), ("columns", frame.columns)):
        if not names.is_unique:
            repeated = names[names.duplicated()].unique()
            raise InvalidInputError(f"metafeatures repeat the {what} {_some(repeated)}.")
    try:
        frame = frame.astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"metafeatures must be numeric: {error}. Drop or encode columns of text."
        ) from error
    if len(tasks) and len(frame.columns) and not frame.index.isin(tasks).any():
        raise InvalidInputError(
            f"No task of the evaluations ({_some(tasks)}) is in the index of metafeatures "
            f"({_some(frame.index)}). Set the index to the tasks' names."
        )
    return frame.reindex(tasks).replace([np.inf, -np.inf], np.nan)


def check_tasks(tasks, names):
    """Refuse a provenance of tasks that is none, or is of none of the tasks evaluated.

    Parameters
    ----------
    tasks : dict of str to dict, or None
    names : collection of str
        Of the tasks evaluated.

    Examples
    --------
    >>> check_tasks({"creidt": {"openml_id": 31}}, ["credit"])
    Traceback (most recent call last):
    autometa.exceptions.InvalidInputError: No task of the evaluations (credit) is among tasks ...
    """
    if tasks is None:
        return
    if not isinstance(tasks, Mapping) or not all(isinstance(v, Mapping) for v in tasks.values()):
        raise InvalidInputError(
            "tasks must be a dict of a task's name to a dict, such as {'credit': {'openml_id': "
            f"31}}}}, got {tasks!r}."
        )
    if tasks and not {task_name(name) for name in tasks} & set(names):
        raise InvalidInputError(
            f"No task of the evaluations ({_some(names)}) is among tasks ({_some(tasks)}). Give "
            "them the same names."
        )


def check_spaces(space, tables):
    """Find the space of every family: the one given, or one inferred from its evaluations.

    Parameters
    ----------
    space : dict of name to distribution, dict of family to such a dict, or None
    tables : dict of str to DataFrame

    Returns
    -------
    dict of str to dict
    """
    is_by_family = isinstance(space, dict) and space and set(map(type, space.values())) == {dict}
    if is_by_family and (unknown := sorted(set(space) - set(tables), key=str)):
        raise InvalidInputError(
            f"space names the families {_some(unknown)}, of which there are no evaluations; there "
            f"are some of {_some(tables)}."
        )
    spaces = {}
    for family, table in tables.items():
        inferred = infer_space(configs_of(table))
        given = space.get(family) if is_by_family else space
        if given is None:
            spaces[family] = inferred
            continue
        given = {str(name).removeprefix(PREFIX): d for name, d in check_space(given).items()}
        unknown = sorted(set(inferred) - set(given))
        if unknown:
            raise InvalidInputError(
                f"The space lacks {unknown}, which {family!r} was evaluated with. Add them, or "
                "give space=None to have it inferred."
            )
        for name in given:
            if PREFIX + name not in table:
                table[PREFIX + name] = None
            _check_range(family, name, table[PREFIX + name], given[name])
        tables[family] = table[[*table.columns[:4], *(PREFIX + name for name in given)]]
        spaces[family] = given
    return spaces


def configs_of(table):
    """Take the columns of hyperparameters, under their own names.

    Examples
    --------
    >>> configs_of(pd.DataFrame({"task": ["a"], "hp_C": [1.0]})).columns.tolist()
    ['C']
    """
    names = [name for name in table.columns if str(name).startswith(PREFIX)]
    return table[names].rename(columns=lambda name: str(name).removeprefix(PREFIX))


def task_name(task):
    """Name a task by text, an integer that became a float by its integer.

    Examples
    --------
    >>> task_name(31), task_name(31.0), task_name("credit")
    ('31', '31', 'credit')
    """
    is_number = isinstance(task, numbers.Real) and not isinstance(task, bool)
    return str(int(task)) if is_number and float(task).is_integer() else str(task)


def _numbers(evaluations, name):
    if name not in evaluations:
        return np.full(len(evaluations), np.nan)
    try:
        values = evaluations[name].astype(float).to_numpy()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"The column {name!r} must be numeric: {error}.") from error
    return np.where(np.isfinite(values), values, np.nan)


def _check_values(name, column):
    if pd.api.types.is_numeric_dtype(column.dtype):
        return
    for value in column:
        if not isinstance(value, (str, bool, numbers.Real, np.generic)) and not is_missing(value):
            raise InvalidInputError(
                f"{name} holds {value!r}, which is neither a number nor a text, a boolean or None. "
                "Write such values as texts."
            )


def _check_range(family, name, column, distribution):
    for value in column.unique():
        if not is_inactive(value, distribution) and not _is_of(value, distribution):
            raise InvalidInputError(
                f"{family!r} was evaluated with {name}={plain_value(value)!r}, which is not of its "
                f"space: {distribution}. Widen the space, drop these rows, or give space=None."
            )


def _is_of(value, distribution):
    """Whether a distribution has a value, rounding aside."""
    try:
        closest = closest_value(value, distribution)
    except LookupError:
        return False
    if isinstance(distribution, CategoricalDistribution):
        return closest is None or str(closest) == str(value) or closest == value
    return bool(np.isclose(float(value), closest, rtol=1e-6, atol=1e-12))


def _of_family(table, is_family, names):
    """Take the rows of a family, and the columns that it uses."""
    own = table[is_family].reset_index(drop=True)
    for name in names:
        if own[name].isna().all():
            own = own.drop(columns=name)
        elif table[name].isna().any() and _are_whole(own[name]):
            own[name] = own[name].astype("int64")  # floats for want of values in other families
        else:
            own[name] = own[name].infer_objects()
    return own


def _are_whole(column):
    """Whether floats are whole numbers, none of them missing."""
    if not pd.api.types.is_float_dtype(column.dtype) or column.isna().any():
        return False
    values = column.to_numpy(dtype=float)
    return bool(((values == np.round(values)) & (np.abs(values) < 2.0**53)).all())


def _some(values, n_shown=5):
    values = [str(value) for value in values]
    return ", ".join(values[:n_shown]) + (", ..." if len(values) > n_shown else "")
