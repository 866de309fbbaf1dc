"""Time that knowledge adds to a study: ten proposals, and every trial of the sampler."""

import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import optuna

from autometa import Knowledge, MetaSampler, suggest
from autometa.families import default_config, find_family
from benchmarks.hpo_objective import draw

N_PROPOSALS = 10
ORIGIN = "autometa:origin"


def main(*, family="linear", n_trials=200, repeats=20, knowledge=None):
    """Measure in this process; return milliseconds, by the clock and of the processor.

    The objective takes no time, and the base sampler alone runs the same study by turns, so that
    the difference is what the sampler adds: proposing, reading the study, storing attributes.

    Parameters
    ----------
    family : str
        That the knowledge holds.
    n_trials : int
    repeats : int
        Of the proposals.
    knowledge : path, optional
        By default what ships with the package.
    """
    knowledge = Knowledge.load(knowledge) if knowledge else Knowledge.default()
    # a known task as the new one: the meta-features are there
    metafeatures = knowledge.metafeatures.loc[knowledge.tables[family]["task"].iloc[0]].to_dict()
    about = {"family": family, "metafeatures": metafeatures, "knowledge": knowledge}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        figures = {
            "family": family,
            "n_trials": n_trials,
            "proposals": _time_proposals(about, repeats),
            "added": {
                where: _time_trials(about, n_trials, where) for where in ("in memory", "SQLite")
            },
        }
    finally:
        optuna.logging.set_verbosity(verbosity)
    return figures


def _time_proposals(about, repeats):
    suggest(n=N_PROPOSALS, **about)  # makes the proposer, once
    taken = []
    for _ in range(repeats):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        suggest(n=N_PROPOSALS, **about)
        taken.append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
    wall, cpu = (1e3 * median(values) for values in zip(*taken, strict=True))
    return {"n": N_PROPOSALS, "wall_ms": wall, "cpu_ms": cpu}


def _time_trials(about, n_trials, where):
    family = find_family(about["family"])
    is_regression = bool(np.isnan(about["metafeatures"]["n_classes"]))
    space = family.space(is_regression=is_regression)
    best = default_config(about["family"], is_regression=is_regression)
    taken = {"base": [], "meta": []}  # (wall, cpu) of every trial
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        studies = {}
        for name in taken:
            sampler = optuna.samplers.TPESampler(seed=0)
            if name == "meta":
                sampler = MetaSampler(**about, base_sampler=sampler, seed=0)
            storage = None if where == "in memory" else f"sqlite:///{Path(folder) / name}.db"
            studies[name] = optuna.create_study(storage=storage, sampler=sampler)
        for _ in range(n_trials):
            for name, study in studies.items():
                wall_s, cpu_s = time.perf_counter(), time.process_time()
                trial = study.ask()
                config = draw(trial, space, family.CONDITIONS)
                study.tell(trial, _distance(config, best, space))
                took = time.perf_counter() - wall_s, time.process_time() - cpu_s
                taken[name].append(took)
        origins = [t.user_attrs[ORIGIN] for t in studies["meta"].get_trials(deepcopy=False)]
        for study in studies.values():  # lets go of the files
            study._storage.remove_session()
    base, meta = (1e3 * np.array(taken[name]) for name in ("base", "meta"))
    is_proposed = np.array(origins) != "sampler"
    return {
        "n_proposed": int(is_proposed.sum()),
        "base_ms": _both(base),
        "added_ms": _both(meta - base),
        "added_by_proposals_ms": _both((meta - base)[is_proposed]),
    }


def _both(ms):
    """Means over trials; medians withstand what else the machine does."""
    named = zip(("wall", "cpu"), ms.T, strict=True)
    return {name: {"mean": float(v.mean()), "median": float(np.median(v))} for name, v in named}


def _distance(config, best, space):
    """Of two configurations: 0 where they agree, about 1 for each hyperparameter that does not."""
    found = 0.0
    for name, value in config.items():
        distribution, goal = space[name], best.get(name)
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            found += value != goal
        elif goal is not None:
            scale = np.log if distribution.log else float
            width = scale(distribution.high) - scale(distribution.low)
            found += abs(scale(value) - scale(goal)) / width
    return found


def print_figures(figures):
    proposals = figures["proposals"]
    print(f"{proposals['n']} proposals for {figures['family']}, meta-features given: ", end="")
    print(f"{proposals['wall_ms']:.1f} ms, {proposals['cpu_ms']:.1f} ms of the processor")
    print(f"MetaSampler against TPE alone, ms a trial over {figures['n_trials']} trials:")
    print(f"{'':12}{'mean of':>20}{'all':>8}{'proposed':>10}{'median':>8}{'TPE':>8}")
    for where, found in figures["added"].items():
        for clock, of in (("cpu", "processor"), ("wall", "clock")):
            row = [
                found["added_ms"][clock]["mean"],
                found["added_by_proposals_ms"][clock]["mean"],
                found["added_ms"][clock]["median"],
                found["base_ms"][clock]["mean"],
            ]
            print(f"  {where:10}{of:>20}", end="")
            print(f"{row[0]:8.1f}{row[1]:10.1f}{row[2]:8.1f}{row[3]:8.1f}")
        print(f"  {where:10}{found['n_proposed']:>20} trials were proposed by the knowledge")
