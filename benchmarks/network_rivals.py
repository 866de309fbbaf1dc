"""The network alone against common models with their defaults, boosting and RealMLP among them.

Half of the rows to learn from; every run is a process of its own, and ended where it takes too
long.

    python -m benchmarks network_rivals --corpus ../shared/corpus --results results --peers peers
"""

from dataclasses import replace

from autometa.bench import compare_runs, find_methods, report_text, run_benchmark
from benchmarks.halves import corpus_tasks, deal
from benchmarks.warm_quality import MAX_ROWS, NETWORKS

RIVALS = ("linear", "random_forest", "lightgbm", "catboost", "realmlp")
REFERENCE = "adapted"


def find_networks():
    """Return the network as proposed, and adapted once: methods without a limit on time."""
    [method] = find_methods(["autometa"])
    return [
        replace(
            method,
            name=name,
            options={"families": ["adapted_network"], "n_trials": n_trials},
            has_time_limit=False,
        )
        for name, n_trials in NETWORKS.items()
    ]


def main(
    corpus,
    results,
    *,
    split="meta-valid",
    rivals=RIVALS,
    peers=None,
    seeds=1,
    max_tasks=None,
    most_s=600.0,
    hours=None,
    n_threads=1,
):
    """Run what is missing, and return the figures of all that is there.

    Parameters
    ----------
    corpus, results : path
    split : {"meta-valid", "meta-dev"}
    rivals : sequence of str
        Methods that come with autometa, and that have no limit on time.
    peers : path, optional
        As ``autometa bench peers`` built.
    seeds : int
        Halvings of each table.
    max_tasks : int, optional
    most_s : float
        When a run is ended; it counts as the worst.
    hours : float, optional
        0: print only.
    n_threads : int

    Returns
    -------
    dict
        ``report``, ``known_tasks`` and ``rows``: for each method the figures of
        :meth:`autometa.bench.Comparison.table`, and ``fit_cpu_s``, the processor's seconds of a
        fit in the median.
    """
    methods = [*find_networks(), *find_methods(rivals)]
    tasks = [
        replace(task, splits=[deal(task, seed=seed, max_rows=MAX_ROWS) for seed in range(seeds)])
        for task in corpus_tasks(corpus, split, max_tasks=max_tasks, max_rows=MAX_ROWS)
    ]
    common = {"peers": peers, "n_threads": n_threads, "unlimited_s": most_s, "hours": hours}
    # No method has a limit on time, so of the budgets only the number of folds counts.
    runs = run_benchmark(tasks, methods, {most_s: seeds}, results, **common)
    runs = runs[runs["task"].isin([task.name for task in tasks])]
    runs = runs[runs["method"].isin([method.name for method in methods])]
    runs = runs[(runs["n_threads"] == n_threads) & (runs["fold"] < seeds)]
    found = compare_runs(runs, None)
    table = found.table().join(found.runs.groupby("method")["fit_cpu_s"].median())
    return {
        "report": report_text(runs, reference=REFERENCE),
        "known_tasks": found.known_tasks,
        "rows": table.reset_index().to_dict("records"),
    }


def print_figures(figures):
    print(figures["report"])
    print("Processor's seconds of a fit, median:")
    for row in figures["rows"]:
        print(f"  {row['method']}: {row['fit_cpu_s']:.3g}")
