"""From what users give to a proposer: knowledge found, a table described, proposers kept."""

import inspect
import os
import warnings
import weakref

import numpy as np
import pandas as pd

from autometa.exceptions import (
    InvalidInputError,
    OtherKindWarning,
    UnknownMetafeaturesWarning,
    UnknownSpaceWarning,
)
from autometa.families import FAMILIES, default_config, find_family
from autometa.knowledge import Knowledge
from autometa.knowledge.evaluations import shipped_evaluations
from autometa.metafeatures import compute_metafeatures
from autometa.search._user_space import UserSpace
from autometa.space import check_space, default_value, is_inactive, is_missing, typed_value
from autometa.tasks import KINDS, target_kind

_made = weakref.WeakKeyDictionary()


def find_knowledge(knowledge, family):
    """Return the knowledge that is named: "default", a folder, or one itself.

    Raises
    ------
    InvalidInputError
        Where it holds nothing of the family.
    ArtefactError
        Where the folder holds no knowledge.
    """
    is_default = isinstance(knowledge, str) and knowledge == "default"
    if is_default:
        found = shipped_evaluations()
    elif isinstance(knowledge, (str, os.PathLike)):
        found = Knowledge.load(knowledge)
    elif isinstance(knowledge, Knowledge):
        found = knowledge
    else:
        raise InvalidInputError(
            "knowledge must be 'default', a folder written by `autometa collect`, or a Knowledge, "
            f"got {knowledge!r}."
        )
    if family not in found.families:
        which = "The knowledge that ships with autometa" if is_default else "The knowledge given"
        raise InvalidInputError(
            f"{which} holds no evaluations of the family {family!r} (it has "
            f"{', '.join(found.families) or 'none at all'}). Collect some by `autometa collect "
            f"--corpus FOLDER --families {family} --out FOLDER`, or make knowledge of scores "
            "of your own by Knowledge.from_evaluations, and give either as knowledge."
        )
    return found


def describe(X, y, metafeatures, knowledge, kind=None):
    """Find the meta-features of a new task, and whether its target is numbers.

    Parameters
    ----------
    X, y : table and target, or None
    metafeatures : mapping, Series or None
        Taken in the place of computed ones.
    knowledge : Knowledge
        Without meta-features of its own, none are computed.
    kind : {"binary", "multiclass", "regression", "classification"}, optional
        Of the target.

    Returns
    -------
    metafeatures : mapping, Series or None
    is_regression : bool or None
        None where nothing tells.
    """
    if (X is None) != (y is None):
        given, lacking = ("X", "y") if y is None else ("y", "X")
        raise InvalidInputError(
            f"{given} was given without {lacking}. Give both, or metafeatures, or nothing."
        )
    if kind not in (None, "classification", *KINDS):
        raise InvalidInputError(
            f"kind must be one of {['classification', *KINDS]}, got {kind!r}. Leave it out to have "
            "the target's values tell."
        )
    if isinstance(metafeatures, pd.DataFrame):
        raise InvalidInputError(
            "metafeatures must be a mapping or Series of one task, got a DataFrame. Give one of "
            "its rows: frame.loc[name]."
        )
    if X is not None and metafeatures is None and len(knowledge.metafeatures.columns):
        metafeatures = compute_metafeatures(X, y, kind)
        is_regression = bool(np.isnan(metafeatures["n_classes"]))
        return as_far_as_known(metafeatures, knowledge), is_regression
    if kind is not None:
        return metafeatures, kind == "regression"
    if X is not None:
        return metafeatures, target_kind(y) == "regression"
    return metafeatures, _are_of_numbers(metafeatures)


def as_far_as_known(metafeatures, knowledge):
    """Return the meta-features computed of a table, or None where the knowledge has other ones."""
    known = knowledge.metafeatures.columns
    if not metafeatures or set(metafeatures) & set(known):
        return metafeatures
    warnings.warn(
        f"The knowledge has meta-features of other names ({', '.join(known[:5])}, ...) than those "
        "computed of the table, so that all known tasks count alike.",
        UnknownMetafeaturesWarning,
        stacklevel=5,
    )
    return None


def _are_of_numbers(metafeatures):
    """Whether meta-features under our names are of a target of numbers; None where none tells."""
    if not hasattr(metafeatures, "get"):
        return None
    if not is_missing(metafeatures.get("n_classes")):
        return None if metafeatures.get("n_classes") == 0 else False
    return None if is_missing(metafeatures.get("target_distinct_share")) else True


