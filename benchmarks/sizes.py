"""Proposed and adapted networks on few rows, on wide tables and on long ones, against rivals.

Tables come from four sources: ``rows``, tables of a corpus of which few rows are trained on;
``wide``, its tables of many columns; ``widened``, its narrow tables beside columns that tell
nothing: their own, shuffled; ``long``, synthetic tables.
"""

import dataclasses
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from autometa.knowledge import Initialisation
from autometa.tasks import sample_prior_task
from benchmarks.halves import corpus_tasks, halve
from benchmarks.results_file import ResultsFile
from benchmarks.rivals import RIVALS, predict_rival
from benchmarks.warm_quality import NETWORKS, measure, predict_network

#: Sizes of each source: rows to train on, columns at least, columns, and rows to train on.
SIZES = {
    "rows": (16, 32, 64, 128, 256, 512, 1_024),
    "wide": (100,),
    "widened": (100, 300, 1_000),
    "long": (100_000,),
}
MAX_TEST_ROWS = 1_000
#: Rows to train on, where it is columns that are many.
WIDE_ROWS = 500
#: Tables of more columns are not widened.
NARROW = 30
N_LONG, LONG_COLUMNS = 6, 10
KEY = ("split", "source", "size", "task", "seed", "method", "knowledge")


def main(
    corpus,
    results,
    *,
    split="meta-valid",
    sources=tuple(SIZES),
    sizes=None,
    seeds=1,
    knowledge=None,
    max_tasks=None,
    hours=None,
    n_threads=1,
):
    """Run what is missing, then return the figures of all that is there.

    Parameters
    ----------
    corpus, results : path
    split : {"meta-valid", "meta-dev"}
    sources : sequence of str
        Keys of :data:`SIZES`.
    sizes : sequence of int, optional
        Of all sources; by default each has its own.
    seeds : int
    knowledge : path, optional
        By default the initialisation that ships with the package.
    max_tasks : int, optional
        Of each source and size.
    hours : float, optional
        0: print only.
    n_threads : int

    Returns
    -------
    dict
        ``rows``: by source, size and method the number of tables, the mean log-loss, area under
        the curve (of tables of classes) and root mean squared error over the standard deviation (of
        tables of numbers), the mean ``score`` and the median ``seconds``. A score is 0 for what a
        constant predicts, or worse, and 1 for the best method on that table.
    """
    end = time.monotonic() + (float("inf") if hours is None else 3600 * hours)
    found = Initialisation.default() if knowledge is None else Initialisation.load(knowledge)
    methods = [*NETWORKS, *RIVALS, *(["catboost"] if find_spec("catboost") else [])]
    file = ResultsFile(Path(results) / "sizes.jsonl", KEY)
    for source in sources:
        for size in SIZES[source] if sizes is None else sizes:
            for task, n_train in find_tables(source, size, corpus, split, max_tasks):
                for seed in range(seeds):
                    common = {"split": split, "source": source, "size": size, "task": task.name}
                    common["seed"] = seed
                    own = {"knowledge": found, "n_threads": n_threads}
                    if not run_table(task, n_train, methods, file, common, own, end):
                        break
    rows = [
        row
        for row in file.rows()
        if row["split"] == split
        and row["source"] in sources
        and row["method"] in methods
        and row["knowledge"] in (None, found.checksum)
    ]
    return {"split": split, "rows": summarise(rows, methods)}


