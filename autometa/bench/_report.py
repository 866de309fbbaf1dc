"""A report in plain text: every table with the overlap with meta-training."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from autometa.bench._compare import GRACE_S, compare_runs, known_tasks_of, of_one_setting
from autometa.bench._over_time import at_all_budgets, over_time
from autometa.bench._plots import plot_critical_difference, plot_over_time, plot_wins
from autometa.bench._scores import check_metric
from autometa.exceptions import InvalidInputError

KINDS = (None, "classification", "regression")
#: What is compared with all others where nobody says.
REFERENCE = "autometa"
#: Failed runs, and late ones, that are listed one by one.
MOST_LISTED = 20


def report_text(runs, *, metric=None, methods=None, reference=None):
    """Write what came out of a benchmark.

    Parameters
    ----------
    runs : DataFrame
        As :func:`read_runs`.
    metric : str, optional
        See :func:`compare_runs`.
    methods : sequence of str, optional
        Only these.
    reference : str, optional
        The method that is tested against every other one: by default ``autometa`` where it takes
        part, else the best.

    Returns
    -------
    str
    """
    chosen = _chosen(runs, methods, reference)
    check_metric(metric)
    runs = of_one_setting(chosen)
    parts = [_machine(runs), _mixtures(chosen, runs)]
    budgets = sorted(runs["budget_s"].dropna().unique()) or [None]
    for budget_s in budgets:
        n_all = np.inf
        for kind in KINDS:
            try:
                found = compare_runs(runs, budget_s, kind=kind, metric=metric)
            except InvalidInputError as error:
                if kind is None:
                    parts.append(f"No comparison at {_seconds(budget_s)}: {error}")
                continue
            if found.n_tasks < n_all:  # else the kind is that of all tasks
                parts.append(_section(found, kind or "all tasks", reference))
            n_all = found.n_tasks if kind is None else n_all
    if len(budgets) > 1:
        known = known_tasks_of(at_all_budgets(runs, metric))
        parts.append(_time_table(over_time(runs, metric), known))
    parts += [_failures(runs), _overruns(runs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_report(runs, folder, *, metric=None, methods=None, reference=None):
    """Write the report, its tables as CSV, and plots.

    Parameters
    ----------
    runs, metric, methods, reference
        As for :func:`report_text`.
    folder : path
        Made if need be: ``report.txt``, ``methods-*.csv``, ``wins-*.csv`` and ``*.png``. In the
        tables, ``n_known_tasks`` says how many of ``n_tasks`` meta-training has seen.

    Raises
    ------
    MissingExtraError
        Where matplotlib is not installed; everything but the plots is written then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = report_text(runs, metric=metric, methods=methods, reference=reference)
    (folder / "report.txt").write_text(text, "utf-8")
    runs = of_one_setting(_chosen(runs, methods, reference))
    found = {}
    for budget_s in sorted(runs["budget_s"].dropna().unique()) or [None]:
        name = "unlimited" if budget_s is None else f"{budget_s:g}s"
        with contextlib.suppress(InvalidInputError):  # the report says why
            found[name] = compare_runs(runs, budget_s, metric=metric)
    for name, comparison in found.items():
        overlap = {"n_tasks": comparison.n_tasks, "n_known_tasks": len(comparison.known_tasks)}
        comparison.table().assign(**overlap).to_csv(folder / f"methods-{name}.csv")
        comparison.wins().assign(**overlap).to_csv(folder / f"wins-{name}.csv")
    for name, comparison in found.items():
        if len(comparison.methods) > 1:
            _save(plot_wins(comparison), folder / f"wins-{name}.png")
        if np.isfinite(comparison.critical_difference()["critical_difference"]):
            _save(plot_critical_difference(comparison), folder / f"ranks-{name}.png")
    _save(plot_over_time(runs, metric), folder / "over_time.png")


def _chosen(runs, methods, reference):
    """The runs of some methods; refused where there are none of any of them."""
    if runs.empty:
        raise InvalidInputError("There are no runs to report. Run the benchmark first.")
    known = set(runs["method"])
    asked = [*(methods or ()), *([] if reference is None else [reference])]
    if unknown := sorted(set(asked) - known):
        raise InvalidInputError(f"There are no runs of {unknown}, only of {sorted(known)}.")
    return runs if methods is None else runs[runs["method"].isin(list(methods))]


def _save(axes, path):
    axes.figure.savefig(path, dpi=120)


def _section(found, kind, reference):
    """One comparison: the table, the tests, the groups."""
    n_folds = len(found.scores)
    title = f"{_seconds(found.budget_s)}, {kind}: {found.n_tasks} tasks, {n_folds} folds"
    lines = [title, "=" * len(title), _overlap(found.known_tasks, found.n_tasks)]
    for method, n in found.left_out.items():
        lines.append(f"Left out: {n} folds without a run of {method}.")
    lines += ["", _columns(_formatted(found.table())), ""]
    if len(found.methods) > 1:
        name = reference if reference is not None else REFERENCE
        if name not in found.methods:
            name = found.methods[0]
        wins = found.wins().loc[name]
        wins.index.name = f"{name} against"
        shown = wins.reset_index()
        for column in ("p_sign", "p_wilcoxon", "p_holm"):
            shown[column] = shown[column].map("{:.3g}".format)
        shown["win_rate"] = shown["win_rate"].map("{:.0%}".format)
        lines += [_columns(shown), ""]
    lines.append(_difference(found))
    return "\n".join(lines).rstrip()


