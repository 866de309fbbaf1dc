"""Where tensors live: the one place that turns ``device`` into a name torch knows."""

import warnings
from contextlib import contextmanager

from autometa.exceptions import InvalidInputError


def find_device(device="auto"):
    """Name the device to compute on.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:0", ...} or torch.device
        ``"auto"`` is a CUDA device where there is one, else the CPU.

    Returns
    -------
    str

    Examples
    --------
    >>> find_device("cpu")
    'cpu'
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    accepted = f"device must be 'auto', 'cpu' or 'cuda' (also 'cuda:0' and so on), got {device!r}."
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError(accepted) from error
    if found.type not in ("cpu", "cuda"):
        raise InvalidInputError(accepted)
    n_devices = torch.cuda.device_count() if found.type == "cuda" else 1
    if (found.index or 0) >= n_devices:
        raise InvalidInputError(
            f"device={device!r} was asked for, but torch sees {n_devices} CUDA devices. "
            "Use device='auto', which takes one where there is one."
        )
    return str(found)


def is_out_of_memory(error):
    """Tell whether a RuntimeError of torch says that memory does not suffice."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def with_fallback(compute, device):
    """Return ``compute(device)``; where that device's memory does not suffice, the CPU's result.

    Parameters
    ----------
    compute : callable
        From the name of a device to anything.
    device : str

    Warns
    -----
    UserWarning
        When it goes on with the CPU.
    """
    try:
        return compute(device)
    except RuntimeError as error:
        if device == "cpu" or not is_out_of_memory(error):
            raise
    # here the traceback is gone, and with it the tensors that it held
    warnings.warn(f"{device} is out of memory; going on with the CPU.", stacklevel=2)
    return compute("cpu")


@contextmanager
def exact_convolutions():
    """Let a GPU convolve in float32: in TF32, torch's default, MAML's meta-gradient is 16 % off."""
    import torch

    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
