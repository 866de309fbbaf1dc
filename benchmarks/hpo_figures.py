"""From the scores of trials to figures: regret curves, trials needed, paired tests."""

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from benchmarks.hpo_methods import METHODS

TRIALS = (1, 5, 10, 25, 50)
#: Trials at which curves of mean regret are printed.
SHOWN = (1, 2, 3, 5, 10, 15, 25, 50)
#: After so many trials of a warm method, how many do others need to be where it is?
REACHED_AT = (1, 5, 10)
#: Smaller differences of regret are none: goals count as reached, and regrets as equal.
TOLERANCE = 1e-3
LEADERS = ("sampler", "warm start, TPE")
COLD = ("TPE", "GP", "random", "default, TPE")
ALL = "all families"


def normalised_regrets(runs, methods):
    """Best regret so far, by task and method: means over seeds.

    0 is the best score that any method found on the task, 1 the median score of random
    configurations; what is worse than that counts as 1.

    Parameters
    ----------
    runs : list of dict
        Of one family: ``task``, ``seed``, ``method`` and ``scores``.
    methods : sequence of str
        A task counts with those seeds that all of these have.

    Returns
    -------
    dict of str to (DataFrame of shape (n_tasks, n_trials))
    """
    found = {method: {} for method in methods}
    for task, best_so_far, (low, high) in _complete(runs, methods):
        for method, curves in best_so_far.items():
            regret = np.clip((high - curves) / max(high - low, 1e-12), 0.0, 1.0)
            found[method][task] = regret.mean(axis=0)
    return {m: pd.DataFrame.from_dict(rows, orient="index") for m, rows in found.items()}


def trials_needed(runs, methods, leader):
    """Count the trials that others need to be where a leader is after 1, 5 and 10.

    Parameters
    ----------
    runs, methods
        As of :func:`normalised_regrets`.
    leader : str

    Returns
    -------
    DataFrame
        ``task``, ``rival``, ``at`` and ``ratio``: trials of the rival per trial of the leader,
        the median over pairs of seeds; one trial more than it had where it never got there.
    """
    rows = []
    for task, best_so_far, (low, high) in _complete(runs, methods):
        for rival in (name for name in methods if name in COLD):
            curves = best_so_far[rival]  # (n_seeds, n_trials)
            for at in REACHED_AT:
                if at > curves.shape[1]:
                    continue
                goals = best_so_far[leader][:, at - 1] - TOLERANCE * (high - low)
                needed = 1 + (curves[:, None, :] < goals[None, :, None]).sum(axis=2)
                ratio = float(np.median(needed)) / at
                never = float(np.mean(needed > curves.shape[1]))
                rows.append(
                    {"task": task, "rival": rival, "at": at, "ratio": ratio, "never": never}
                )
    return pd.DataFrame(rows, columns=["task", "rival", "at", "ratio", "never"])


def summarise(regrets, needed):
    """Means, ratios and tests of one family, or of several with their tasks stacked.

    Parameters
    ----------
    regrets : dict of str to DataFrame
        From :func:`normalised_regrets`.
    needed : dict of str to DataFrame
        By leader, from :func:`trials_needed`.

    Returns
    -------
    dict
        JSON-able.
    """
    n_trials = min(table.shape[1] for table in regrets.values())
    at = [t for t in TRIALS if t <= n_trials]
    figures = {
        "n_tasks": len(next(iter(regrets.values()))),
        "regret": {
            method: {str(t): float(table[t - 1].mean()) for t in at}
            for method, table in regrets.items()
        },
        "curves": {
            method: [round(float(value), 5) for value in table.mean()]
            for method, table in regrets.items()
        },
        "trials_needed": {},
        "tests": {},
        "against_cold_tpe_at_the_end": {},
    }
    for leader in (name for name in LEADERS if name in regrets):
        figures["trials_needed"][leader] = {
            rival: {str(t): _of_ratios(table) for t, table in own.groupby("at")}
            for rival, own in needed[leader].groupby("rival", sort=False)
        }
        figures["tests"][leader] = {
            rival: {str(t): compare(regrets[leader][t - 1], regrets[rival][t - 1]) for t in at}
            for rival in regrets
            if rival != leader
        }
        if "TPE" in regrets:
            ended = compare(regrets[leader][at[-1] - 1], regrets["TPE"][at[-1] - 1])
            ended["n_trials"] = at[-1]
            ended["mean_is_worse"] = ended["mean_gain"] < -TOLERANCE
            is_sure = ended["p_value"] is not None and ended["p_value"] < 0.05
            ended["is_surely_worse"] = ended["losses"] > ended["wins"] and is_sure
            figures["against_cold_tpe_at_the_end"][leader] = ended
    return figures


