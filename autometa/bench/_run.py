"""Run methods on tasks: interleaved, each in a process of its own, kept one by one."""

import datetime
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from autometa._deadline import Deadline
from autometa.bench._fold import Fold
from autometa.bench._known import known_tasks
from autometa.bench._process import Limits, run_process
from autometa.bench._runs import RunsFile, key_of, newest_of, of_options, read_runs
from autometa.bench._splits import outer_folds
from autometa.exceptions import InvalidInputError

CALIBRATION = Path(__file__).parent / "_calibration.py"
_PYTHON_PATH = [path or os.getcwd() for path in sys.path]


def run_benchmark(
    tasks,
    methods,
    budgets,
    folder,
    *,
    peers=None,
    reuse=(),
    rerun=(),
    knowledge=None,
    n_threads=1,
    seed=0,
    memory_mb=None,
    unlimited_s=600.0,
    hours=None,
    keep_predictions=False,
    on_progress=None,
):
    """Run what is not there yet, and return all runs.

    On every task methods take turns, fold by fold, so that a machine that slows down slows all of
    them. A run that fails, takes too long or too much memory is a row as well.

    Parameters
    ----------
    tasks : sequence of Task
    methods : sequence of Method
    budgets : dict of float to int
        By time limit in seconds, on how many outer folds of each task. A method without a time
        limit is run once a fold.
    folder : path
        Where runs are kept; what it holds is not run again, unless with other options or other
        knowledge.
    peers : path, optional
        Where :func:`build_environments` put environments.
    reuse : sequence of path
        Other folders of runs that count as done.
    rerun : sequence of str
        Methods whose runs in ``reuse`` do not count; without ``reuse``, those in ``folder``, so
        that all are made anew.
    knowledge : path, optional
        Meta-learned knowledge that ``autometa`` shall use, and whose tables are known; by default
        what ships.
    n_threads : int
        Of every process.
    seed : int
        Of the outer folds, where a task has none, and of the methods.
    memory_mb : float, optional
        A process that takes more is ended.
    unlimited_s : float
        When a method without a time limit is ended. Others are ended after twice their limit and
        a minute.
    hours : float, optional
        Start no run after this time.
    keep_predictions : bool
        Also store predictions; :func:`publish_runs` needs them.
    on_progress : callable, optional
        Called before every run with a dict: ``method``, ``task``, ``fold``, ``budget_s``,
        ``n_done`` and ``n_runs`` (of this task), ``n_tasks_done`` and ``n_tasks``.

    Returns
    -------
    DataFrame
        As :func:`read_runs`, also of the folders in ``reuse``.
    """
    budgets = _check_budgets(budgets)
    if memory_mb is not None and not memory_mb > 0:
        raise InvalidInputError(f"memory_mb must be above 0, got {memory_mb}. None: no limit.")
    needed = [] if hours == 0 else methods  # where nothing is to run, no peer has to be there
    pythons = {method.name: method.find_python(peers) for method in needed}
    if unknown := sorted(set(rerun) - {method.name for method in methods}):
        raise InvalidInputError(f"rerun names {unknown}, which are not among the methods.")
    own, others = read_runs(folder), read_runs(*reuse)
    if reuse:
        others = others[~others["method"].isin(list(rerun))]
    else:
        own = own[~own["method"].isin(list(rerun))]
    options = {method.name: _as_json(_options(method, knowledge)) for method in methods}
    own, others = of_options(own, options), of_options(others, options)
    done = {key_of(row) for runs in (own, others) for row in runs.to_dict("records")}
    known = known_tasks(knowledge)
    session = _Session(folder, n_threads, seed, memory_mb, unlimited_s, keep_predictions)
    deadline = Deadline(None if hours is None else hours * 3600)
    for position in range(len(tasks)):
        if deadline.expired():  # so that no further table is read
            break
        task = tasks[position]
        folds = [
            Fold(task, number, train, test)
            for number, (train, test) in enumerate(outer_folds(task, seed=seed))
        ][: max(budgets.values())]
        data = {fold.number: fold.digest() for fold in folds}
        todo = []
        for fold, budget_s, method in _turns(folds, methods, budgets):
            key = {"method": method.name, "task": task.name, "fold": fold.number}
            key |= {"budget_s": budget_s, "n_threads": n_threads, "seed": seed}
            if key_of(key | {"data": data[fold.number]}) not in done:
                todo.append((fold, budget_s, method))
        if not todo:
            continue
        calibration_s = session.calibrate()
        found = known.find(task.X, task.y)
        about = {"known_as": ", ".join(found), "calibration_s": calibration_s}
        with tempfile.TemporaryDirectory(prefix="autometa-bench-") as place:
            for number, (fold, budget_s, method) in enumerate(todo):
                if deadline.expired():
                    break
                if on_progress is not None:
                    on_progress(
                        {
                            **{"method": method.name, "task": task.name, "fold": fold.number},
                            **{"budget_s": budget_s, "n_done": number, "n_runs": len(todo)},
                            **{"n_tasks_done": position, "n_tasks": len(tasks)},
                        }
                    )
                method_options = _options(method, knowledge)
                session.run(
                    *(pythons[method.name], method, method_options, fold, budget_s),
                    tables=_written(fold, place),
                    about={**about, "data": data[fold.number], "n_folds": len(folds)},
                )
    own = of_options(read_runs(folder), options)
    if not reuse:
        own = own[~own["method"].isin(list(rerun)) | (own["session"] == session.name)]
    if others.empty or own.empty:
        return own if others.empty else others
    return newest_of(pd.concat([others, own], ignore_index=True))


