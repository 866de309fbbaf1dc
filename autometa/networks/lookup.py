"""A look at the labelled rows themselves: kernel ridge regression on the embedding.

The kernel is a mixture: a linear one on the embedding, Gaussians on what the keys of each head
pick from the embedding, and three on the basis of the cells, scaled by their relevance: a Gaussian
(smooth), a Laplacian (rough) and a linear one (a sum over columns).
"""

import torch

from autometa.networks.basis import with_basis

#: Kernels on the cells; the last of the mixture.
N_CELL_KERNELS = 3
MIN_LOG_NOISE = -6.0
#: Shares of a class below it hardly tell in their logarithm.
SMALL_SHARE = 0.02
#: Pairs of rows compared at once: what caches hold, and what is not given back to the system
#: after every operation.
PAIRS_AT_ONCE = 2**18


def read_context(weights, hidden, context):
    """Note where the context's rows lie, so that kernels have no unit.

    Parameters
    ----------
    weights : dict of Tensor
        ``keys`` (n_hidden, n_heads, n_key) and ``relevance`` (n_columns, N_BASIS) are read.
    hidden : Tensor of shape (n_context, n_hidden)
        The embedded context.
    context : dict of Tensor
        Its ``X`` (n_context, n_columns, 3), ``weight`` (n_context,) and ``target``
        (n_context, n_outputs) are read.

    Returns
    -------
    dict of Tensor
        ``target_mean`` (n_outputs,), a ``centre.`` and a ``scale.`` for each of the three things
        that kernels compare, and where the context's own rows are, see :func:`place`.
    """
    share = context["weight"] / context["weight"].sum()
    reading = {"target_mean": share @ context["target"]}
    views = _views(weights, hidden, context)
    for name, found in views.items():
        centre = torch.einsum("n,nak->ak", share, found)
        squares = (found - centre).square().sum(-1)
        reading[f"centre.{name}"] = centre
        reading[f"scale.{name}"] = (share @ squares + 1e-6).sqrt()
    return {**reading, **_place(views, reading)}


def place(weights, reading, hidden, rows):
    """Put rows where kernels compare them, at a mean square of 1 over the context.

    Returns
    -------
    dict of Tensor
        ``at.hidden`` (n_rows, 1, n_hidden), ``at.keys`` (n_rows, n_heads, n_key) and
        ``at.cells`` (n_rows, 1, n_columns * N_BASIS).
    """
    return _place(_views(weights, hidden, rows), reading)


def _place(views, reading):
    return {
        f"at.{name}": (found - reading[f"centre.{name}"]) / reading[f"scale.{name}"].unsqueeze(-1)
        for name, found in views.items()
    }


def _views(weights, hidden, rows):
    """What kernels compare; each (n_rows, n_kernels, n_numbers)."""
    cells = with_basis(rows)["basis"]
    return {
        "hidden": hidden.unsqueeze(-2),
        "keys": torch.einsum("nh,hak->nak", hidden, weights["keys"]),
        "cells": (cells * weights["relevance"]).flatten(-2).unsqueeze(-2),
    }


def predict_deviation(weights, reading, placed):
    """Predict how the targets of rows deviate from the context's mean.

    Parameters
    ----------
    weights : dict of Tensor
    reading : dict of Tensor
        As from :func:`solve`.
    placed : dict of Tensor
        As from :func:`place`.

    Returns
    -------
    Tensor of shape (n_rows, n_outputs)
    """
    share = weights["kernel_logits"].softmax(-1)

    def predict(placed, context):
        total = share[0] * placed["at.hidden"][:, 0] @ reading["linear"]
        for number, kernel in enumerate(_curved_kernels(weights, placed, context), 1):
            total = total + share[number] * kernel @ reading["dual"]
        return total

    return _by_blocks(predict, placed, reading)


def class_log_ratio(deviation, target_mean):
    """Compare estimated shares of classes with their means, as a difference of logarithms.

    The logarithm is an inverse hyperbolic sine: a regression may find shares below 0.

    Parameters
    ----------
    deviation : Tensor of shape (n_rows, n_classes)
        As from :func:`predict_deviation`.
    target_mean : Tensor of shape (n_classes,)

    Returns
    -------
    Tensor of shape (n_rows, n_classes)
    """
    found, mean = (deviation + target_mean) / SMALL_SHARE, target_mean / SMALL_SHARE
    return torch.asinh(found) - torch.asinh(mean)


def solve(weights, reading, context):
    """Solve the kernel ridge regression.

    The noise is that of a row of weight 1, so a row of weight 2 is as good as two rows.

    Returns
    -------
    dict of Tensor
        ``reading`` with squared norms ``square.``, the coefficients ``dual`` (n_context,
        n_outputs) and, in the place of ``at.hidden``, what the linear kernel makes of them:
        ``linear`` (n_hidden, n_outputs).

    References
    ----------
    Patacchiola et al., "Bayesian Meta-Learning for the Few-Shot Setting via Deep Kernels", 2020.
    """
    root = context["weight"].sqrt().unsqueeze(-1)
    system = _system(_kernel(weights, reading), weights["log_noise"], root)
    factor = torch.linalg.cholesky_ex(system)[0]
    deviation = context["target"] - reading["target_mean"]
    dual = root * torch.cholesky_solve(root * deviation, factor)
    kept = {name: t for name, t in _with_squares(reading).items() if name != "at.hidden"}
    return {**kept, "dual": dual, "linear": reading["at.hidden"][:, 0].T @ dual}


