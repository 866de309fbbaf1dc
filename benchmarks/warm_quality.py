"""Quality: proposed and adapted networks against linear models, a forest and LightGBM."""

import time
import warnings

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon

from autometa import AutoMetaClassifier, AutoMetaRegressor
from benchmarks.halves import corpus_tasks, halve
from benchmarks.results_file import ResultsFile
from benchmarks.rivals import RIVALS, predict_rival

MAX_ROWS = 5_000
NETWORKS = {"proposed": 0, "adapted": 1}
METHODS = (*NETWORKS, *RIVALS)
KEY = ("split", "task", "seed", "method", "knowledge")
#: Measures and whether they shrink when things get better.
MEASURES = {"log_loss": True, "auc": False, "rmse": True}


def predict_network(method, halves, *, knowledge, seed, n_threads):
    """Fit the public estimator on the raw training half and predict the test half."""
    make = AutoMetaRegressor if halves.n_classes is None else AutoMetaClassifier
    model = make(
        n_trials=NETWORKS[method],
        families=["adapted_network"],
        time_limit=None,
        random_state=seed,
        on_known_task="ignore",
        knowledge=knowledge,
        n_jobs=n_threads,
        device="cpu",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # identifiers left out
        model.fit(halves.X_train, halves.y_train)
        is_regression = halves.n_classes is None
        return model.predict(halves.X_test) if is_regression else model.predict_proba(halves.X_test)


def measure(prediction, y, n_classes):
    """Score predictions for the test half; see :data:`MEASURES`."""
    if n_classes is None:
        error = np.sqrt(np.mean((prediction - y) ** 2))
        return {"rmse": float(error / max(np.std(y), 1e-12))}
    probability = np.clip(prediction[np.arange(len(y)), y], 1e-9, 1)
    return {
        "log_loss": float(-np.log(probability).mean()),
        "auc": one_vs_one_auc(prediction, y),
    }


def one_vs_one_auc(prediction, y):
    """Area under the curve, the mean over all pairs of classes that the rows have.

    As scikit-learn's ``roc_auc_score(multi_class="ovo")``, with classes missing among the rows
    left out; of the order of ``n_rows`` squared for any number of classes.
    """
    classes, codes = np.unique(y, return_inverse=True)
    counts = np.bincount(codes)
    if len(classes) < 2:
        return float("nan")
    total = 0.0
    for code, c in enumerate(classes):
        scores = prediction[:, c]
        order = np.sort(scores[codes == code])
        # for every row, the share of this class's rows that are ranked above it
        above = (
            len(order)
            - (np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right")) / 2
        )
        share = np.bincount(codes, weights=above / len(order)) / counts
        total += share.sum() - share[code]
    return float(total / (len(classes) * (len(classes) - 1)))


def run_methods(
    corpus, split, results, *, methods, seeds, knowledge=None, checksum=None, n_threads=1, **options
):
    """Run what is not in the results file yet, all tasks of one seed before the next.

    Parameters
    ----------
    methods : collection of str
        Among :data:`METHODS`.
    seeds : iterable of int
    knowledge : Initialisation, optional
        For the networks.
    checksum : str, optional
        Of the knowledge.
    options : dict
        ``max_tasks``, and ``may_go_on`` (a callable).
    """
    file = ResultsFile(results, KEY)
    may_go_on = options.pop("may_go_on", lambda: True)
    tasks = corpus_tasks(corpus, split, max_rows=MAX_ROWS, **options)
    for seed in seeds:
        for task in tasks:
            halves = None
            for method in methods:
                common = {
                    "split": split,
                    "task": task.name,
                    "seed": seed,
                    "method": method,
                    "knowledge": checksum if method in NETWORKS else None,
                }
                if file.holds(**common):
                    continue
                if not may_go_on():
                    return
                halves = halves or halve(task, seed=seed, max_rows=MAX_ROWS)
                wall, cpu = time.perf_counter(), time.process_time()
                own = {"seed": seed, "n_threads": n_threads}
                try:
                    if method in NETWORKS:
                        found = predict_network(method, halves, knowledge=knowledge, **own)
                    else:
                        found = predict_rival(method, halves, **own)
                    row = measure(found, halves.y_test, halves.n_classes)
                except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
                    row = {"error": f"{type(error).__name__}: {error}"[:300]}
                file.add(
                    {
                        **common,
                        "kind": task.kind,
                        "n_train": len(halves.y_train),
                        **row,
                        "seconds": round(time.perf_counter() - wall, 3),
                        "cpu_s": round(time.process_time() - cpu, 3),
                    }
                )


def compare(rows, *, checksum):
    """Gather the measures of all runs that every method has.

    Returns
    -------
    dict of str to DataFrame
        For each of :data:`MEASURES`, tasks by methods: means over seeds, failures as the worst
        value that any method has in that run.
    """
    table = pd.DataFrame([r for r in rows if r["knowledge"] in (None, checksum)])
    if table.empty:
        return {}
    n_methods = table.groupby(["task", "seed"])["method"].transform("nunique")
    table = table[n_methods == len(METHODS)]
    found = {}
    for name, shrinks in MEASURES.items():
        if name not in table:
            continue
        is_number = table["kind"] == "regression"
        part = table[is_number == (name == "rmse")]
        if part.empty:
            continue
        wide = part.pivot_table(
            index=["task", "seed"], columns="method", values=name, dropna=False, observed=True
        ).dropna(how="all")
        wide = wide.reindex(columns=list(METHODS))
        worst = wide.max(axis=1) if shrinks else wide.min(axis=1)
        wide = wide.apply(lambda column, worst=worst: column.fillna(worst))
        found[name] = wide.groupby("task").mean()
    return found


def summarise(per_task, rows, *, checksum):
    """Means, ranks, wins and tests; a dictionary of dictionaries, by measure and method."""
    figures = {}
    for name, table in per_task.items():
        sign = 1 if MEASURES[name] else -1
        ranks = pd.DataFrame(
            rankdata(sign * table.to_numpy(), axis=1), index=table.index, columns=table.columns
        )
        figures[name] = {}
        for method in METHODS:
            own = {"n_tasks": len(table), "mean": float(table[method].mean())}
            own["median"] = float(table[method].median())
            own["mean_rank"] = float(ranks[method].mean())
            if method != "adapted":
                gain = sign * (table[method] - table["adapted"])
                own["adapted_wins"] = int((gain > 0).sum())
                own["adapted_ties"] = int((gain == 0).sum())
                can_test = len(gain) >= 5 and (gain != 0).any()
                own["p_value"] = float(wilcoxon(gain).pvalue) if can_test else None
            figures[name][method] = own
    table = pd.DataFrame([r for r in rows if r["knowledge"] in (None, checksum)])
    cost = table.groupby("method")[["seconds", "cpu_s"]].median()
    failures = table["error"].notna() if "error" in table else pd.Series(False, table.index)
    figures["runs"] = {
        method: {
            "n_runs": int((table["method"] == method).sum()),
            "n_failed": int((failures & (table["method"] == method)).sum()),
            "median_s": float(cost.loc[method, "seconds"]),
            "median_cpu_s": float(cost.loc[method, "cpu_s"]),
        }
        for method in METHODS
        if method in cost.index
    }
    return figures
