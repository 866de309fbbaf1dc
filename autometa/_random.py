"""One place where a ``random_state`` becomes generators."""

import numbers

import numpy as np

from autometa.exceptions import InvalidInputError


def as_generator(random_state):
    """Turn scikit-learn's ``random_state`` into a NumPy generator.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState or numpy.random.Generator

    Examples
    --------
    >>> bool(as_generator(0).integers(100) == as_generator(0).integers(100))
    True
    """
    if random_state is None or isinstance(random_state, numbers.Integral):
        if random_state is not None and random_state < 0:
            raise InvalidInputError(f"random_state must be >= 0, got {random_state}.")
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    raise InvalidInputError(
        "random_state must be None, an int, a numpy RandomState or Generator, "
        f"got {type(random_state).__name__}."
    )


def torch_generator(rng):
    """Draw a seeded CPU generator of torch from a NumPy generator."""
    import torch

    return torch.Generator().manual_seed(int(rng.integers(2**63)))