def _overlap(known, n_tasks):
    text = f"Overlap with meta-training: {len(known)} of {n_tasks} tasks"
    return f"{text} ({', '.join(known)}): THEIR SCORES DO NOT COUNT." if known else f"{text}."


def _difference(found):
    difference = found.critical_difference()
    if not np.isfinite(difference["critical_difference"]):
        return "Too few methods or tasks for a critical difference of ranks."
    text = (
        f"Friedman p = {difference['p_friedman']:.2g}; mean ranks (of means over folds) differ "
        f"significantly (Nemenyi, 5 %) from {difference['critical_difference']:.2f} on."
    )
    groups = [" ~ ".join(group) for group in difference["groups"]]
    return "\n".join([text, *(f"  not told apart: {group}" for group in groups)])


def _formatted(table):
    shown = table.reset_index()
    shown["elo"] = [
        f"{e:.0f} [{low:.0f}, {high:.0f}]"
        for e, low, high in shown[["elo", "elo_low", "elo_high"]].itertuples(index=False)
    ]
    shown = shown.drop(columns=["elo_low", "elo_high"]).dropna(axis=1, how="all")
    formats = {
        **{"mean_rank": "{:.2f}", "normalised": "{:.3f}"},
        **{"share_best": "{:.0%}", "share_worst": "{:.0%}"},
        **{"roc_auc": "{:.3f}", "log_loss": "{:.3f}", "rmse_ratio": "{:.3f}"},
        **{
            "fit_s": "{:.1f}",
            "longest_fit_s": "{:.1f}",
            "predict_s": "{:.2f}",
            "peak_mb": "{:.0f}",
        },
    }
    for column, template in formats.items():
        if column in shown:
            shown[column] = shown[column].map(template.format)
    return shown


def _time_table(table, known):
    if table.empty:
        return "No fold has runs of all methods at all budgets, so nothing is shown over time."
    n_tasks = int(table["n_tasks"].iloc[0])
    title = f"Normalised score by time ({n_tasks} tasks with all runs)"
    shown = table.assign(
        budget_s=table["budget_s"].map(lambda b: "-" if np.isnan(b) else f"{b:g}"),
        fit_s=table["fit_s"].map("{:.1f}".format),
        normalised=table["normalised"].map("{:.3f}".format),
    ).drop(columns="n_tasks")
    return "\n".join([title, "=" * len(title), _overlap(known, n_tasks), "", _columns(shown)])


def _machine(runs):
    """How fast the machine was when methods were run, against the newest session."""
    if "calibration_s" not in runs.columns or runs["calibration_s"].isna().all():
        return ""
    newest = runs.sort_values("date")["session"].iloc[-1]
    now_s = runs.loc[runs["session"] == newest, "calibration_s"].median()
    then = runs.groupby("method")["calibration_s"].median()
    lines = [f"A fixed fit took {now_s:.2f} s in the newest session; when methods were run, by it:"]
    lines += [f"  {name}: {then_s:.2f} s ({then_s / now_s:.2f})" for name, then_s in then.items()]
    head = f"{len(runs)} runs on {runs['task'].nunique()} tasks"
    head += f"; meta-training has seen {len(known_tasks_of(runs))} of these."
    return "\n".join([head, *lines])


def _mixtures(runs, kept):
    """Methods of which there are runs of several options or versions, a line each."""
    lines = []
    left_out = runs["method"].value_counts() - kept["method"].value_counts()
    for method, n in left_out[left_out > 0].items():
        options = kept.loc[kept["method"] == method, "options"].dropna().iloc[-1]
        lines.append(
            f"{method} has runs of other options, {n} of them; only the newest count: {options}"
        )
    for method, rows in kept.groupby("method") if "versions" in kept else ():
        versions = pd.DataFrame([json.loads(text) for text in rows["versions"].dropna().unique()])
        several = [
            f"{name} {', '.join(sorted(found.dropna().unique()))}"
            for name, found in versions.items()
            if found.nunique() > 1
        ]
        if several:
            lines.append(f"{method} was run in several versions: {'; '.join(several)}.")
    return "\n".join(lines)


def _failures(runs):
    failed = runs[runs["status"] != "ok"]
    if failed.empty:
        return "No run failed."

    def describe(row):
        error = " ".join(str(row.get("error") or "").split())
        return f"{row['status']}, {error[-160:]}"

    return _list_runs(failed, "failed (they rank last)", describe)


def _overruns(runs):
    late = runs[runs["fit_s"] > runs["budget_s"] + GRACE_S]
    if late.empty:
        return ""
    late = late.sort_values("fit_s", ascending=False, kind="stable")
    title = f"took more than {GRACE_S:g} s longer than their limit"
    return _list_runs(late, title, lambda row: f"{row['fit_s']:.1f} s")


def _list_runs(runs, title, describe):
    lines = [f"{len(runs)} runs {title}:"]
    for row in runs.head(MOST_LISTED).to_dict("records"):
        has_budget = row["budget_s"] is not None and not np.isnan(row["budget_s"])
        budget = f" at {row['budget_s']:g} s" if has_budget else ""
        where = f"{row['method']}{budget} on {row['task']}, fold {row['fold']}"
        lines.append(f"  {where}: {describe(row)}")
    if len(runs) > MOST_LISTED:
        lines.append(f"  and {len(runs) - MOST_LISTED} more")
    return "\n".join(lines)


def _seconds(budget_s):
    return "No time limit" if budget_s is None else f"{budget_s:g} s"


def _columns(frame):
    """A table in plain text, numbers to the right."""
    texts = [[str(name) for name in frame.columns]]
    texts += [[str(cell) for cell in row] for row in frame.itertuples(index=False)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    )
