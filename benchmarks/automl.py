"""The comparison with other AutoML systems, by the methods of the README."""

import numpy as np

from autometa.bench import (
    benchmark_tasks,
    compare_runs,
    find_methods,
    over_time,
    report_text,
    run_benchmark,
)

#: Ten seconds on three outer folds, a minute on the first one; a second on all three.
BUDGETS = {1.0: 3, 10.0: 3, 60.0: 1}
METHODS = (
    *("autometa", "flaml", "autogluon_medium", "autogluon_best", "tuned_lightgbm", "realmlp"),
    *("lightgbm", "catboost", "random_forest", "linear"),
)
MIN_ROWS = 300


def main(corpus, results, *, split, methods, budgets, max_tasks=None, hours=None, **options):
    """Run what is missing, and return the figures of every budget.

    Parameters
    ----------
    corpus, results : path
    split : {"meta-valid", "meta-dev"}
    methods : sequence of str
    budgets : dict of float to int
    max_tasks : int, optional
    hours : float, optional
        0: print only.
    **options
        Of :func:`autometa.bench.run_benchmark`.
    """
    tasks = find_tasks(corpus, split, max_tasks)
    runs = run_benchmark(tasks, find_methods(methods), budgets, results, hours=hours, **options)
    runs = runs[runs["task"].isin(tasks.names) & runs["method"].isin(list(methods))]
    runs = runs[(runs["n_threads"] == options["n_threads"]) & (runs["seed"] == options["seed"])]
    figures = {"report": report_text(runs), "comparisons": []}
    for budget_s in sorted(set(runs["budget_s"].dropna()) & set(budgets)):
        for kind in (None, "classification", "regression"):
            if kind == "regression" and not (runs["kind"] == "regression").any():
                continue
            found = compare_runs(runs, budget_s, kind=kind)
            figures["comparisons"].append(
                {
                    **{"budget_s": budget_s, "kind": kind, "n_tasks": found.n_tasks},
                    "known_tasks": found.known_tasks,
                    "table": found.table().reset_index().to_dict("records"),
                }
            )
    figures["over_time"] = over_time(runs).to_dict("records")
    return figures


def find_tasks(corpus, split, max_tasks=None):
    """Tables of a split; meta-dev are those families of meta-train that recipes are chosen on."""
    if split != "meta-dev":
        return benchmark_tasks(corpus, split=split, min_rows=MIN_ROWS, max_tasks=max_tasks)
    from autometa.metatraining import is_meta_dev
    from autometa.tasks import read_corpus, read_index

    index = read_index(corpus)
    is_wanted = (index["split"] == "meta-train") & index["family"].map(is_meta_dev)
    names = sorted(index.loc[is_wanted & (index["n_rows"] >= MIN_ROWS), "name"])
    if max_tasks is not None:
        names = np.random.default_rng(0).permutation(names)[:max_tasks].tolist()
    return read_corpus(corpus, names=names)


def print_figures(figures):
    print(figures["report"], end="")
