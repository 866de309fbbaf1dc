"""Inner loops: pure functions from parameters to parameters."""

import torch


def gradient_steps(loss_fn, params, *, lr, n_steps, second_order):
    """Descend ``loss_fn`` from ``params``; the result stays differentiable in ``params``.

    Parameters
    ----------
    loss_fn : callable
        From a dictionary of tensors to a scalar.
    params : dict of Tensor
    lr : dict of Tensor
        Step size of every tensor; a tensor without one is not adapted.
    n_steps : int
    second_order : bool
        Whether derivatives flow through the gradients too.

    Returns
    -------
    dict of Tensor

    Examples
    --------
    >>> square = lambda params: (params["w"] ** 2).sum()
    >>> params, lr = {"w": torch.tensor([1.0])}, {"w": torch.tensor(0.25)}
    >>> gradient_steps(square, params, lr=lr, n_steps=2, second_order=True)["w"].tolist()
    [0.25]
    """
    for _ in range(n_steps):
        adapted = {name: params[name] for name in lr}
        grads = torch.func.grad(lambda moved, params=params: loss_fn({**params, **moved}))(adapted)
        if not second_order:
            # A detached gradient is a constant to the outer loop: this line is FOMAML.
            grads = {name: grad.detach() for name, grad in grads.items()}
        moved = {name: adapted[name] - lr[name] * grads[name] for name in lr}
        params = {**params, **moved}
    return params


def adamw_init(params):
    """Start the moments of :func:`adamw_step` at zero."""
    zeros = {name: torch.zeros_like(param) for name, param in params.items()}
    return {"first": zeros, "second": zeros, "n_steps": torch.zeros(())}


def adamw_step(params, grads, state, *, lr, weight_decay, anchor):
    """Take one AdamW step as a pure function.

    Parameters
    ----------
    params, grads : dict of Tensor
    state : dict
        As from :func:`adamw_init`.
    lr, weight_decay : dict of float or Tensor
        For each tensor; tensors must broadcast against its shape.
    anchor : dict of Tensor
        Where decay pulls to, at the rate ``lr * weight_decay``.

    Returns
    -------
    params : dict of Tensor
    state : dict

    References
    ----------
    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. Decay towards the
    starting point is L2-SP of Li, Grandvalet and Davoine, 2018.

    Examples
    --------
    >>> params = {"w": torch.tensor([1.0])}
    >>> params, state = adamw_step(
    ...     params,
    ...     {"w": torch.tensor([0.5])},
    ...     adamw_init(params),
    ...     lr={"w": 0.1},
    ...     weight_decay={"w": 0.0},
    ...     anchor=params,
    ... )
    >>> round(params["w"].item(), 6)
    0.9
    """
    beta1, beta2, epsilon = 0.9, 0.95, 1e-8
    n_steps = state["n_steps"] + 1
    new_params, first, second = {}, {}, {}
    for name, param in params.items():
        grad = grads[name]
        first[name] = beta1 * state["first"][name] + (1 - beta1) * grad
        second[name] = beta2 * state["second"][name] + (1 - beta2) * grad.square()
        mean = first[name] / (1 - beta1**n_steps)
        scale = (second[name] / (1 - beta2**n_steps)).sqrt() + epsilon
        decay = weight_decay[name] * (param - anchor[name])
        new_params[name] = param - lr[name] * (mean / scale + decay)
    return new_params, {"first": first, "second": second, "n_steps": n_steps}
