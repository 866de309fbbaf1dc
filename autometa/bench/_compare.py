"""Runs compared: ranks, normalised scores, wins, with paired tests; each task weighs the same."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from autometa.bench._runs import of_options
from autometa.bench._scores import MAIN_METRIC, SIGN, check_metric
from autometa.bench._significance import critical_difference, duel, holm
from autometa.exceptions import InvalidInputError

#: Later than this after its limit, and a fit counts as late.
GRACE_S = 1.0
#: Better than this relative to the constant prediction's distance to the best, or it is a tie.
TIE = 1e-6
#: Scores that agree in so many digits of the usual one share a rank.
SAME_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods on the folds that all of them were run on.

    Attributes
    ----------
    runs : DataFrame
        The runs compared: of each method, task and fold one.
    methods : list of str
        The best mean rank first.
    budget_s : float or None
        Seconds; methods without a limit are in every comparison.
    left_out : dict of str to int
        By method, how many (task, fold) pairs have no run of it, where others have.
    """

    runs: pd.DataFrame
    methods: list
    budget_s: float | None
    left_out: dict

    @cached_property
    def scores(self):
        """Signed main score, the higher the better; NaN = failed. (task, fold) × method."""
        return _pivot(self.runs, "score")[self.methods]

    @cached_property
    def normalised(self):
        """0 = a constant prediction or worse, or failed; 1 = the best. Mean of folds, by task."""
        constant = self.runs.groupby(["task", "fold"])["constant"].first()
        return _by_task(normalise(self.scores, constant))

    @cached_property
    def strengths(self):
        """As ``normalised``, but worse than a constant goes on below 0, to -1 for a failure."""
        constant = self.runs.groupby(["task", "fold"])["constant"].first()
        return _by_task(strengths(self.scores, constant))

    @cached_property
    def ranks(self):
        """Ranks, 1 = best; failures share the worst. Mean over folds, by task."""
        return _by_task(_rank(self.scores))

    @property
    def n_tasks(self):
        return len(self.ranks)

    @property
    def known_tasks(self):
        """Tasks whose table meta-training has seen; should be none."""
        return known_tasks_of(self.runs)

    def table(self):
        """Summarise each method: ranks, scores, failures, time, memory.

        Returns
        -------
        DataFrame indexed by method
            ``mean_rank``, ``normalised`` (0 to 1), ``share_best``, ``share_worst`` (of tasks),
            ``elo``, ``elo_low``, ``elo_high`` (95 %), the mean ``roc_auc``, ``log_loss`` and
            ``rmse_ratio`` (to the constant prediction's) over tasks where they apply (failures
            count as the worst method's or the constant prediction's, whichever is worse),
            ``failed`` and ``late`` (number of runs), ``fit_s`` (median), ``longest_fit_s``,
            ``predict_s`` (median), ``peak_mb`` (most).
        """
        from autometa.bench._elo import elo

        runs = self.runs.groupby("method")
        ranks = self.ranks
        found = pd.DataFrame(index=pd.Index(self.methods, name="method"))
        found["mean_rank"] = ranks.mean()
        found["normalised"] = self.normalised.mean()
        found["share_best"] = ranks.eq(ranks.min(axis=1), axis=0).mean()
        found["share_worst"] = ranks.eq(ranks.max(axis=1), axis=0).mean()
        found = found.join(elo(self.strengths, tie=TIE))
        for name in ("roc_auc", "log_loss"):
            found[name] = self._mean_metric(name)
        found["rmse_ratio"] = self._mean_metric("rmse", relative=True)
        found["failed"] = runs["score"].agg(lambda score: int(score.isna().sum()))
        found["late"] = runs["is_late"].sum().astype(int)
        found["fit_s"] = runs["fit_s"].median()
        found["longest_fit_s"] = runs["fit_s"].max()
        found["predict_s"] = runs["predict_s"].median()
        found["peak_mb"] = runs["peak_mb"].max()
        return found

    def wins(self):
        """Compare every method with every other one.

        Returns
        -------
        DataFrame indexed by (method, other)
            ``win_rate`` of the first over tasks, ties counting half; ``wins``, ``ties``,
            ``losses``; ``p_sign`` of the sign test without ties, ``p_wilcoxon`` of Wilcoxon's
            signed-rank test on ``strengths``, both two-sided; ``p_holm``, the latter corrected
            for as many comparisons as the first method is in (Holm 1979).
        """
        rows = []
        for method in self.methods:
            others = [other for other in self.methods if other != method]
            found = [duel(self.strengths[method], self.strengths[other], TIE) for other in others]
            corrected = holm([pair["p_wilcoxon"] for pair in found])
            for other, pair, p in zip(others, found, corrected, strict=True):
                rows.append({"method": method, "other": other, **pair, "p_holm": p})
        columns = ["method", "other", "win_rate", "wins", "ties", "losses"]
        columns += ["p_sign", "p_wilcoxon", "p_holm"]
        return pd.DataFrame(rows, columns=columns).set_index(["method", "other"])

    def critical_difference(self, alpha=0.05):
        """Friedman's test of all ranks, and how far mean ranks must differ (Nemenyi).

        Returns
        -------
        dict
            ``p_friedman``, ``critical_difference`` and ``groups``: lists of methods, neighbours
            in rank, within which no difference is significant.
        """
        # Ranks of the means of folds, which are whole as the test takes them.
        return critical_difference(self.ranks.rank(axis=1), alpha)

    def by_task(self, name):
        """A metric's means over folds where it applies; task × method.

        A failure counts as the worst method or the constant prediction, whichever is worse.
        """
        return _by_task(self._filled(name)[0])

    def _mean_metric(self, name, *, relative=False):
        values, constant = self._filled(name)
        if relative:
            values = values.div(constant.where(constant > 0), axis=0)
        return _by_task(values).mean() if len(values) else np.nan

    def _filled(self, name):
        """A metric without gaps, (task, fold) × method, and that of a constant prediction."""
        values = _pivot(self.runs, name)[self.methods]
        constant = self.runs.groupby(["task", "fold"])[f"constant_{name}"].first()
        applies = constant.notna()
        values, constant = values[applies], constant[applies]
        sign = SIGN[name]
        worst = (sign * values).min(axis=1).fillna(np.inf).clip(upper=sign * constant)
        return values.where(values.notna(), sign * worst, axis=0), constant


