"""The study of a fit: opened quietly, and its trials as values that JSON holds."""

from contextlib import contextmanager
from datetime import datetime


@contextmanager
def quiet_optuna():
    """Keep Optuna from announcing every study that is made inside a ``with`` block."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def trials_to_list(study):
    """Describe every trial of a study by values that JSON holds; what has not ended has failed."""
    from optuna.distributions import distribution_to_json

    return [
        {
            "state": trial.state.name if trial.state.is_finished() else "FAIL",
            "value": trial.value,
            "params": trial.params,
            "distributions": {
                name: distribution_to_json(distribution)
                for name, distribution in trial.distributions.items()
            },
            "user_attrs": trial.user_attrs,
            "intermediate_values": sorted(trial.intermediate_values.items()),
            "start": _to_text(trial.datetime_start),
            "end": _to_text(trial.datetime_complete),
        }
        for trial in study.get_trials(deepcopy=False)
    ]


def trials_from_list(described):
    """Make a study in memory of what `trials_to_list` gave."""
    import optuna
    from optuna.distributions import json_to_distribution

    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
    for number, trial in enumerate(described):
        start = _from_text(trial["start"]) or datetime.min
        study.add_trial(
            optuna.trial.FrozenTrial(
                number=number,
                trial_id=number,
                state=optuna.trial.TrialState[trial["state"]],
                value=trial["value"],
                params=trial["params"],
                distributions={
                    name: json_to_distribution(distribution)
                    for name, distribution in trial["distributions"].items()
                },
                user_attrs=trial["user_attrs"],
                system_attrs={},
                intermediate_values=dict(trial["intermediate_values"]),
                datetime_start=start,
                datetime_complete=_from_text(trial["end"]) or start,
            )
        )
    return study


def _to_text(moment):
    return None if moment is None else moment.isoformat()


def _from_text(text):
    return None if text is None else datetime.fromisoformat(text)