class _Session:
    """What the runs of one call have in common."""

    def __init__(self, folder, n_threads, seed, memory_mb, unlimited_s, keep_predictions):
        now = datetime.datetime.now(datetime.UTC)
        self.name = f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}"
        self.folder, self.file = Path(folder), RunsFile(folder, self.name)
        self.n_threads, self.seed = n_threads, seed
        self.memory_mb, self.unlimited_s = memory_mb, unlimited_s
        self.keep_predictions = keep_predictions

    def calibrate(self):
        """Seconds that the fixed fit takes now."""
        rng = np.random.default_rng(0)
        X = pd.DataFrame(rng.normal(size=(5_000, 10))).rename(columns=str)
        y = X["0"].to_numpy() * X["1"].to_numpy() + rng.normal(size=len(X))
        with tempfile.TemporaryDirectory(prefix="autometa-bench-") as tables:
            X.to_parquet(Path(tables, "X_train.parquet"))
            X[:1].to_parquet(Path(tables, "X_test.parquet"))
            np.save(Path(tables, "y_train.npy"), y)
            job = self._job(CALIBRATION, {}, (), None, tables)
            found, _ = self._process(
                sys.executable, job | {"kind": "regression", "metric": "rmse"}, 600.0
            )
        return found.get("fit_s")

    def run(self, python, method, options, fold, budget_s, *, tables, about):
        job = self._job(method.file, options, method.distributions, budget_s, tables)
        limit_s = self.unlimited_s if budget_s is None else 2 * budget_s + 60
        found, prediction = self._process(python, job | fold.job(), limit_s)
        row = {
            **{"method": method.name, "budget_s": budget_s, "seed": self.seed},
            **{"n_threads": self.n_threads, "options": _as_json(options)},
            **{"session": self.name, "machine": _machine()},
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **fold.describe(),
            **about,
            **found,
        }
        row["versions"] = json.dumps(found.get("versions", {}))
        if prediction is not None:
            prediction = fold.expand(prediction)
            row |= fold.score(prediction)
            if self.keep_predictions:
                row["prediction_file"] = self._keep(prediction, fold)
        self.file.add(row)

    def _job(self, file, options, distributions, budget_s, tables):
        return {
            **{"method_file": str(file), "options": options, "time_limit": budget_s},
            **{"distributions": ["autometa", "scikit-learn", *distributions]},
            **{"n_threads": self.n_threads, "seed": self.seed, "tables": str(tables)},
        }

    def _process(self, python, job, limit_s):
        limits = Limits(limit_s, memory_mb=self.memory_mb)
        is_ours = str(python) == sys.executable
        return run_process(
            *(python, job, limits),
            n_threads=self.n_threads,
            python_path=_PYTHON_PATH if is_ours else None,
        )

    def _keep(self, prediction, fold):
        name = f"{self.name}-{len(self.file.rows)}.npz"
        place = self.folder / "predictions"
        place.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place / name, prediction=prediction, rows=fold.test)
        return f"predictions/{name}"


def _turns(folds, methods, budgets):
    """What to run on a task, in order: methods take turns in another order on every fold."""
    unlimited = [method for method in methods if not method.has_time_limit]
    limited = [method for method in methods if method.has_time_limit]
    for fold in folds:
        shift = fold.number % max(1, len(limited))
        for method in unlimited:
            yield fold, None, method
        for budget_s, n_folds in sorted(budgets.items()):
            if fold.number < n_folds:
                for method in limited[shift:] + limited[:shift]:
                    yield fold, budget_s, method


def _written(fold, place):
    """The folder with the tables of a fold, written when its first run needs them."""
    folder = Path(place, str(fold.number))
    if not folder.exists():
        folder.mkdir()
        fold.write(folder)
    return folder


def _options(method, knowledge):
    if knowledge is None or method.file.name != "autometa.py":
        return method.options
    return {"knowledge": str(Path(knowledge).absolute()), **method.options}


def _as_json(options):
    return json.dumps(options, default=str)


def _check_budgets(budgets):
    found = {}
    for budget_s, n_folds in dict(budgets).items():
        if not (0 < float(budget_s) < np.inf and int(n_folds) >= 1):
            raise InvalidInputError(
                "budgets must map seconds above 0 to a number of folds of at least 1, got "
                f"{budget_s}: {n_folds}."
            )
        found[float(budget_s)] = int(n_folds)
    if not found:
        raise InvalidInputError("budgets is empty. Give at least one, e.g. {10: 3}.")
    return found


def _machine():
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