def compare_runs(runs, budget_s=None, *, kind=None, metric=None, methods=None):
    """Compare methods at one budget.

    Parameters
    ----------
    runs : DataFrame
        As :func:`read_runs`.
    budget_s : float, optional
        Seconds; may be left out where there is one budget only.
    kind : str, optional
        Only tasks of this kind: "classification", "binary", "multiclass" or "regression".
    metric : str, optional
        What tasks are judged by; by default AUC for two classes, log-loss for more and RMSE for
        numbers, as in the AutoML Benchmark. Tasks without it are left out.
    methods : sequence of str, optional

    Returns
    -------
    Comparison

    Examples
    --------
    >>> common = {"task": "a", "fold": 0, "kind": "binary", "status": "ok", "constant_roc_auc": 0.5}
    >>> runs = pd.DataFrame([
    ...     {**common, "method": "linear", "roc_auc": 0.8},
    ...     {**common, "method": "forest", "roc_auc": 0.9},
    ... ])
    >>> compare_runs(runs).normalised.loc["a"].round(2).to_dict()
    {'forest': 1.0, 'linear': 0.75}
    """
    runs = scored(of_one_setting(runs), metric)
    if runs.empty:
        raise InvalidInputError(f"No task has the metric {metric!r}.")
    known = sorted(runs["budget_s"].dropna().unique())
    if budget_s is None and len(known) == 1:
        budget_s = known[0]
    if budget_s is None and known or budget_s is not None and budget_s not in known:
        raise InvalidInputError(
            f"budget_s must be one of {[float(b) for b in known]}, got {budget_s}."
        )
    runs = runs[runs["budget_s"].isna() | (runs["budget_s"] == budget_s)].copy()
    if kind == "classification":
        runs = runs[runs["kind"] != "regression"]
    elif kind is not None:
        runs = runs[runs["kind"] == kind]
    if methods is not None:
        if unknown := sorted(set(methods) - set(runs["method"])):
            raise InvalidInputError(f"There are no runs of {unknown} to compare.")
        runs = runs[runs["method"].isin(list(methods))]
    limit = np.inf if budget_s is None else budget_s + GRACE_S
    runs["is_late"] = (runs["fit_s"] > limit) | (runs["status"] == "timeout")
    # Folds that some method has not been run on say nothing of the others either: a method that
    # was run on few folds would leave few for all, so those are told apart by `left_out`.
    held = runs.pivot_table(
        index=["task", "fold"], columns="method", values="is_run", aggfunc="sum"
    )
    is_limited = runs.groupby("method")["budget_s"].agg(lambda budget: budget.notna().any())
    deciding = [name for name in held if is_limited[name]] or list(held)
    rows = held[held[deciding].notna().any(axis=1)] if deciding else held
    left_out = {name: int(n) for name, n in rows.isna().sum().items() if n}
    whole = rows[rows.notna().all(axis=1)].index
    runs = runs[pd.MultiIndex.from_frame(runs[["task", "fold"]]).isin(whole)]
    if runs.empty:
        raise InvalidInputError(
            f"No fold has runs of all methods (budget {budget_s}, kind {kind}): missing are "
            f"{left_out}. Run the benchmark to its end, or choose methods."
        )
    mean = _by_task(_rank(_pivot(runs, "score"))).mean().sort_values(kind="stable")
    return Comparison(runs, mean.index.tolist(), budget_s, left_out)


