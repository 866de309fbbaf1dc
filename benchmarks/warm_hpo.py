"""What knowledge of hyperparameters is worth on tables that it does not hold: fewer trials.

Every family with knowledge is tuned on every table by every method; a configuration's score, by
cross-validation on at most 1,000 rows, is kept and never computed twice, and so is every run. The
command can be stopped and goes on where it was.

    python -m benchmarks warm_hpo --corpus ../shared/corpus --families linear --results results
"""

import time
import warnings
from pathlib import Path
from statistics import mean, median

import numpy as np
import optuna
import pandas as pd

from autometa import Knowledge
from autometa.families import find_family
from autometa.metafeatures import compute_metafeatures
from benchmarks.halves import corpus_tasks
from benchmarks.hpo_figures import (
    ALL,
    LEADERS,
    normalised_regrets,
    print_figures,
    summarise,
    trials_needed,
)
from benchmarks.hpo_knowledge import checksum_of, held_out
from benchmarks.hpo_methods import METHODS, WARM, Problem, why_not
from benchmarks.hpo_objective import Scores, run_study
from benchmarks.results_file import ResultsFile

__all__ = ["main", "print_figures"]

KEY = ("split", "task", "family", "method", "seed", "n_trials", "max_rows", "n_folds", "knowledge")


def main(
    corpus,
    results,
    *,
    split="meta-valid",
    families=None,
    methods=None,
    seeds=3,
    n_trials=50,
    max_rows=1_000,
    n_folds=3,
    max_tasks=None,
    max_columns=None,
    knowledge=None,
    hours=None,
):
    """Run what is missing, then return the figures of all that is there.

    Parameters
    ----------
    corpus, results : path
        A corpus folder, and the folder that runs are kept in.
    split : {"meta-valid", "meta-dev"}
        meta-dev leaves the families of meta-dev out of the knowledge first.
    families : sequence of str, optional
        Among those that the knowledge holds; by default all of them.
    methods : sequence of str, optional
        Among `METHODS`, by default all; "random", which regrets are measured by, is always run.
    seeds, n_trials, max_rows, n_folds : int
        A configuration's score is the mean over `n_folds` of at most `max_rows` rows.
    max_tasks : int, optional
        So many, in an order that does not change: more of them go on from fewer.
    max_columns : int, optional
        Leave out wider tables; a few of them take most of the time.
    knowledge : path or Knowledge, optional
        By default the evaluations that ship with the package.
    hours : float, optional
        Start no run after this time; 0 to see what is there.

    Returns
    -------
    dict
        JSON-able.
    """
    end = time.monotonic() + (float("inf") if hours is None else 3600 * hours)
    if not isinstance(knowledge, Knowledge):
        knowledge = Knowledge.load(knowledge) if knowledge else Knowledge.default()
    tasks = corpus_tasks(corpus, split, max_tasks=max_tasks, max_columns=max_columns)
    knowledge, left_out = held_out(knowledge, corpus, split, tasks)
    families = list(knowledge.families if families is None else families)
    if unknown := sorted(set(families) - set(knowledge.families)):
        raise ValueError(f"Nothing is known of {unknown}; the knowledge has {knowledge.families}.")
    if unknown := sorted(set(methods or ()) - set(METHODS)):
        raise ValueError(f"Unknown methods {unknown}; there are {list(METHODS)}.")
    methods = list(METHODS if methods is None else dict.fromkeys([*methods, "random"]))
    skipped = {f: {m: why_not(m, f) for m in methods if why_not(m, f)} for f in families}
    # Of each family, so that more of another one makes no run again.
    checksums = {f: checksum_of(knowledge.filter(families=[f])) for f in families}
    common = {"split": split, "n_trials": n_trials, "max_rows": max_rows, "n_folds": n_folds}
    file = ResultsFile(Path(results) / "runs.jsonl", KEY)
    run_all(
        tasks,
        {family: [m for m in methods if m not in skipped[family]] for family in families},
        file,
        knowledge,
        checksums=checksums,
        seeds=range(seeds),
        common=common,
        results=Path(results),
        may_go_on=lambda: time.monotonic() < end,
    )
    runs = [
        run
        for run in file.rows()
        if all(run.get(name) == value for name, value in common.items())
        and run["knowledge"] in (None, checksums.get(run["family"]))
        and run["seed"] < seeds
        and run["task"] in {task.name for task in tasks}
    ]
    return {
        **common,
        "max_columns": max_columns,
        "seeds": seeds,
        "checksums": checksums,
        "knowledge": {
            "provenance": knowledge.provenance,
            "n_tasks": {f: knowledge.tables[f]["task"].nunique() for f in families},
            "left_out": left_out,
        },
        "not_run": {family: reasons for family, reasons in skipped.items() if reasons},
        **figures_of(runs, families, methods, skipped),
    }