def leave_one_out(weights, reading, context):
    """Predict every context row's deviation from the other rows, in closed form.

    Returns
    -------
    Tensor of shape (n_context, n_outputs)
        Of no meaning for rows of weight 0.

    References
    ----------
    Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 5.4.2.
    """
    return leave_one_out_of(_kernel(weights, reading), weights["log_noise"], reading, context)


def leave_one_out_of(kernel, log_noise, reading, context):
    """Do as :func:`leave_one_out` does, by a given kernel (n_context, n_context)."""
    root = context["weight"].sqrt().unsqueeze(-1)
    # By Cholesky: batched LU of several threads fails in some builds of MKL. Not by its inverse,
    # the threads of which wait for each other, for seconds where the machine has other work.
    factor = torch.linalg.cholesky_ex(_system(kernel, log_noise, root))[0]
    eye = torch.eye(len(root), dtype=root.dtype, device=root.device)
    whitener = torch.linalg.solve_triangular(factor, eye, upper=False)
    deviation = context["target"] - reading["target_mean"]
    own = whitener.square().sum(0).unsqueeze(-1) * root.clamp(min=1e-3)
    return deviation - whitener.T @ (whitener @ (root * deviation)) / own


def weigh(error, distance, n_rows, trust):
    """Weigh candidates by their errors on rows left out, and by how near the proposal they are.

    Parameters
    ----------
    error : Tensor of shape (n_candidates,)
        Mean of squares.
    distance : Tensor of shape (n_candidates,)
    n_rows, trust : Tensor of shape ()
        How many rows there are, and how much each counts.

    Returns
    -------
    Tensor of shape (n_candidates,)
        Adds up to 1.
    """
    return (-0.5 * trust * n_rows * (error + 1e-6).log() - distance).softmax(-1)


def _kernel(weights, reading):
    """Compare the context's rows with each other; (n_context, n_context)."""
    share = weights["kernel_logits"].softmax(-1)

    def compare(placed, others):
        kernels = mixed_kernels(weights, placed, others)
        return sum(share[number] * kernel for number, kernel in enumerate(kernels))

    return _by_blocks(compare, reading, reading)


def _system(kernel, log_noise, root):
    eye = torch.eye(len(root), dtype=root.dtype, device=root.device)
    return root * kernel * root.T + log_noise.clamp(min=MIN_LOG_NOISE).exp() * eye


def _by_blocks(compute, placed, others):
    """Compute rows block by block, all of them with others that they are compared with."""
    rows, others = _with_squares(placed), _with_squares(others)
    rows = {name: tensor for name, tensor in rows.items() if name.startswith(("at.", "square."))}
    size = max(1, PAIRS_AT_ONCE // len(others["at.keys"]))
    blocks = [
        compute({name: tensor[start : start + size] for name, tensor in rows.items()}, others)
        for start in range(0, max(1, len(rows["at.keys"])), size)
    ]
    return torch.cat(blocks) if len(blocks) > 1 else blocks[0]


def _with_squares(placed):
    """Note the squared norms of rows, once for all that they are compared with."""
    if "square.cells" in placed:
        return placed
    names = ("keys", "cells")
    squares = {f"square.{name}": placed[f"at.{name}"].square().sum(-1) for name in names}
    return {**placed, **squares}


def mixed_kernels(weights, placed, others):
    """Compare rows with rows by every kernel of the mixture; each (n_rows, n_others)."""
    linear = placed["at.hidden"][:, 0] @ others["at.hidden"][:, 0].T
    return [linear, *_curved_kernels(weights, placed, others)]


def _curved_kernels(weights, placed, others):
    """All kernels of the mixture but the first."""
    placed, others, gamma = _with_squares(placed), _with_squares(others), weights["log_gamma"].exp()
    found = []
    for number in range(placed["at.keys"].shape[1]):
        distance, _ = _compare(placed, others, "keys", number)
        found.append((distance * (-gamma[number] / 2)).exp())
    return [*found, *cell_kernels(*_compare(placed, others, "cells", 0), gamma[-1])]


def cell_kernels(distance, product, gamma):
    """Compare cells by the last :data:`N_CELL_KERNELS` of the mixture; each (n_left, n_right).

    Parameters
    ----------
    distance, product : Tensor of shape (n_left, n_right)
        Squares of their distances, and their products.
    gamma : Tensor of shape ()
        One over the square of their width.
    """
    # the root's slope is infinite at 0
    root = (gamma * distance + 1e-6).sqrt()
    return [(distance * (-gamma / 2)).exp(), (-root).exp(), product]


def _compare(placed, others, name, number):
    """Squared distances and products of one kernel's numbers; each (n_rows, n_others)."""
    product = placed[f"at.{name}"][:, number] @ others[f"at.{name}"][:, number].T
    squares = placed[f"square.{name}"][:, number], others[f"square.{name}"][:, number]
    return squared_distances(product, *squares), product


def squared_distances(product, left_squares, right_squares):
    """Squared distances of rows, from their products and squared norms; (n_left, n_right)."""
    squares = left_squares.unsqueeze(-1) + right_squares
    return squares.sub(product, alpha=2).clamp(min=0)
