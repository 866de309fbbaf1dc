"""Torch on as many threads as ``n_jobs`` says, and back to what it was."""

from contextlib import contextmanager

from joblib import effective_n_jobs

#: A table of fewer cells is fitted on one thread; more would wait for each other.
MIN_CELLS = 50_000


def count_threads(shape):
    """Threads for models of a table of a shape: torch's, or one."""
    import torch

    return torch.get_num_threads() if shape[0] * shape[1] >= MIN_CELLS else 1


@contextmanager
def torch_threads(n_jobs):
    """Limit torch to ``n_jobs`` threads inside a ``with`` block; None changes nothing."""
    if n_jobs is None:
        yield
        return
    import torch

    n_before = torch.get_num_threads()
    torch.set_num_threads(effective_n_jobs(n_jobs))
    try:
        yield
    finally:
        torch.set_num_threads(n_before)
