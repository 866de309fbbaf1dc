"""A study's trials as a table."""

import math

import pandas as pd

#: Origins of trials that knowledge proposed.
WARM = ("surrogate", "nearest tasks", "portfolio")
#: A network that predicts as it was proposed, without a trial.
UNTRIED = {
    "trial": -1,
    "family": "adapted_network",
    "score": math.nan,
    "state": "not tried",
    "origin": "proposed",
    "ood_score": math.nan,
    "n_steps": 0,
    "seconds": math.nan,
}


def leaderboard(study, weights):
    """List the trials of a study, the best first.

    Parameters
    ----------
    study : optuna.Study
    weights : dict of int to float
        Of the trials whose models predict; -1 for a network as proposed that was not tried.

    Returns
    -------
    DataFrame
        ``trial``, ``family``, ``score`` (of the best step reached, NaN without any), ``state``,
        ``origin``, ``ood_score`` (how far the table is from everything known; NaN where nothing
        was proposed by meta-features), ``n_steps``, ``seconds``, ``weight`` (in what predicts), and
        a column a hyperparameter. Its ``attrs["benefit"]`` is what :func:`describe_benefit` gives.
    """
    rows = [
        _describe(trial)
        | {
            "ood_score": trial.user_attrs.get("autometa:ood_score", float("nan")),
            "weight": weights.get(trial.number, 0.0),
            "first_fold": trial.user_attrs.get("autometa:first_fold"),
        }
        for trial in study.get_trials(deepcopy=False)
    ]
    if -1 in weights:
        rows.append({**UNTRIED, "weight": weights[-1]})
    names = ["trial", "family", "score", "state", "origin", "ood_score", "n_steps", "seconds"]
    names += ["weight", "first_fold"]
    table = pd.DataFrame(rows, columns=[*names, *sorted({n for r in rows for n in r} - {*names})])
    is_complete = table["state"] == "complete"
    order = table.assign(is_complete=is_complete).sort_values(
        ["is_complete", "score", "trial"], ascending=[False, False, True]
    )
    table = table.loc[order.index].reset_index(drop=True)
    benefit = describe_benefit(table)
    table = table.drop(columns="first_fold")
    table.attrs["benefit"] = benefit
    return table


def describe_benefit(table):
    """Tell what proposals brought over a default and a random configuration, family by family.

    Parameters
    ----------
    table : DataFrame
        As of :func:`leaderboard`, with the score of each trial's ``first_fold``.

    Returns
    -------
    list of dict
        ``family``, and the best scores of proposed, default and random configurations: ``warm``
        is that of the first proposal, ``warm_at_equal_cost`` of all that fit into the seconds of
        the costlier of the other two. None where a trial is missing, and where not even the first
        proposal fits. Where one of these trials ended on its first fold, all count by that fold.
    """
    found = []
    for family, trials in table.sort_values("trial").groupby("family", sort=False):
        others = {name: trials[trials["origin"] == name].head(1) for name in ("default", "random")}
        warm = trials[trials["origin"].isin(WARM)]
        limit = max(
            (float(one["seconds"].iloc[0]) for one in others.values() if len(one)), default=0
        )
        affordable = warm[warm["seconds"].cumsum() <= limit]
        compared = {"warm": warm.head(1), "warm_at_equal_cost": affordable, **others}
        ended = pd.concat(compared.values())["state"] == "pruned"
        by = "first_fold" if ended.any() and trials["first_fold"].notna().any() else "score"
        scores = {name: _best(one[by]) for name, one in compared.items()}
        found.append({"family": family, **scores})
    return found


def _best(scores):
    scores = scores.dropna()
    return float(scores.max()) if len(scores) else None


def _describe(trial):
    curve = trial.intermediate_values
    score = trial.value if trial.value is not None else max(curve.values(), default=float("nan"))
    seconds = None
    if trial.duration is not None:  # trials of a group are asked and told together
        n_together = trial.user_attrs.get("autometa:group_size", 1)
        seconds = trial.duration.total_seconds() / n_together
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
