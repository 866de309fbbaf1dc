"""Evaluate configurations one by one, within a time limit, whatever becomes of them."""

import os
import threading

from autometa.collecting._process import (
    START_LIMIT_S,
    ProcessDiedError,
    TimeIsUpError,
    WorkerProcess,
)
from autometa.evaluation import TableEvaluator

#: Configurations of the adapted network that are evaluated together.
GROUP_SIZE = 8
#: Of messages that are stored.
MAX_MESSAGE = 300

_of_this_thread = threading.local()


class Evaluations:
    """Evaluate in this process, without a limit.

    Every record has ``status`` ("ok", "failed" or "timeout"), ``message`` (None where all is
    well), ``cost_s`` and ``points``, as from :meth:`TableEvaluator.evaluate`.
    """

    def take(self, table, options):
        """Take the table that is evaluated from here on, and options of `TableEvaluator`."""
        self._evaluator = TableEvaluator(table, **options)

    def evaluate(self, family, configs):
        """Evaluate configurations; an error becomes the record of those it struck."""
        try:
            curves = self._evaluator.evaluate(family, configs)
        except Exception as error:  # whatever a library raises belongs to the result
            return [failure("failed", f"{type(error).__name__}: {error}")] * len(configs)
        return [
            {"status": "ok", "message": None, "cost_s": curve[-1]["cost_s"], "points": curve}
            for curve in curves
        ]


class LimitedEvaluations:
    """Evaluate in another process, which is ended when a configuration takes too long.

    Parameters
    ----------
    time_limit_s : float
        For one configuration with all its folds.
    n_threads : int
    """

    def __init__(self, time_limit_s, n_threads=1):
        self.time_limit_s, self.n_threads = time_limit_s, n_threads
        self._process = None

    def take(self, table, options):
        """As `Evaluations.take`."""
        self._taken, self._is_sent = (table, options), False

    def evaluate(self, family, configs):
        """As `Evaluations.evaluate`."""
        limit_s = self.time_limit_s * len(configs)
        if self._process is None or not self._process.is_alive:
            self._process, self._is_sent = WorkerProcess(self.n_threads), False
        try:
            if not self._is_sent:
                self._process.ask(("take", self._taken), START_LIMIT_S)
                self._is_sent = True
            return self._process.ask(("evaluate", (family, configs)), limit_s)
        except TimeIsUpError:
            found = failure("timeout", f"more than {limit_s:g} s", self.time_limit_s)
        except ProcessDiedError as error:
            found = failure("failed", f"{error}, perhaps for want of memory")
        return [found] * len(configs)

    def close(self):
        """End the other process."""
        if self._process is not None:
            self._process.close()


def evaluations_of_this_thread(time_limit_s, n_threads):
    """Return evaluations whose process lives as long as this thread, so that it starts once."""
    if time_limit_s is None:
        return Evaluations()
    key = (os.getpid(), time_limit_s, n_threads)  # a fork has no process of its own yet
    if getattr(_of_this_thread, "key", None) != key:
        _of_this_thread.key = key
        _of_this_thread.evaluations = LimitedEvaluations(time_limit_s, n_threads)
    return _of_this_thread.evaluations


def failure(status, message, cost_s=None):
    """Return the record of a configuration that gave no score."""
    message = " ".join(message.split())[:MAX_MESSAGE]
    return {"status": status, "message": message, "cost_s": cost_s, "points": []}


def evaluate_table(table, family, configs, *, time_limit_s, n_threads, seed, network):
    """Evaluate configurations of a family on a table.

    Parameters
    ----------
    table : TableFolds
    family : str
    configs : list of dict
    time_limit_s : float or None
        None evaluates in this process, without a limit.
    n_threads, seed : int
    network : dict
        Of the adapted network: its ``initialisation`` and ``device``.

    Returns
    -------
    list of dict
        A record for every configuration, see :class:`Evaluations`.
    """
    evaluations = evaluations_of_this_thread(time_limit_s, n_threads)
    options = {"seed": seed, "n_threads": n_threads}
    if family == "adapted_network":
        options |= network
    evaluations.take(table, options)
    size = GROUP_SIZE if family == "adapted_network" else 1
    records = []
    for start in range(0, len(configs), size):
        records += evaluations.evaluate(family, configs[start : start + size])
    return records
