# %% [markdown]
# # Benchmark a suite
# Methods on the tasks and splits of an OpenML suite, each run in a process of its own. A method of
# yours is a file with a function `fit(job)`; peers get environments by `autometa bench peers`.

# %% Which suite
import sys

alias = sys.argv[1] if len(sys.argv) > 1 else "OpenML-CC18"
folder = sys.argv[2] if len(sys.argv) > 2 else None

# %% Its tasks, and a method of your own beside two that come with the package
from pathlib import Path
from tempfile import mkdtemp

from autometa.bench import benchmark_tasks, find_methods

folder = Path(folder or mkdtemp(prefix="benchmark-"))
folder.mkdir(exist_ok=True)
(folder / "nearest.py").write_text(
    """
HAS_TIME_LIMIT = False


def fit(job):
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    make = KNeighborsRegressor if job.is_regression else KNeighborsClassifier
    return make().fit(plain(job, job.X), job.y)


def predict(model, X, job):
    X = plain(job, X)
    return model.predict(X) if job.is_regression else model.predict_proba(X)


def plain(job, X):
    return job.plain(X).select_dtypes("number").fillna(0)
"""
)
tasks = benchmark_tasks(suite=alias, max_tasks=5)
methods = find_methods(["autometa", "linear", str(folder / "nearest.py")])

# %% Two seconds on the first fold of each; what is finished stays in the folder
from autometa.bench import run_benchmark

runs = run_benchmark(tasks, methods, {2: 1}, folder / "runs")

# %% What came out, in words
from autometa.bench import report_text

print(report_text(runs))

# %% And in pictures, where matplotlib is installed
from importlib.util import find_spec

from autometa.bench import compare_runs, plot_critical_difference, plot_over_time, plot_wins

if find_spec("matplotlib"):
    comparison = compare_runs(runs)
    for name, axes in {
        "wins": plot_wins(comparison),
        "ranks": plot_critical_difference(comparison),
        "time": plot_over_time(runs),
    }.items():
        axes.figure.savefig(folder / f"{name}.png")
    print(f"Plots are in {folder}")
