"""What each family adds: autometa with all that it searches by default, with one less, or more.

Every variant has the same time. Tables are those of the meta-development families, since the
default is chosen by it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import autometa.bench
from autometa.bench import Method, compare_runs, run_benchmark
from benchmarks.automl import find_tasks

DEFAULT = (*("adapted_network", "linear", "extra_trees", "lightgbm", "random_forest", "catboost"),)
#: Families beside the default ones.
FURTHER = ("hist_gradient_boosting", "xgboost", "knn", "svm")
ALL = "all by default"


def find_variants(default=DEFAULT, further=FURTHER, alone=None):
    """Return the variants compared; each is the estimator with other ``families``.

    ``alone`` names those that are also run by themselves; None: each of ``default``.

    Returns
    -------
    list of Method
    """
    families = {ALL: [*default]}
    families |= {f"without {name}": [n for n in default if n != name] for name in default}
    families |= {f"with {name}": [*default, name] for name in further}
    families |= {f"{name} alone": [name] for name in (default if alone is None else alone)}
    file = Path(autometa.bench.__file__).parent / "methods" / "autometa.py"
    return [Method(name, file, {"families": found}) for name, found in families.items()]


def main(
    corpus,
    results,
    *,
    split="meta-dev",
    budget_s=10.0,
    default=DEFAULT,
    further=FURTHER,
    alone=None,
    max_tasks=None,
    hours=None,
    n_threads=2,
    seed=0,
):
    """Run what is missing on the first outer fold of each table, and return the figures.

    Parameters
    ----------
    corpus, results : path
    split : {"meta-dev", "meta-valid"}
    budget_s : float
    default, further, alone : sequence of str
        Families that are left out one by one, that are added, and that are run by themselves.
    max_tasks : int, optional
    hours : float, optional
        0: print only.
    n_threads, seed : int

    Returns
    -------
    dict
        ``rows``: for each variant, against all default families, the mean change of the logarithm
        of the loss over tables of classes (log-loss) and of numbers (root mean squared error),
        ``wins`` and ``losses`` (tables), Wilcoxon's ``p``, the mean rank and the number of
        ``failed`` runs, which count as the worst variant or the constant prediction.
    """
    variants = find_variants(default, further, alone)
    tasks = find_tasks(corpus, split, max_tasks)
    common = {"n_threads": n_threads, "seed": seed, "hours": hours}
    runs = run_benchmark(tasks, variants, {budget_s: 1}, results, **common)
    names = [method.name for method in variants]
    runs = runs[runs["task"].isin(tasks.names) & runs["method"].isin(names)]
    runs = runs[(runs["n_threads"] == n_threads) & (runs["seed"] == seed)]
    found = compare_runs(runs, budget_s)
    classes, numbers = (
        np.log(found.by_task(name).clip(lower=1e-6)) for name in ("log_loss", "rmse")
    )
    losses = pd.concat([classes, numbers])
    rows = []
    for name in found.methods:
        change = losses[name] - losses[ALL]
        rows.append(
            {
                "variant": name,
                "classes": change[classes.index].mean() if len(classes) else None,
                "numbers": change[numbers.index].mean() if len(numbers) else None,
                "wins": int((change < 0).sum()),
                "losses": int((change > 0).sum()),
                "p": float(stats.wilcoxon(change).pvalue) if change.any() else 1.0,
                "mean_rank": found.ranks[name].mean(),
                "failed": int(found.scores[name].isna().sum()),
            }
        )
    counts = {"tables_of_classes": len(classes), "tables_of_numbers": len(numbers)}
    return {"budget_s": budget_s, **counts, "known_tasks": found.known_tasks, "rows": rows}


def print_figures(figures):
    print(
        f"{figures['budget_s']:g} s; {figures['tables_of_classes']} tables of classes, "
        f"{figures['tables_of_numbers']} of numbers; "
        f"overlap with meta-training: {len(figures['known_tasks'])}"
    )
    print("mean change of the logarithm of the loss against all default families:")
    print(pd.DataFrame(figures["rows"]).round(4).to_string(index=False))
