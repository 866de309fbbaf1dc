"""The Optuna study behind a search: an ordinary one that remembers which data it is about."""

import json
import warnings

import numpy as np
import optuna

from autometa.exceptions import InvalidInputError

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


def open_study(*, task_description, storage=None, study_name=None, seed=None):
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

    Returns
    -------
    SearchStudy

    Raises
    ------
    InvalidInputError
        Where the stored study is about other data, another metric or other folds, or minimises.

    Examples
    --------
    >>> study = open_study(task_description={"metric": "accuracy"}, study_name="a")
    >>> study.user_attrs
    {'autometa:task': {'metric': 'accuracy'}}
    """
    storage = optuna.storages.InMemoryStorage() if storage is None else storage
    created = optuna.create_study(
        storage=storage, study_name=study_name, direction="maximize", load_if_exists=True
    )
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
    return study
