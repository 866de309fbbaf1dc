"""Torch on as many threads as ``n_jobs`` says, and back to what it was."""

from contextlib import contextmanager

from joblib import effective_n_jobs


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
