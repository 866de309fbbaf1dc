"""Small layers as pure functions of a dictionary of parameters."""

import torch

from autometa.networks import uniform


def linear_params(generator, name, n_in, n_out):
    """Draw the weights of a fully connected layer."""
    return {
        f"{name}.weight": uniform(generator, n_in, n_out, fan_in=n_in),
        f"{name}.bias": uniform(generator, n_out, fan_in=n_in),
    }


def linear(params, name, inputs):
    """Apply a fully connected layer to inputs (..., n_in)."""
    return inputs @ params[f"{name}.weight"] + params[f"{name}.bias"]


def lstm_params(generator, name, n_in, n_hidden):
    """Draw the weights of an LSTM cell."""
    return linear_params(generator, name, n_in + n_hidden, 4 * n_hidden)


def lstm_cell(params, name, inputs, hidden, cell):
    """Take one step of an LSTM (Hochreiter and Schmidhuber, 1997); inputs (..., n_in).

    Returns
    -------
    hidden, cell : Tensor of shape (..., n_hidden)
    """
    gates = linear(params, name, torch.cat([inputs, hidden], dim=-1))
    take, keep, show, new = gates.chunk(4, dim=-1)
    cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
    return show.sigmoid() * cell.tanh(), cell


def preprocess_gradients(grads, p=10.0):
    """Describe numbers of any size by two of the size of 1.

    Parameters
    ----------
    grads : Tensor of shape (...)

    Returns
    -------
    Tensor of shape (..., 2)
        Logarithm and sign, or -1 and the scaled number where it is tiny.

    References
    ----------
    Andrychowicz et al., "Learning to Learn by Gradient Descent by Gradient Descent", 2016.

    Examples
    --------
    >>> preprocess_gradients(torch.tensor([-1.0, 0.0])).tolist()
    [[0.0, -1.0], [-1.0, 0.0]]
    """
    size = grads.abs()
    is_large = size >= torch.e**-p
    # the logarithm of a number that is not asked for must not become a NaN in a derivative
    log_size = torch.where(is_large, size, torch.ones_like(size)).log() / p
    first = torch.where(is_large, log_size, -torch.ones_like(size))
    second = torch.where(is_large, grads.sign(), torch.e**p * grads)
    return torch.stack([first, second], dim=-1)
