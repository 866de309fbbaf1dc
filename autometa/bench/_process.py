"""One run in a process of its own, watched: how long it fits, and how much memory it takes."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Variables that native thread pools read when their library is loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
CHILD = Path(__file__).parent / "_child.py"
START_LIMIT_S = 300.0  # to start, import and read the table
POLL_S = 0.1


@dataclass(frozen=True)
class Limits:
    """When the process of a run is ended.

    Attributes
    ----------
    fit_s, predict_s : float
        Seconds of wall clock.
    memory_mb : float or None
        Of the process and those it started, together; measured where there is a ``/proc``.
    """

    fit_s: float
    predict_s: float = 300.0
    memory_mb: float | None = None


def run_process(python, job, limits, *, n_threads, python_path=None):
    """Run a job and wait for its end.

    Parameters
    ----------
    python : path
        Interpreter of the environment to run in.
    job : dict
        JSON-able, as ``_child.py`` reads it; the folder is added here.
    limits : Limits
    n_threads : int
        Of native thread pools.
    python_path : list of str, optional
        Where the interpreter finds modules besides its own.

    Returns
    -------
    found : dict
        ``status`` ("ok", "failed", "timeout", "memory" or "died"), ``error`` unless it is "ok",
        and what was measured until then.
    prediction : ndarray or None
    """
    with tempfile.TemporaryDirectory(prefix="autometa-bench-") as folder:
        folder = Path(folder)
        described = {**job, "folder": str(folder), "memory_mb": limits.memory_mb}
        described["parent"] = os.getpid()
        (folder / "job.json").write_text(json.dumps(described))
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, str(n_threads)),
            "PYTHONPATH": os.pathsep.join(python_path or []),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",  # where they are errors here, a peer's would end its runs
        }
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [str(python), "-P", str(CHILD), str(folder)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            watch = _Watch(process.pid)
            try:
                ended = _wait(process, folder, limits, watch)
            finally:
                _end(process, watch)
        return _read(folder, process, ended, limits, watch)


def _wait(process, folder, limits, watch):
    """Return None where the process ended by itself, else what was found."""
    began = time.monotonic()
    phase, phase_limit = "start", START_LIMIT_S
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=POLL_S)
            return None
        watch.look()
        now = time.monotonic()
        if phase == "start" and (folder / "fit.started").exists():
            phase, phase_limit, began = "fit", limits.fit_s, now
        if phase == "fit" and (folder / "fit.ended").exists():
            phase, phase_limit, began = "predict", limits.predict_s, now
        if now - began > phase_limit:
            found = {"status": "timeout", "error": f"ended after {phase_limit:g} s of {phase}"}
            return found | ({"fit_s": now - began} if phase == "fit" else {})
        if limits.memory_mb is not None and watch.peak_mb > limits.memory_mb:
            text = f"ended at {watch.peak_mb:.0f} MB, the limit is {limits.memory_mb:g}"
            return {"status": "memory", "error": text}


def _end(process, watch):
    """End the process and what it started, also what has left its group."""
    watch.look()
    if not hasattr(os, "killpg"):  # Windows
        process.kill()
        process.wait()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid, started in watch.children.items():
        # The number alone might be another process's by now.
        if started is not None and _started(pid) == started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _read(folder, process, ended, limits, watch):
    found, prediction = {}, None
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / "result.json").read_text())
    if ended is not None:
        found |= ended
    elif not found:
        code = process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        tail = (folder / "log.txt").read_bytes()[-1500:].decode("utf-8", "replace").strip()
        found = {"status": "died", "error": f"{how}: {tail}"}
    found["peak_mb"] = max(found.get("peak_mb", 0.0), watch.peak_mb)
    most_mb = np.inf if limits.memory_mb is None else limits.memory_mb
    if found["status"] == "ok" and found["peak_mb"] > most_mb:  # between two looks
        text = f"took {found['peak_mb']:.0f} MB, the limit is {most_mb:g}"
        found |= {"status": "memory", "error": text}
    if found["status"] == "ok":
        prediction = np.load(folder / "prediction.npy")
    return found, prediction


class _Watch:
    """The memory of a process and its descendants, and which descendants there were."""

    def __init__(self, pid):
        self.pid, self.children, self.peak_mb = pid, {}, 0.0

    def look(self):
        children = _descendants(self.pid)
        for pid in children:
            self.children.setdefault(pid, _started(pid))
        total = sum(_resident_mb(pid) for pid in [self.pid, *children])
        self.peak_mb = max(self.peak_mb, total)


def _descendants(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _resident_mb(pid):
    # Private memory alone would be fairer to forks, but takes a hundred times as long to read.
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _started(pid):
    """When a process started, in ticks of the kernel; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]
