"""How good methods are by the time they are given."""

import pandas as pd

from autometa.bench._compare import _by_task, normalise, of_one_setting, scored


def over_time(runs, metric=None):
    """Normalised scores by method and budget, on the folds that all of them were run on.

    Parameters
    ----------
    runs : DataFrame
        As :func:`read_runs`.
    metric : str, optional
        See :func:`compare_runs`.

    Returns
    -------
    DataFrame
        ``method``, ``budget_s`` (NaN for methods without a limit), ``fit_s`` (seconds, mean over
        tasks of what was really taken), ``normalised`` (0 = constant prediction, 1 = the best of
        all methods at all budgets; mean over tasks) and ``n_tasks``.

    Examples
    --------
    >>> common = {"task": "a", "fold": 0, "kind": "binary", "status": "ok", "constant_roc_auc": 0.5}
    >>> runs = pd.DataFrame([
    ...     {**common, "method": "flaml", "budget_s": 1.0, "fit_s": 1.1, "roc_auc": 0.8},
    ...     {**common, "method": "flaml", "budget_s": 9.0, "fit_s": 9.1, "roc_auc": 0.9},
    ... ])
    >>> over_time(runs)["normalised"].round(2).tolist()
    [0.75, 1.0]
    """
    runs = at_all_budgets(runs, metric)
    columns = ["method", "budget_s", "fit_s", "normalised", "n_tasks"]
    if runs.empty:
        return pd.DataFrame(columns=columns)
    indexed = runs.set_index(["task", "fold", "method", "budget"])
    scores = indexed["score"].unstack(["method", "budget"])
    constant = indexed["constant"].groupby(level=["task", "fold"]).first()
    seconds = indexed["fit_s"].unstack(["method", "budget"])
    by_task = _by_task(normalise(scores, constant))
    found = pd.DataFrame({"normalised": by_task.mean(), "fit_s": _by_task(seconds).mean()})
    found = found.reset_index().rename(columns={"budget": "budget_s"})
    found["budget_s"] = found["budget_s"].where(found["budget_s"] > 0)
    found["n_tasks"] = len(by_task)
    return found[columns].sort_values(["method", "budget_s"], ignore_index=True)


def at_all_budgets(runs, metric=None):
    """The scored runs on those folds that all methods were run on at all of their budgets."""
    runs = scored(of_one_setting(runs), metric)
    runs = runs.assign(budget=runs["budget_s"].fillna(-1.0))
    held = runs.set_index(["task", "fold", "method", "budget"])["is_run"]
    whole = held.unstack(["method", "budget"]).notna().all(axis=1)
    return runs[pd.MultiIndex.from_frame(runs[["task", "fold"]]).isin(whole.index[whole])]