def find_proposer(knowledge, family, is_regression, make, **options):
    """Make a proposer, or find the one made of the same knowledge before.

    Parameters
    ----------
    knowledge : Knowledge
    family : str
    is_regression : bool or None
        Then knowledge of the other kind of tasks is left out, unless there is no other.
    make : callable
        ``make(knowledge, family, **options)`` returns a proposer.
    """
    made_of = (knowledge.tables[family], knowledge.spaces[family], knowledge.metafeatures)
    made = _made.setdefault(knowledge, {})
    key = (family, is_regression, make, *sorted(options.items()))
    if key not in made or any(a is not b for a, b in zip(made[key][0], made_of, strict=True)):
        alike = knowledge.filter(families=[family], is_regression=is_regression)
        is_other = family not in alike.families
        proposer = make(knowledge if is_other else alike, family, **options)
        made[key] = made_of, proposer, is_other
    _, proposer, is_other = made[key]
    if is_other:
        known, asked = ("classes", "numbers") if is_regression else ("numbers", "classes")
        warnings.warn(
            f"Of {family!r} only tasks with targets of {known} are known, and these are {asked}: "
            "proposals come from them all the same.",
            OtherKindWarning,
            stacklevel=4,
        )
    return proposer


def proposer_options(make, *, by_rank, cost_exponent):
    """Options that a proposer is made with, as far as it takes them.

    Parameters
    ----------
    make : callable
        As of :func:`find_proposer`; what a partial has bound stays.
    by_rank : bool
    cost_exponent : float

    Returns
    -------
    dict of str to value

    Raises
    ------
    InvalidInputError
        Where costs should count, and the proposer knows nothing of them.

    Examples
    --------
    >>> from autometa.proposers import SurrogateProposer
    >>> proposer_options(SurrogateProposer, by_rank=True, cost_exponent=0.0)
    {'by_rank': True}
    """
    taken, bound = inspect.signature(make).parameters, getattr(make, "keywords", {})
    options = {"by_rank": by_rank} if "by_rank" in taken and "by_rank" not in bound else {}
    if cost_exponent:  # 0 is left out, so that one proposer serves whoever does not ask for it
        if "cost_exponent" not in taken:
            raise InvalidInputError(
                f"cost_exponent={cost_exponent!r} was given, which the proposer "
                f"{getattr(make, '__name__', make)} does not take. Leave it at 0, or take "
                "SurrogateProposer."
            )
        options["cost_exponent"] = cost_exponent
    return options


def unknown_names(names, family, space):
    """Say that hyperparameters are not among those known."""
    return (
        f"Of {family!r} nothing is known of {', '.join(map(repr, names))}. Known are "
        f"{', '.join(space)}: give hyperparameters these names."
    )


def user_space(proposer, is_regression, given=None):
    """Make what learns the space of a user's study.

    Parameters
    ----------
    given : dict of str to optuna distribution, optional
        What the study will tune, where that is known.

    Returns
    -------
    UserSpace
    """
    is_ours = proposer.family in FAMILIES
    conditions = find_family(proposer.family).CONDITIONS if is_ours else {}
    space = UserSpace(proposer.space, default_values(proposer, is_regression), conditions)
    if given is not None:
        space.see(given, planned=space.names)
    return space


def check_user_space(given, proposer):
    """Refuse a space of which nothing is known, and warn of what in it is not known.

    Returns
    -------
    dict of str to optuna distribution, or None where none is given
    """
    if given is None:
        return None
    given = check_space(given)
    unknown = sorted(set(given) - set(proposer.space))
    message = unknown_names(unknown, proposer.family, proposer.space)
    if unknown and len(unknown) == len(given):
        raise InvalidInputError(message)
    if unknown:
        warnings.warn(message, UnknownSpaceWarning, stacklevel=4)
    return given


def default_values(proposer, is_regression):
    """Values of the hyperparameters that play a part in every known configuration.

    For a study that leaves some of them alone: the library's defaults where the family is ours,
    else what is known most often.

    Returns
    -------
    dict of str to value
    """
    configs = proposer.table.configs
    own = {}
    if proposer.family in FAMILIES:
        own = default_config(proposer.family, is_regression=bool(is_regression))
    found = {}
    for name, distribution in proposer.space.items():
        present = [
            typed_value(value, distribution)
            for value in configs[name]
            if not is_inactive(value, distribution)
        ]
        if len(present) == len(configs):
            usual = max(dict.fromkeys(present), key=present.count, default=None)
            found[name] = own.get(name, default_value(distribution) if usual is None else usual)
    return found
