"""Inner loops: pure functions from parameters to parameters."""

import torch


class ThinSum:
    """A matrix plus products of thin ones; rows are multiplied with it, and it is not formed.

    The gradient of a matrix that few rows are multiplied with is such a product: of the rows, and
    of the gradient of what comes out for them. Where tasks are batched, the large matrix stays
    one for all of them.

    Parameters
    ----------
    matrix : Tensor of shape (n_in, n_out)
    products : sequence of (Tensor of shape (n, n_in), Tensor of shape (n, n_out))

    Examples
    --------
    >>> found = ThinSum(torch.eye(2)).plus(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
    >>> (torch.tensor([[1.0, 1.0]]) @ found).tolist(), found.form().tolist()
    ([[1.0, 4.0]], [[1.0, 3.0], [0.0, 1.0]])
    """

    def __init__(self, matrix, products=()):
        self.matrix, self.products = matrix, tuple(products)

    @property
    def shape(self):
        return self.matrix.shape

    def plus(self, left, right):
        """Add ``left.T @ right``."""
        return ThinSum(self.matrix, (*self.products, (left, right)))

    def form(self):
        """Return the sum as a tensor."""
        return sum((left.mT @ right for left, right in self.products), start=self.matrix)

    def __rmatmul__(self, rows):
        found = rows @ self.matrix
        for left, right in self.products:
            found = found + (rows @ left.mT) @ right
        return found


class _Tapped:
    """A matrix that keeps the rows it is multiplied with, and adds a probe to what comes out."""

    def __init__(self, matrix, probe):
        self.matrix, self.probe, self.rows = matrix, probe, None

    def __rmatmul__(self, rows):
        self.rows = rows
        return rows @ self.matrix + self.probe


def gradient_steps(loss_fn, params, *, lr, n_steps, second_order, thin=(), n_rows=None):
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
    thin : sequence of str
        Matrices with a step size of shape () that ``loss_fn`` uses once, as ``rows @ matrix``:
        they come back as :class:`ThinSum`, and their gradients are not formed.
    n_rows : int, default=None
        How many rows those are multiplied with.

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
    params = {**params, **{name: ThinSum(params[name]) for name in thin}}
    for _ in range(n_steps):
        adapted = {name: params[name] for name in lr if name not in thin}
        probes = {name: lr[name].new_zeros(n_rows, params[name].shape[1]) for name in thin}

        def loss(moved, probes, params=params):
            tapped = {name: _Tapped(params[name], probe) for name, probe in probes.items()}
            found = loss_fn({**params, **moved, **tapped})
            return found, {name: matrix.rows for name, matrix in tapped.items()}

        (grads, arrived), rows = torch.func.grad(loss, (0, 1), has_aux=True)(adapted, probes)
        if not second_order:
            # A detached gradient is a constant to the outer loop: this line is FOMAML.
            grads, arrived, rows = (
                {name: found.detach() for name, found in part.items()}
                for part in (grads, arrived, rows)
            )
        moved = {name: adapted[name] - lr[name] * grads[name] for name in adapted}
        for name in thin:
            moved[name] = params[name].plus(rows[name], -lr[name] * arrived[name])
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
