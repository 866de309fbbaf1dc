"""What the trials of a study tell: the best of a family, and its hyperparameters."""

import math

from optuna.trial import TrialState

from autometa.families.adapted_network import DEFAULT_CONFIG, NAME

#: What a trial says that has no score, where the metric gives no reason.
NOT_FINITE = "the score is not finite"


def has_failed(study, family):
    """Whether a trial of a family has ended without a score, and not for lack of time."""
    return any(
        trial.user_attrs.get("autometa:family", NAME) == family
        and "autometa:error" in trial.user_attrs
        for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    )


def has_trials(study, family):
    """Whether a study holds a trial of a family, ended or not."""
    trials = study.get_trials(deepcopy=False)
    return any(trial.user_attrs.get("autometa:family", NAME) == family for trial in trials)


def best_trial(study, family):
    """The best trial of a family that a search told, or None; others may have added their own."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    told = [
        trial
        for trial in complete
        if trial.user_attrs.get("autometa:family", NAME) == family
        and (family != NAME or "autometa:n_steps" in trial.user_attrs)
    ]
    return max(told, key=lambda trial: trial.value, default=None)


def told_scores(study, family):
    """What a search has told of a family: its configurations with their scores.

    Parameters
    ----------
    study : Study
    family : str

    Returns
    -------
    list of (dict, float)
        Of a trial that ended on the first fold, its score there; NaN where one failed, but for
        those that lacked time.
    """
    found = []
    for trial in study.get_trials(deepcopy=False):
        config, score = read_trial(trial, family), trial.value
        if trial.user_attrs.get("autometa:family", NAME) != family or not config:
            continue
        if "autometa:error" in trial.user_attrs:
            score = math.nan
        if trial.state == TrialState.PRUNED and family == NAME:
            continue  # others were better when it ended, and it had not come far
        if trial.state.is_finished() and score is not None:
            found.append((config, score))
    return found


def read_trial(trial, family):
    """The hyperparameters of a trial of a family by their own names.

    A search of several families puts the family's name in front; one of the network alone does not,
    and each may go on with what the other stored.
    """
    prefix = f"{family}."
    return {
        name.removeprefix(prefix): value
        for name, value in trial.params.items()
        if name.startswith(prefix) or (family == NAME and name in DEFAULT_CONFIG)
    }