def _of_ratios(table):
    return {
        "median_ratio": float(table["ratio"].median()),
        "quartiles": table["ratio"].quantile([0.25, 0.75]).tolist(),
        "never": float(table["never"].mean()),
    }


def compare(ours, theirs):
    """Compare regrets on the same tasks; Wilcoxon's signed-rank test, two-sided."""
    gain = (theirs - ours).to_numpy()
    mean_gain = float(gain.mean())
    gain = np.where(np.abs(gain) < TOLERANCE, 0.0, gain)
    can_test = len(gain) >= 5 and (gain != 0).any()
    return {
        "mean_gain": mean_gain,
        "wins": int((gain > 0).sum()),
        "losses": int((gain < 0).sum()),
        "ties": int((gain == 0).sum()),
        "p_value": float(wilcoxon(gain).pvalue) if can_test else None,
    }


def print_figures(figures):
    """Print what ``warm_hpo.main`` found."""
    known = figures["knowledge"]
    print(
        f"{figures['split']}, {figures['seeds']} seeds, {figures['n_trials']} trials, "
        f"{figures['n_folds']} folds of at most {figures['max_rows']} rows; "
        f"{len(known['left_out'])} known tasks left out"
    )
    for family, reasons in figures["not_run"].items():
        for method, reason in reasons.items():
            print(f"{method} not run on {family}: {reason}")
    for family, found in figures["families"].items():
        known_tasks = known["n_tasks"].get(family)
        of = "" if known_tasks is None else f", known from {known_tasks} others"
        print(f"\n{family}: {found['n_tasks']} tasks{of}\nmean regret at T =")
        curves = found["curves"]
        at = [t for t in SHOWN if t <= min(map(len, curves.values()))]
        print(" " * 20, *(f"{t:6d}" for t in at))
        for method, curve in curves.items():
            print(f"{method:20s}", *(f"{curve[t - 1]:6.3f}" for t in at))
        for leader, ratios in found["trials_needed"].items():
            print(f"trials of others per trial of {leader} (median; share that never got there)")
            for rival, by_trial in ratios.items():
                shown = "  ".join(
                    f"{t}: {ratio['median_ratio']:5.1f} ({ratio['never']:4.0%})"
                    for t, ratio in by_trial.items()
                )
                print(f"  {rival:18s} {shown}")
        for leader, tests in found["tests"].items():
            for rival, by_trial in tests.items():
                shown = "  ".join(
                    f"{t}: {r['wins']}-{r['losses']}"
                    + ("" if r["p_value"] is None else f" p={r['p_value']:.2g}")
                    for t, r in by_trial.items()
                )
                print(f"{leader} against {rival}, wins-losses at {shown}")
        for leader, ended in found["against_cold_tpe_at_the_end"].items():
            worse = "worse" if ended["mean_is_worse"] else "no worse"
            print(
                f"{leader} is {worse} than cold TPE at {ended['n_trials']} trials: mean gain "
                f"{ended['mean_gain']:+.4f}, {ended['wins']}-{ended['losses']}"
                + ("" if ended["p_value"] is None else f" p={ended['p_value']:.2g}")
            )
        if "run_s" in found:
            shown = ", ".join(f"{method} {s:.1f}" for method, s in found["run_s"].items())
            print(f"processor's seconds of a run, evaluating included: {shown}")


def _complete(runs, methods):
    """Yield each task with every method's best scores so far, and what is 1 and 0 on it."""
    assert set(methods) <= set(METHODS)
    by_task = {}
    for run in runs:
        scores = np.array([-np.inf if s is None else s for s in run["scores"]], dtype=float)
        by_task.setdefault(run["task"], {}).setdefault(run["method"], {})[run["seed"]] = scores
    for task, found in by_task.items():
        seeds = set.intersection(*(set(found.get(method, {})) for method in methods))
        if not seeds:
            continue
        scores = {m: np.stack([found[m][seed] for seed in sorted(seeds)]) for m in methods}
        high = max(own.max() for own in scores.values())
        drawn = scores["random"]
        low = float(np.median(drawn[np.isfinite(drawn)])) if np.isfinite(drawn).any() else high
        if not np.isfinite(high) or not high > low:
            continue  # all configurations alike, or none of use: nothing to tell methods apart
        yield task, {m: np.maximum.accumulate(s, axis=1) for m, s in scores.items()}, (low, high)
