"""Torch and BLAS on as many threads as ``n_jobs`` says, and back to what it was."""

import time
from contextlib import contextmanager, nullcontext

from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

#: A table of fewer cells is fitted on one thread; more would wait for each other.
MIN_CELLS = 50_000
#: Operations that are timed, and how much slower several threads may be than one.
N_TIMED, MAX_SLOWER = 8, 2.0


def count_threads(shape):
    """Threads for models of a table of a shape: torch's, or one."""
    import torch

    return torch.get_num_threads() if shape[0] * shape[1] >= MIN_CELLS else 1


def blas_threads(n_jobs):
    """Limit BLAS to ``n_jobs`` threads inside a ``with`` block; None changes nothing."""
    if n_jobs is None:
        return nullcontext()
    return threadpool_limits(effective_n_jobs(n_jobs), user_api="blas")


@contextmanager
def torch_threads(n_jobs, *, may_be_fewer=False):
    """Limit torch to ``n_jobs`` threads inside a ``with`` block; None changes nothing.

    Parameters
    ----------
    n_jobs : int or None
    may_be_fewer : bool
        Take one thread where several are much slower: on a machine that has other work, each
        operation would wait for the thread that is kept from working. Reads a clock.
    """
    if n_jobs is None and not may_be_fewer:
        yield
        return
    import torch

    n_before = torch.get_num_threads()
    n_threads = n_before if n_jobs is None else effective_n_jobs(n_jobs)
    torch.set_num_threads(n_threads)
    try:
        if may_be_fewer and n_threads > 1:
            several_s = _time_operations()
            torch.set_num_threads(1)
            if several_s < MAX_SLOWER * _time_operations():
                torch.set_num_threads(n_threads)
        yield
    finally:
        torch.set_num_threads(n_before)


def _time_operations():
    """Seconds of a few operations of the size of those of a network."""
    import torch

    numbers = torch.ones(256, 1024)
    numbers = numbers * 0.5  # threads are made by the first operation
    started_s = time.perf_counter()
    for _ in range(N_TIMED):
        numbers = numbers * 0.5
    return time.perf_counter() - started_s
