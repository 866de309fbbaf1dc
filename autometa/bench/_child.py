"""What a run's own process executes: fit one method on one table, predict, write both down.

A script, not a module: it runs in the environment of a peer, where autometa is not installed, and
needs numpy, pandas and pyarrow only. ``python -P _child.py FOLDER`` reads ``FOLDER/job.json``.
"""

import contextlib
import importlib
import importlib.metadata
import json
import os
import re
import runpy
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

# What else a method's file may define; see `autometa.bench.Method`.
DEFAULTS = {"IMPORTS": (), "predict": None}


class Job:
    """What a method is asked to do; ``fit(job)`` of its file gets one.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_features)
        Numbers, booleans, categories, text and dates, with missing cells.
    y : ndarray of shape (n_rows,)
        Class indices from 0, each of which occurs; or numbers.
    kind : {"binary", "multiclass", "regression"}
    metric : {"roc_auc", "log_loss", "rmse"}
        What predictions are judged by.
    time_limit : float or None
        Seconds; None where the method takes no limit.
    n_threads, seed : int
    memory_mb : float or None
        More than this, and the process is ended.
    folder : Path
        An empty folder, for what the method wants to write; removed afterwards.
    options : dict
        Of the method's variant.
    """

    def __init__(self, given, X, y):
        self.X, self.y = X, y
        for name in (
            *("kind", "metric", "time_limit", "n_threads", "seed", "memory_mb", "options"),
        ):
            setattr(self, name, given[name])
        self._levels = None
        self.folder = Path(given["folder"]) / "files"
        self.folder.mkdir()

    @property
    def is_regression(self):
        return self.kind == "regression"

    @property
    def n_classes(self):
        return None if self.is_regression else int(self.y.max()) + 1

    def plain(self, X):
        """Bring columns into a form that every library reads: float64, or categories of text.

        The categories are those of the training table; other levels, infinities and gaps are
        missing. Columns are called ``column_0`` and so on.
        """
        if self._levels is None:
            texts = {name: _texts(column) for name, column in self.X.items() if _is_text(column)}
            self._levels = {
                name: sorted(column.dropna().unique()) for name, column in texts.items()
            }
        columns = {}
        for position, (name, column) in enumerate(X.items()):
            if name in self._levels:
                column = pd.Series(
                    pd.Categorical(_texts(column), categories=self._levels[name]), X.index
                )
            else:
                column = _numbers(column)
            columns[f"column_{position}"] = column
        return pd.DataFrame(columns, index=X.index)


def _is_text(column):
    return column.dtype.kind not in "iufbMm"


def _texts(column):
    return column.astype(object).map(str).where(column.notna()).astype(object)


def _numbers(column):
    if column.dtype.kind == "M":
        column = (column.dt.tz_localize(None) - pd.Timestamp(0)).dt.total_seconds()
    elif column.dtype.kind == "m":
        column = column.dt.total_seconds()
    return column.astype(np.float64).replace([np.inf, -np.inf], np.nan)


def main(folder):
    folder = Path(folder)
    given = json.loads((folder / "job.json").read_text())
    threading.Thread(target=end_with_parent, args=(given["parent"],), daemon=True).start()
    found = {}
    try:
        prediction = run(folder, given, found)
        np.save(folder / "prediction.npy", prediction)
        found["status"] = "ok"
    except Exception as error:  # whatever a method raises is its result
        traceback.print_exc()
        is_memory = isinstance(error, MemoryError)
        found["status"] = "memory" if is_memory else "failed"
        found["error"] = f"{type(error).__name__}: {error}"[:2000]
    found["peak_mb"] = peak_mb()
    partial = folder / "result.json.partial"
    partial.write_text(json.dumps(found))
    partial.replace(folder / "result.json")


def end_with_parent(parent):
    """End this process, and all that it started, where the one that watches it is gone."""
    while hasattr(os, "killpg"):
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        time.sleep(1.0)


def run(folder, given, found):
    """Fit and predict; seconds, megabytes and versions go into ``found``."""
    started = time.monotonic()
    method = SimpleNamespace(**{**DEFAULTS, **runpy.run_path(given["method_file"])})
    for name in method.IMPORTS:
        with contextlib.suppress(ImportError):  # where it is needed, the fit will say so
            importlib.import_module(name)
    found["import_s"] = time.monotonic() - started
    found["versions"] = versions_of(given["distributions"])
    tables = Path(given["tables"])
    job = Job(given, pd.read_parquet(tables / "X_train.parquet"), np.load(tables / "y_train.npy"))
    X_test = pd.read_parquet(tables / "X_test.parquet")
    found["before_mb"] = now_mb()

    (folder / "fit.started").touch()
    cpu_before, started = cpu_s(), time.monotonic()
    model = method.fit(job)
    found["fit_s"] = time.monotonic() - started
    found["fit_cpu_s"] = cpu_s() - cpu_before
    (folder / "fit.ended").touch()

    started = time.monotonic()
    predict = method.predict or default_predict
    prediction = np.asarray(predict(model, X_test, job), dtype=np.float64)
    found["predict_s"] = time.monotonic() - started
    shape = (len(X_test),) if job.is_regression else (len(X_test), job.n_classes)
    if prediction.shape != shape:
        raise ValueError(f"predictions have shape {prediction.shape}, expected {shape}")
    if not np.isfinite(prediction).all():
        raise ValueError(f"{(~np.isfinite(prediction)).sum()} predictions are not finite")
    return prediction


def default_predict(model, X, job):
    """Ask a model of scikit-learn's interface; its columns may be any subset of the classes."""
    if job.is_regression:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(len(X))
    found = np.asarray(model.predict_proba(X), dtype=np.float64)
    classes = np.asarray(getattr(model, "classes_", np.arange(job.n_classes))).astype(int)
    prediction = np.zeros((len(X), job.n_classes))
    prediction[:, classes] = found
    return prediction


def versions_of(distributions):
    found = {"python": sys.version.split()[0]}
    for requirement in distributions:
        name = re.match(r"[\w.-]+", requirement).group()
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_s():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def now_mb():
    return _status_mb("VmRSS") or peak_mb()


def peak_mb():
    """The most memory that this process held at once; its children's is watched from outside."""
    found = _status_mb("VmHWM")  # of this program alone; `ru_maxrss` starts with the parent's
    if found is None:
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return found


def _status_mb(name):
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(sys.argv[1])
