"""A study's trials as a table."""

import pandas as pd


def leaderboard(study, weights):
    """List the trials of a study, the best first.

    Parameters
    ----------
    study : optuna.Study
    weights : dict of int to float
        Of the trials whose models predict.

    Returns
    -------
    DataFrame
        ``trial``, ``family``, ``score`` (of the best step reached, NaN without any), ``state``,
        ``origin``, ``n_steps``, ``seconds``, ``weight`` (in what predicts), and a column a
        hyperparameter.
    """
    rows = [
        _describe(trial) | {"weight": weights.get(trial.number, 0.0)}
        for trial in study.get_trials(deepcopy=False)
    ]
    names = ["trial", "family", "score", "state", "origin", "n_steps", "seconds", "weight"]
    table = pd.DataFrame(rows, columns=[*names, *sorted({n for r in rows for n in r} - {*names})])
    is_complete = table["state"] == "complete"
    order = table.assign(is_complete=is_complete).sort_values(
        ["is_complete", "score", "trial"], ascending=[False, False, True]
    )
    return table.loc[order.index].reset_index(drop=True)


def _describe(trial):
    curve = trial.intermediate_values
    score = trial.value if trial.value is not None else max(curve.values(), default=float("nan"))
    seconds = None if trial.duration is None else trial.duration.total_seconds()
    return {
        "trial": trial.number,
        "family": trial.user_attrs.get("autometa:family", "adapted_network"),
        "score": score,
        "state": trial.state.name.lower(),
        "origin": trial.user_attrs.get("autometa:origin"),
        "n_steps": trial.user_attrs.get("autometa:n_steps", max(curve, default=None)),
        "seconds": seconds,
        **{name: value for name, value in trial.params.items() if name != "n_steps"},
    }
