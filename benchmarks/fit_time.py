"""Time of a fit that only proposes weights, of the import, of a sampler; memory by rows."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from autometa import AutoMetaClassifier
from benchmarks import sampler_time

N_COLUMNS, N_THREADS = 20, 2
N_IMPORTS = 10
OURS = "from autometa import AutoMetaClassifier"
THEIRS = "import sklearn, pandas, optuna"


def main(
    *,
    parts=("fit", "import", "sampler", "memory"),
    knowledge=None,
    repeats=20,
    max_rows=1_000_000,
    family="linear",
):
    """Measure in processes of their own; return the figures.

    Parameters
    ----------
    parts : collection of {"fit", "import", "sampler", "memory"}
        For the sampler see `benchmarks.sampler_time`; it asks the evaluations that ship.
    knowledge : path, optional
        By default the initialisation that ships with the package.
    repeats : int
        Fits, after the first one.
    max_rows : int
        Of the longest table.
    family : str
        That the sampler proposes for.
    """
    knowledge = "default" if knowledge is None else str(knowledge)
    figures = {"n_threads": N_THREADS, "n_columns": N_COLUMNS}
    if "fit" in parts:
        figures["fit"] = in_process("fit_time", "time_fits", knowledge, repeats)
    if "import" in parts:
        figures["import"] = time_imports()
    if "sampler" in parts:
        figures["sampler"] = sampler_time.main(family=family)
    if "memory" in parts:
        n_rows = [n for n in (10**3, 10**4, 10**5, 10**6) if n <= max_rows]
        figures["memory"] = [in_process("fit_time", "measure_memory", knowledge, n) for n in n_rows]
    return figures


def make_table(n_rows, n_columns=N_COLUMNS):
    """Numbers and a binary target that depends on some of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n_rows) > 0).astype(int)


def make_model(knowledge):
    return AutoMetaClassifier(
        n_trials=0,
        families=["adapted_network"],
        time_limit=None,
        random_state=0,
        knowledge=knowledge,
        n_jobs=N_THREADS,
        device="cpu",
    )


def time_fits(knowledge, repeats):
    """Time fits on 1,000 rows; the first one loads torch and is told apart."""
    X, y = make_table(1_000)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        make_model(knowledge).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return {
        "first_s": seconds[0],
        "median_s": float(np.median(seconds[1:])),
        "slowest_s": max(seconds[1:]),
    }


def measure_memory(knowledge, n_rows):
    """Peak memory of this process before and after a fit, in MB."""
    make_model(knowledge).fit(*make_table(200))
    X, y = make_table(n_rows)
    before = peak_mb()
    start = time.perf_counter()
    make_model(knowledge).fit(X, y)
    seconds = time.perf_counter() - start
    return {"n_rows": n_rows, "before_mb": before, "peak_mb": peak_mb(), "fit_s": seconds}


def time_imports():
    """Time imports in fresh interpreters, ours and theirs by turns."""
    seconds = {OURS: [], THEIRS: []}
    for _ in range(N_IMPORTS + 1):
        for statement, taken in seconds.items():
            code = (
                f"import time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
            )
            taken.append(float(_run(["-c", code])))
    ours, theirs = (np.array(taken[1:]) for taken in seconds.values())  # the first fills caches
    return {
        "ours_s": float(np.median(ours)),
        "scikit_learn_pandas_optuna_s": float(np.median(theirs)),
        "ratio": float(np.median(ours / theirs)),
    }


def memory_per_row(memory):
    """Kilobytes that each further row takes, from one length to the next."""
    return [
        1000 * (b["peak_mb"] - a["peak_mb"]) / (b["n_rows"] - a["n_rows"])
        for a, b in zip(memory, memory[1:], strict=False)
    ]


def peak_mb():
    """The most memory that this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def in_process(module, function, *arguments, n_threads=N_THREADS):
    """Call a function of a module of benchmarks in a new process; what it returns is JSON-able."""
    code = (
        "import importlib, json, sys; module = importlib.import_module(sys.argv[1]); "
        "print(json.dumps(getattr(module, sys.argv[2])(*json.loads(sys.argv[3]))))"
    )
    arguments = [f"benchmarks.{module}", function, json.dumps(arguments)]
    return json.loads(_run(["-c", code, *arguments], n_threads).splitlines()[-1])


def _run(arguments, n_threads=N_THREADS):
    root = Path(__file__).resolve().parent.parent
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(n_threads)}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def print_figures(figures):
    if "fit" in figures:
        fit = figures["fit"]
        print(f"fit, n_trials=0, 1,000 x {N_COLUMNS}, {N_THREADS} threads")
        print(f"  median {fit['median_s']:.3f} s, slowest {fit['slowest_s']:.3f} s, ", end="")
        print(f"first in the process {fit['first_s']:.2f} s")
    if "import" in figures:
        found = figures["import"]
        print(f"import  {found['ours_s']:.2f} s, scikit-learn, pandas and Optuna ", end="")
        print(f"{found['scikit_learn_pandas_optuna_s']:.2f} s, ratio {found['ratio']:.2f}")
    if "sampler" in figures:
        sampler_time.print_figures(figures["sampler"])
    if "memory" in figures:
        print(f"peak memory of a fit, n_trials=0, {N_COLUMNS} columns")
        growth = ["", *(f"{kb:.2f} kB a row" for kb in memory_per_row(figures["memory"]))]
        for row, grown in zip(figures["memory"], growth, strict=True):
            print(f"  {row['n_rows']:9,} rows {row['peak_mb']:8.0f} MB ", end="")
            print(f"{row['fit_s']:7.2f} s  {grown}")
