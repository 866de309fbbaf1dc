"""Proposers on stored results: leave data sets out, propose one configuration after another.

The protocol: per data set the error is normalised to 0 (best of all configurations) ... 1 (worst);
regret at T is the lowest normalised error among the first T proposals. Ten folds over data sets,
those of equal rounded errors in one fold. A search is told the negated error as it was stored, not
normalised.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from autometa import Knowledge
from autometa.proposers import NearestTasksProposer, PortfolioProposer, SurrogateProposer

N_TRIALS = 25
TRIALS = (1, 2, 3, 5, 10, 25)
TIMES_S = (1, 3, 10, 30, 100, 300)
FAMILY = "all"
SURROGATE = "surrogate"


@dataclass(frozen=True)
class Results:
    """Stored results of configurations that were run on every data set.

    Attributes
    ----------
    error : DataFrame of shape (n_tasks, n_configs)
    time_s : DataFrame of shape (n_tasks, n_configs) or None
    configs : DataFrame of shape (n_configs, n_hyperparameters)
    metafeatures : DataFrame of shape (n_tasks, n_metafeatures)
    """

    error: pd.DataFrame
    time_s: pd.DataFrame | None
    configs: pd.DataFrame
    metafeatures: pd.DataFrame

    @property
    def regret(self):
        """Errors normalised to 0 ... 1 within each data set."""
        error = self.error.to_numpy()
        low, high = error.min(axis=1, keepdims=True), error.max(axis=1, keepdims=True)
        return (error - low) / np.maximum(high - low, 1e-12)

    def group(self):
        """Number the data sets so that near-duplicates, of equal rounded errors, share a number."""
        _, group = np.unique(self.error.to_numpy().round(3), axis=0, return_inverse=True)
        return group.ravel()

    def take(self, tasks):
        """Keep some data sets, by position."""
        time_s = None if self.time_s is None else self.time_s.iloc[tasks]
        return Results(self.error.iloc[tasks], time_s, self.configs, self.metafeatures.iloc[tasks])

    def knowledge(self):
        """Turn them into what proposers learn from."""
        n_tasks, n_configs = self.error.shape
        rows = {
            "task": np.repeat(self.error.index.to_numpy(), n_configs),
            "family": FAMILY,
            "score": -self.error.to_numpy().ravel(),
        }
        if self.time_s is not None:
            rows["cost_s"] = self.time_s.to_numpy().ravel()
        table = pd.DataFrame(rows)
        for name, column in self.configs.items():
            table[f"hp_{name}"] = np.tile(column.to_numpy(), n_tasks)
        return Knowledge.from_evaluations(table, self.metafeatures)


def read_oboe(folder, *, algorithms=None):
    """Read the stored results of Oboe.

    Parameters
    ----------
    folder : path
        With ``oboe__<ALGORITHM>.parquet`` and ``openml_metafeatures.parquet``.
    algorithms : sequence of str, optional
        By default all twelve, told apart by the hyperparameter ``algorithm``.

    Returns
    -------
    Results
    """
    folder = Path(folder)
    paths = sorted(folder.glob("oboe__*.parquet"))
    if algorithms is not None:
        paths = [folder / f"oboe__{name}.parquet" for name in algorithms]
    errors, times, configs = [], [], []
    for path in paths:
        algorithm = path.stem.removeprefix("oboe__")
        table = pd.read_parquet(path)
        names = [name for name in table.columns if name.startswith("hp_")]
        # Every algorithm has its own hyperparameters, also where they share a name.
        own = table[names].rename(columns=lambda name: f"{algorithm}_{name[3:]}")  # noqa: B023
        own.insert(0, "algorithm", algorithm)
        key = own.astype(str).agg("|".join, axis=1)
        table = table.assign(config=key)
        index = {"index": "openml_dataset_id", "columns": "config"}
        errors.append(table.pivot(values="balanced_error_rate", **index))
        times.append(table.pivot(values="runtime_s", **index))
        configs.append(own.assign(config=key).drop_duplicates("config").set_index("config"))
    error, time_s = pd.concat(errors, axis=1), pd.concat(times, axis=1)
    configs = pd.concat(configs).loc[error.columns].reset_index(drop=True)
    metafeatures = pd.read_parquet(folder / "openml_metafeatures.parquet")
    metafeatures = metafeatures.set_index("openml_dataset_id").drop(columns="name")
    return Results(error, time_s, configs, metafeatures.reindex(error.index))


def deal_folds(group, n_folds, seed=0):
    """Deal groups of data sets into folds."""
    order = np.random.default_rng(seed).permutation(group.max() + 1)
    return order[group] % n_folds


METHODS = {
    "random order": (None, {}),
    "static portfolio": (PortfolioProposer, {}),
    "portfolio of nearest tasks": (NearestTasksProposer, {}),
    "surrogate, no meta-features": (SurrogateProposer, {"with_metafeatures": False}),
    SURROGATE: (SurrogateProposer, {}),
}
COST_AWARE = {
    f"surrogate per cost^{e:g}": (SurrogateProposer, {"cost_exponent": e}) for e in (0.3, 1.0)
}


def cross_validate(results, methods, *, n_folds=10, n_train=None, seed=0, n_trials=N_TRIALS):
    """Let every method propose on every data set, knowing those of the other folds.

    Parameters
    ----------
    results : Results
    methods : dict of str to (class or None, dict)
    n_folds : int
    n_train : int, optional
        Learn from that many random data sets of the other folds only.
    seed : int
        Of the folds, of the training data sets and of the random order.

    Returns
    -------
    asked : dict of str to int array of shape (n_tasks, n_trials)
        Places of the proposed configurations, in order.
    seconds : dict of str to dict
        Of making a proposer (what methods share counts for the first), and of starting a search
        and asking and telling ten times.
    """
    fold = deal_folds(results.group(), n_folds, seed)
    n_tasks, n_configs = results.error.shape
    n_trials = min(n_trials, n_configs)
    asked = {name: np.zeros((n_tasks, n_trials), dtype=int) for name in methods}
    seconds = {name: {"make": [], "propose_10": []} for name in methods}
    rng = np.random.default_rng(seed)
    for part in range(n_folds):
        train, test = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        if n_train is not None:
            train = np.sort(rng.permutation(train)[:n_train])
        knowledge = results.take(train).knowledge()
        for name, (make, options) in methods.items():
            if make is None:
                for task in test:
                    asked[name][task] = rng.permutation(n_configs)[:n_trials]
                continue
            arguments = dict(options)
            described = arguments.pop("with_metafeatures", True)
            start = time.perf_counter()
            proposer = make(knowledge, FAMILY, **arguments)
            seconds[name]["make"].append(time.perf_counter() - start)
            for task in test:
                metafeatures = results.metafeatures.iloc[task] if described else None
                propose = {"n_trials": n_trials, "seconds": seconds[name]["propose_10"]}
                asked[name][task] = _search(results, proposer, task, metafeatures, **propose)
    return asked, seconds


def _search(results, proposer, task, metafeatures, *, n_trials, seconds):
    """Run one search over the stored configurations, told the stored errors."""
    score = -results.error.iloc[task].to_numpy()
    numbered = results.configs.assign(place=np.arange(len(results.configs)))
    places, spent = [], 0.0
    start = time.perf_counter()
    search = proposer.start(metafeatures, candidates=numbered)
    for trial in range(n_trials):
        config = search.ask()
        place = config["place"]
        places.append(place)
        search.tell(config, score[place])
        if trial == 9:
            spent = time.perf_counter() - start
    if spent:
        seconds.append(spent)
    return places


def curves(results, asked):
    """Regret after each trial: arrays of shape (n_tasks, n_trials)."""
    regret = results.regret
    return {
        name: np.minimum.accumulate(np.take_along_axis(regret, places, axis=1), axis=1)
        for name, places in asked.items()
    }


def timed_curves(results, asked, times_s=TIMES_S):
    """Regret once the cumulated run time reaches each of ``times_s``; 1 before the first trial."""
    time_s = results.time_s.to_numpy()
    found = {}
    for name, regret in curves(results, asked).items():
        spent = np.take_along_axis(time_s, asked[name], axis=1).cumsum(axis=1)
        reached = [np.where(spent <= limit, regret, 1.0).min(axis=1) for limit in times_s]
        found[name] = np.column_stack(reached)
    return found


def main(folder, *, algorithms=None, seeds=(0,), n_folds=10, n_train=(), cost=True, max_tasks=None):
    """Run all methods.

    Parameters
    ----------
    folder : path
    algorithms : sequence of str, optional
    seeds : sequence of int
        One cross-validation each, with other folds; figures are means over them.
    n_folds : int
    n_train : sequence of int
        Also learn from so many data sets only.
    cost : bool
        Also ask by improvement per predicted cost, and tell regret by cumulated run time.
    max_tasks : int, optional
        Keep that many random data sets, others for each seed.

    Returns
    -------
    dict
        JSON-able.
    """
    results = read_oboe(folder, algorithms=algorithms)
    methods = METHODS | (COST_AWARE if cost else {})
    runs = [_run(results, methods, n_folds, None, seed, max_tasks) for seed in seeds]
    tables = {"all others": runs}
    for n in n_train:
        tables[str(n)] = [_run(results, METHODS, n_folds, n, seed, max_tasks) for seed in seeds]
    figures = {
        "n_tasks": len(runs[0]["regret"]["random order"]),
        "n_configs": results.error.shape[1],
        "seeds": list(seeds),
        "regret": {
            n: {
                name: {str(t): _mean(found, "regret", name, t - 1) for t in TRIALS}
                for name in found[0]["regret"]
            }
            for n, found in tables.items()
        },
        "standard_error": {
            name: {str(t): _error(runs, name, t - 1) for t in TRIALS} for name in methods
        },
        "seconds": {
            name: {what: float(np.median(values)) for what, values in about.items() if values}
            for name, about in runs[0]["seconds"].items()
        },
    }
    if cost:
        figures["regret_by_time"] = {
            name: {f"{limit} s": _mean(runs, "timed", name, k) for k, limit in enumerate(TIMES_S)}
            for name in methods
        }
    return figures


def _run(results, methods, n_folds, n_train, seed, max_tasks):
    if max_tasks is not None:
        order = np.random.default_rng(seed).permutation(len(results.error))
        results = results.take(np.sort(order[:max_tasks]))
    asked, seconds = cross_validate(results, methods, n_folds=n_folds, n_train=n_train, seed=seed)
    timed = timed_curves(results, asked) if results.time_s is not None else None
    return {"regret": curves(results, asked), "timed": timed, "seconds": seconds}


def _mean(runs, what, name, column):
    return float(np.mean([run[what][name][:, column].mean() for run in runs]))


def _error(runs, name, column):
    values = np.mean([run["regret"][name][:, column] for run in runs], axis=0)
    return float(values.std() / np.sqrt(len(values)))


def print_figures(figures):
    """Print what :func:`main` found."""
    n_tasks, n_configs = figures["n_tasks"], figures["n_configs"]
    print(f"{n_tasks} data sets, {n_configs} configurations, folds of seeds {figures['seeds']}")
    for n, table in figures["regret"].items():
        print(f"\nmean regret, learned from {n} data sets, at T =")
        _print_table(table)
    if "regret_by_time" in figures:
        print("\nmean regret by cumulated run time")
        _print_table(figures["regret_by_time"])
    print("\nmedian seconds")
    for name, seconds in figures["seconds"].items():
        shown = "  ".join(f"{what} {value:.3f}" for what, value in seconds.items())
        print(f"{name:30s} {shown}")


def _print_table(table):
    print(" " * 30, *(f"{column:>6s}" for column in next(iter(table.values()))))
    for name, row in table.items():
        print(f"{name:30s}", *(f"{value:6.4f}" for value in row.values()))