def known_tasks_of(runs):
    """Names of tasks that meta-training has seen, as each method's newest session of them found.

    Of each method, since others may have been given other knowledge.
    """
    if "known_as" not in runs.columns:
        return []
    if "session" in runs.columns:
        runs = runs.sort_values("date", kind="stable")
        newest = runs.groupby(["method", "task"])["session"].transform("last")
        runs = runs[runs["session"] == newest]
    return sorted(set(runs.loc[runs["known_as"].fillna("") != "", "task"]))


def of_one_setting(runs):
    """Refuse runs of several numbers of threads or seeds, which say nothing of each other.

    Of runs of one method with several options the newest are kept.
    """
    for name in ("n_threads", "seed"):
        found = sorted(runs[name].dropna().unique()) if name in runs.columns else []
        if len(found) > 1:
            raise InvalidInputError(
                f"The runs have several values of {name}: {[int(value) for value in found]}. "
                f"Choose one, e.g. runs[runs['{name}'] == {int(found[0])}]; on the command line, "
                f"--{name.removeprefix('n_')} {int(found[0])}."
            )
    if {"options", "date"} <= {*runs.columns}:
        by_date = runs.dropna(subset=["options"]).sort_values("date", kind="stable")
        runs = of_options(runs, by_date.groupby("method")["options"].last())
    return runs


def scored(runs, metric=None):
    """Add ``score`` and ``constant`` (the higher the better, NaN = failed) to runs."""
    check_metric(metric)
    runs = runs.copy()
    for name in ("budget_s", "fit_s", "predict_s", "peak_mb", "roc_auc", "log_loss", "rmse"):
        for column in (name, f"constant_{name}"):
            if column not in runs.columns:
                runs[column] = np.nan
    names = runs["kind"].map(MAIN_METRIC) if metric is None else pd.Series(metric, runs.index)
    for column, prefix in (("score", ""), ("constant", "constant_")):
        runs[column] = np.nan
        for name in names.dropna().unique():
            if prefix + name in runs.columns:
                found = SIGN[name] * runs[prefix + name].astype(float)
                runs[column] = runs[column].where(names != name, found)
    runs["is_run"] = 1.0
    runs.loc[runs["status"] != "ok", "score"] = np.nan
    return runs[runs["constant"].notna()]


def normalise(scores, constant):
    """Scale the scores of each row: 0 = ``constant`` or worse, or NaN; 1 = the best."""
    gain = scores.sub(constant, axis=0).clip(lower=0)
    best = gain.max(axis=1)
    return gain.div(best.where(best > 0), axis=0).fillna(0.0)


def strengths(scores, constant):
    """Scale as :func:`normalise`, but below ``constant`` go on: to -1, where scores are NaN."""
    unit = constant.abs().where(constant != 0, 1.0)
    shortfall = -scores.sub(constant, axis=0).clip(upper=0).div(unit, axis=0)
    return normalise(scores, constant) - (shortfall / (1 + shortfall)).fillna(1.0)


def _pivot(runs, column):
    values = runs.set_index(["task", "fold", "method"])[column]
    return values.astype(float).unstack()


def _rank(scores):
    """Rank methods; scores that differ by what rounding leaves share a rank."""
    usual = scores.abs().median(axis=1)
    scores = scores.div(usual.where(usual > 0, 1.0), axis=0).round(SAME_DIGITS)
    return scores.fillna(-np.inf).rank(axis=1, ascending=False)


def _by_task(values):
    return values.groupby(level="task").mean()
