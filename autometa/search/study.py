"""The Optuna study behind a search: an ordinary one that remembers which data it is about."""

import json
import warnings

import numpy as np
import optuna
from optuna.distributions import check_distribution_compatibility

from autometa.exceptions import InvalidInputError
from autometa.families import Family

ATTRIBUTE = "autometa:task"


class SearchStudy(optuna.Study):
    """An Optuna study whose ``stop`` also works between asking and telling.

    Optuna lets callbacks stop ``Study.optimize`` only; a search asks for groups of trials and
    tells them, and callbacks such as ``MaxTrialsCallback`` shall end it too.
    """

    is_searching = False
    is_stopped = False
    #: Whether Ctrl-C ended the search, or what came after it.
    is_interrupted = False

    def stop(self):
        """End the search, or the running ``optimize``, after the current trials."""
        if self.is_searching:
            self.is_stopped = True
        else:
            super().stop()


def open_study(*, task_description, storage=None, study_name=None, seed=None, families=()):
    """Create a study, or resume a stored one if it is about the same task.

    Parameters
    ----------
    task_description : dict
        JSON-able: what must agree for trials to be comparable (data fingerprint, metric, folds).
    storage : str, optuna storage or None
        As for ``optuna.create_study``; None keeps the study in memory.
    study_name : str, default=None
    seed : int, default=None
        Of the sampler, together with the number of trials that are stored.
    families : sequence of str or Family, default=()
        That will be searched; trials that are stored must be of the spaces of a user's own.

    Returns
    -------
    SearchStudy

    Raises
    ------
    InvalidInputError
        Where the storage cannot be opened, or where the stored study is about other data, another
        metric, other folds or other spaces, or minimises.

    Examples
    --------
    >>> study = open_study(task_description={"metric": "accuracy"}, study_name="a")
    >>> study.user_attrs
    {'autometa:task': {'metric': 'accuracy'}}
    """
    storage = optuna.storages.InMemoryStorage() if storage is None else storage
    created = _create_study(storage, study_name)
    n_trials = len(created.get_trials(deepcopy=False))
    if seed is not None and n_trials:
        # the trials that come must not be drawn as those that are there were
        seed = int(np.random.SeedSequence([seed, n_trials]).generate_state(1)[0])
    with warnings.catch_warnings():  # optuna 4 calls two of these options experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=8, multivariate=True, constant_liar=True
        )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=8, n_warmup_steps=2)
    study = SearchStudy(created.study_name, storage, sampler=sampler, pruner=pruner)
    if study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        raise InvalidInputError(
            f"The stored study {study.study_name!r} minimises or has several objectives; a search "
            "maximises one score. Give another study_name."
        )
    described = json.loads(json.dumps(task_description))
    known = study.user_attrs.get(ATTRIBUTE)
    if known is None and not study.trials:
        study.set_user_attr(ATTRIBUTE, described)
    elif known != described:
        differing = sorted(
            name for name in described if known is None or known.get(name) != described[name]
        )
        raise InvalidInputError(
            f"The stored study {study.study_name!r} was made with other {', '.join(differing)}. "
            "Resume with the same data, weights, metric, cv and random_state, or give another "
            "study_name."
        )
    for family in families:
        if isinstance(family, Family):
            _check_space(study, family)
    return study


def _create_study(storage, study_name):
    """Create or load a study of Optuna."""
    options = {"study_name": study_name, "direction": "maximize", "load_if_exists": True}
    if isinstance(storage, optuna.storages.BaseStorage):
        return optuna.create_study(storage=storage, **options)
    if not isinstance(storage, str):
        raise InvalidInputError(
            f"storage must be the URL of a database, a storage of Optuna or None, got {storage!r}. "
            "Give e.g. 'sqlite:///studies.db'."
        )
    try:
        return optuna.create_study(storage=storage, **options)
    except Exception as error:  # of the database, its driver or SQLAlchemy
        kind = storage.partition(":")[0]  # what follows may hold a password
        raise InvalidInputError(
            f"The storage of the kind {kind!r} cannot be opened: {str(error).rstrip('.')}. Give "
            "the URL of a database that can be reached and install its driver, or give e.g. "
            "'sqlite:///studies.db'."
        ) from error


def _check_space(study, family):
    """Refuse a space in which Optuna could not compare new trials with those that are stored."""
    space = {f"{family.NAME}.{name}": (name, new) for name, new in family.space().items()}
    for trial in study.get_trials(deepcopy=False):
        for stored_name in space.keys() & trial.distributions.keys():
            name, new = space[stored_name]
            old = trial.distributions[stored_name]
            try:
                check_distribution_compatibility(old, new)
            except ValueError as error:
                raise InvalidInputError(
                    f"The stored study {study.study_name!r} has trials of the family "
                    f"{family.NAME!r} with {name!r} from {old}, and its space is now {new}. Only "
                    "the limits of numbers may change; give that of before, or another study_name."
                ) from error