def run_all(
    tasks, methods, file, knowledge, *, checksums, seeds, common, results, may_go_on=lambda: True
):
    """Run what the file lacks: all tasks of one seed before the next.

    Parameters
    ----------
    methods : dict of str to list of str
        By family.
    checksums : dict of str to str
        Of what is known of each family.
    common : dict
        ``split``, ``n_trials``, ``max_rows`` and ``n_folds``.
    results : path
        The folder for scores.
    """
    done = {tuple(row.get(name) for name in KEY) for row in file.rows()}
    scores, described = {}, {}
    for seed in seeds:
        for task in tasks:
            for family, names in methods.items():
                for method in names:
                    run = {**common, "task": task.name, "family": family, "method": method}
                    run |= {
                        "seed": seed,
                        "knowledge": checksums[family] if method in WARM else None,
                    }
                    if tuple(run[name] for name in KEY) in done:
                        continue
                    if not may_go_on():
                        return
                    if task.name not in described:
                        described[task.name] = compute_metafeatures(
                            task.X, task.y, task.kind, random_state=0
                        )
                    if family not in scores:
                        path = results / f"scores-{family}.jsonl"
                        settings = {name: common[name] for name in ("max_rows", "n_folds")}
                        scores[family] = Scores(path, **settings)
                    is_regression = task.kind == "regression"
                    problem = Problem(family, is_regression, described[task.name], knowledge)
                    n_trials = common["n_trials"]
                    found = run_one(method, problem, task, scores[family], seed, n_trials)
                    file.add({**run, "kind": task.kind, **found})


def run_one(method, problem, task, scores, seed, n_trials):
    """Tune a family on a task by one method.

    Returns
    -------
    dict
        ``scores`` in order of the trials, ``search_s`` (processor time of the method's own) and
        ``cost_s`` (of evaluating, whether that was done now or before).
    """
    costs = []

    def evaluate(config):
        found = scores.evaluate(task, problem.family, config)
        costs.append(found["cost_s"])
        return found["score"]

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            started_s = time.process_time()
            # Draws of their own for every task and method, so that luck averages out over tasks.
            rng = np.random.default_rng([seed, *f"{task.name} {method}".encode()])
            study = METHODS[method](problem, int(rng.integers(2**31)))
            made_s = time.process_time() - started_s
            conditions = find_family(problem.family).CONDITIONS
            found, search_s = run_study(study, problem.space, conditions, n_trials, evaluate)
    finally:
        optuna.logging.set_verbosity(verbosity)
    times = {"made_s": round(made_s, 4), "search_s": round(search_s, 4)}
    return {"scores": found, **times, "cost_s": round(sum(costs), 4)}


def _seconds_of(run):
    return run["made_s"] + run["search_s"] + run["cost_s"]


def figures_of(runs, families, methods, skipped):
    """Figures of every family and, where there are several, of all their tasks together."""
    figures, stacked, needed_of_all = {}, {}, {}
    for family in families:
        own = [run for run in runs if run["family"] == family]
        names = [method for method in methods if method not in skipped[family]]
        regrets = normalised_regrets(own, names)
        if not len(regrets["random"]):
            continue
        needed = {name: trials_needed(own, names, name) for name in LEADERS if name in names}
        figures[family] = summarise(regrets, needed)
        seconds = {
            method: [r["search_s"] / len(r["scores"]) for r in own if r["method"] == method]
            for method in names
        }
        figures[family]["search_s_per_trial"] = {
            method: round(median(values), 5) for method, values in seconds.items()
        }
        # what its runs would take from nothing: some of their scores were looked up
        figures[family]["run_s"] = {
            method: round(mean(_seconds_of(r) for r in own if r["method"] == method), 3)
            for method in names
        }
        for method, table in regrets.items():
            stacked.setdefault(method, []).append(table)
        for leader, table in needed.items():
            needed_of_all.setdefault(leader, []).append(table)
    if len(figures) > 1:
        n_families = len(figures)
        figures[ALL] = summarise(
            # row by row the same family and task, for the methods that tune all families
            {
                method: pd.concat(tables, ignore_index=True)
                for method, tables in stacked.items()
                if len(tables) == n_families
            },
            {leader: pd.concat(tables) for leader, tables in needed_of_all.items()},
        )
    return {"families": figures}