def find_tables(source, size, corpus, split, max_tasks):
    """Yield the tables of a source at a size, each with the number of rows to train on."""
    if source == "long":
        for number in range(min(N_LONG, max_tasks or N_LONG)):
            kind = "regression" if number % 2 else "binary"
            rng = np.random.default_rng([number, size])
            shape = {"n_rows": size + MAX_TEST_ROWS, "n_columns": LONG_COLUMNS}
            yield sample_prior_task(rng, kind=kind, **shape), size
        return
    tasks = corpus_tasks(corpus, split, max_columns=NARROW if source == "widened" else None)
    tasks = [task for task in tasks if is_of(source, size, task)]
    for task in tasks[:max_tasks]:
        if source == "widened":
            task = widen(task, size)
        yield task, size if source == "rows" else min(WIDE_ROWS, task.n_rows // 2)


def is_of(source, size, task):
    """Whether a table of a corpus is large enough for a source at a size."""
    if source == "wide":
        return task.X.shape[1] >= size
    return task.n_rows >= (2 * size if source == "rows" else WIDE_ROWS)


def widen(task, n_columns):
    """Add shuffled copies of a table's columns until it has so many."""
    rng = np.random.default_rng([n_columns, *task.name.encode()])
    columns = {str(name): column for name, column in task.X.items()}
    for number in range(n_columns - len(columns)):
        column = task.X.iloc[:, number % task.X.shape[1]]
        columns[f"shuffled {number}"] = column.iloc[rng.permutation(len(column))].set_axis(
            column.index
        )
    return dataclasses.replace(task, X=pd.DataFrame(columns))


def run_table(task, n_train, methods, file, common, own, end):
    """Run what the file lacks of one table; False when time is up."""
    halves = None
    for method in methods:
        is_network = method in NETWORKS
        key = {**common, "method": method}
        key["knowledge"] = own["knowledge"].checksum if is_network else None
        if file.holds(**key):
            continue
        if time.monotonic() > end:
            return False
        options = {"seed": common["seed"], "n_threads": own["n_threads"]}
        halves = halves or halve(
            task, seed=common["seed"], max_rows=n_train + MAX_TEST_ROWS, n_train=n_train
        )
        started_s = time.perf_counter()
        try:
            if is_network:
                predicted = predict_network(method, halves, knowledge=own["knowledge"], **options)
            else:
                predicted = predict_rival(method, halves, **options)
            row = measure(predicted, halves.y_test, halves.n_classes)
        except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
            row = {"error": f"{type(error).__name__}: {error}"[:300]}
        row |= {"seconds": round(time.perf_counter() - started_s, 3), "kind": task.kind}
        file.add({**key, "constant": constant_loss(halves), **row})
    return True


def constant_loss(halves):
    """Log-loss of the shares of classes, or error of the mean over the standard deviation."""
    if halves.n_classes is None:
        error = np.mean((halves.y_test - halves.y_train.mean()) ** 2) ** 0.5
        return float(error / max(np.std(halves.y_test), 1e-12))
    shares = np.bincount(halves.y_train, minlength=halves.n_classes) / len(halves.y_train)
    return float(-np.log(shares[halves.y_test]).mean())


def summarise(rows, methods):
    """Means over the tables that all methods were run on; a failure is as bad as a constant."""
    table = pd.DataFrame(rows)
    if table.empty:
        return []
    place = ["source", "size", "task", "seed"]
    table = table[table.groupby(place)["method"].transform("nunique") == len(methods)]
    table = table.reindex(
        columns=[*place, "method", "constant", "log_loss", "rmse", "auc", "seconds"]
    )
    loss = table["log_loss"].fillna(table["rmse"]).fillna(table["constant"])
    gain = (table["constant"] - loss).clip(lower=0)
    best = gain.groupby([table[name] for name in place]).transform("max")
    table = table.assign(score=(gain / best.where(best > 0)).fillna(1.0))
    found = []
    for (source, size, method), own in table.groupby(["source", "size", "method"], sort=False):
        means = own[["log_loss", "auc", "rmse", "score"]].mean()
        found.append(
            {
                **{"source": source, "size": int(size), "method": method},
                "n_tables": own["task"].nunique(),
                **{
                    name: None if np.isnan(value) else float(value) for name, value in means.items()
                },
                "seconds": float(own["seconds"].median()),
            }
        )
    return found


def print_figures(figures):
    print(f"{figures['split']}; long tables are synthetic")
    if figures["rows"]:
        print(pd.DataFrame(figures["rows"]).round(3).to_string(index=False))
