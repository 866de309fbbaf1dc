"""A look at the labelled rows themselves: kernel ridge regression on the embedding.

The kernel is a mixture: a linear one on the embedding, Gaussians on what the keys of each head
pick from the embedding, and one Gaussian on the basis of the cells, scaled by their relevance.
"""

import torch
from torch.nn import functional

from autometa.networks.basis import expand_basis
from autometa.networks.heads import class_prior

#: Among what the labelled rows choose: factors on the proposed noise, and what is added to the
#: logit of the kernel on the cells.
NOISE_FACTORS = (0.03, 0.3, 3.0)
CELL_LOGITS = (-3.0, 0.0, 3.0)
#: And on the gate, which opens to what is looked up.
GATE_LOGITS = (0.0, 1.5, 4.0)
#: Rows that these choices read.
MAX_CHOICE_ROWS = 512
MIN_LOG_NOISE = -6.0


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
    for name, found in _views(weights, hidden, context).items():
        centre = torch.einsum("n,nak->ak", share, found)
        squares = (found - centre).square().sum(-1)
        reading[f"centre.{name}"] = centre
        reading[f"scale.{name}"] = (share @ squares + 1e-6).sqrt()
    return {**reading, **place(weights, reading, hidden, context)}


def place(weights, reading, hidden, rows):
    """Put rows where kernels compare them, at a mean square of 1 over the context.

    Returns
    -------
    dict of Tensor
        ``at.hidden`` (n_rows, 1, n_hidden), ``at.keys`` (n_rows, n_heads, n_key) and
        ``at.cells`` (n_rows, 1, n_columns * N_BASIS).
    """
    return {
        f"at.{name}": (found - reading[f"centre.{name}"]) / reading[f"scale.{name}"].unsqueeze(-1)
        for name, found in _views(weights, hidden, rows).items()
    }


def _views(weights, hidden, rows):
    """What kernels compare; each (n_rows, n_kernels, n_numbers)."""
    cells = expand_basis(rows["X"], rows["column_mask"])
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
    total = share[0] * placed["at.hidden"][:, 0] @ reading["linear"]
    for number, gaussian in enumerate(_gaussians(weights, placed, reading), 1):
        total = total + share[number] * gaussian @ reading["dual"]
    return total


def solve(weights, reading, context):
    """Solve the kernel ridge regression.

    The noise is that of a row of weight 1, so a row of weight 2 is as good as two rows.

    Returns
    -------
    dict of Tensor
        ``reading`` with the coefficients ``dual`` (n_context, n_outputs) and, in the place of
        ``at.hidden``, what the linear kernel makes of them: ``linear`` (n_hidden, n_outputs).

    References
    ----------
    Patacchiola et al., "Bayesian Meta-Learning for the Few-Shot Setting via Deep Kernels", 2020.
    """
    root = context["weight"].sqrt().unsqueeze(-1)
    system = _system(_kernel(weights, reading), weights["log_noise"], root)
    factor = torch.linalg.cholesky_ex(system)[0]
    deviation = context["target"] - reading["target_mean"]
    dual = root * torch.cholesky_solve(root * deviation, factor)
    kept = {name: tensor for name, tensor in reading.items() if name != "at.hidden"}
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
    return _leave_one_out(_kernel(weights, reading), weights["log_noise"], reading, context)


def _leave_one_out(kernel, log_noise, reading, context):
    root = context["weight"].sqrt().unsqueeze(-1)
    # by Cholesky: batched LU of several threads fails in some builds of MKL
    factor = torch.linalg.cholesky_ex(_system(kernel, log_noise, root))[0]
    inverse = torch.cholesky_inverse(factor)
    deviation = context["target"] - reading["target_mean"]
    own = inverse.diagonal().unsqueeze(-1) * root.clamp(min=1e-3)
    return deviation - inverse @ (root * deviation) / own


def _kernel(weights, reading):
    """Compare the context's rows with each other; (n_context, n_context)."""
    share = weights["kernel_logits"].softmax(-1)
    kernels = _kernels(weights, reading, reading)
    return sum(share[number] * kernel for number, kernel in enumerate(kernels))


def _system(kernel, log_noise, root):
    eye = torch.eye(len(root), dtype=root.dtype, device=root.device)
    return root * kernel * root.T + log_noise.clamp(min=MIN_LOG_NOISE).exp() * eye


def _kernels(weights, placed, others):
    """Compare rows with rows by every kernel of the mixture; each (n_rows, n_others)."""
    linear = placed["at.hidden"][:, 0] @ others["at.hidden"][:, 0].T
    return [linear, *_gaussians(weights, placed, others)]


def _gaussians(weights, placed, others):
    pairs = [
        (placed[name][:, kernel], others[name][:, kernel])
        for name in ("at.keys", "at.cells")
        for kernel in range(placed[name].shape[1])
    ]
    found = []
    for number, (left, right) in enumerate(pairs):
        squares = left.square().sum(-1, keepdim=True) + right.square().sum(-1)
        distance = (squares - 2 * left @ right.T).clamp(min=0)
        gamma = weights["log_gamma"][number].exp() / 2
        found.append((-gamma * distance).exp())
    return found


def choose_settings(weights, hidden, support, ridge, *, is_regression, trust=(1.0, 1.0)):
    """Choose how to look up rows by what each row tells about the others.

    Parameters
    ----------
    weights : dict of Tensor
        With settings as proposed.
    hidden : Tensor of shape (n_support, n_hidden)
        The embedded support.
    support : dict of Tensor
    ridge : dict of Tensor
        ``log_ridge`` and ``log_scale`` of the head in closed form.
    is_regression : bool
    trust : Tensor of shape (2,)
        How much a row counts against the proposal: for noise and kernels, and for the rest.

    Returns
    -------
    dict of Tensor
        ``log_noise``, ``kernel_logits``, ``log_lookup_scale`` and ``gate``.
    """
    candidates = {
        "log_noise": torch.tensor(NOISE_FACTORS).log().repeat(len(CELL_LOGITS)),
        "cell_logit": torch.tensor(CELL_LOGITS).repeat_interleave(len(NOISE_FACTORS)),
    }
    candidates = {name: values.to(hidden) for name, values in candidates.items()}
    context = {name: support[name][:MAX_CHOICE_ROWS] for name in ("X", "weight", "target")}
    context["column_mask"] = support["column_mask"]
    # What the candidates come to is taken as given: learning acts on the proposal and the trust.
    held = {name: tensor.detach() for name, tensor in weights.items()}
    reading = read_context(held, hidden[:MAX_CHOICE_ROWS].detach(), context)
    weight, target = context["weight"], context["target"]
    n_rows, deviation = weight.sum(), target - reading["target_mean"]
    found = _try_candidates(held, reading, context, candidates)
    error = torch.einsum("n,knc->k", weight, (found - deviation).square()) / n_rows
    distance = candidates["log_noise"].abs() / 2 + candidates["cell_logit"].abs() / 3
    share = (-0.5 * trust[0] * n_rows * (error + 1e-6).log() - distance).softmax(-1)
    found = torch.einsum("k,knc->nc", share, found)

    linear = ridge["log_scale"].exp() * _leave_one_out_of_head(reading, context, ridge)
    gates = weights["gate"] + torch.tensor(GATE_LOGITS).to(hidden)
    log_scale = weights["log_lookup_scale"]
    if is_regression:
        slope = trust[1] * (weight @ (found * deviation))
        square = trust[1] * (weight @ found.square())
        log_scale = ((slope + 1) / (square + 1)).clamp(min=0.05).log().squeeze(-1)
        missed = _blend(gates, linear, log_scale.exp() * found) - deviation
        losses = 0.5 * ((weight @ missed.square().squeeze(-1).T) / n_rows + 1e-6).log()
    else:
        log_prior = class_prior(support).log()
        mask = (support["class_mask"] - 1) * 1e9
        own_prior = weights["prior_share"] * log_prior + mask
        for _ in range(3):
            log_scale = _newton_step(log_scale, weights, found, context, trust[1], own_prior)
        logits = _blend(gates, linear + 0.5 * log_prior + mask, log_scale.exp() * found + own_prior)
        losses = -(weight @ (target * logits.log_softmax(-1)).sum(-1).T) / n_rows
    opened = (-trust[1] * n_rows * losses - (gates - weights["gate"]) / 2).softmax(-1)
    raised = share @ candidates["cell_logit"]
    kernel_logits = weights["kernel_logits"]
    return {
        "log_noise": weights["log_noise"] + share @ candidates["log_noise"],
        "kernel_logits": torch.cat([kernel_logits[:-1], kernel_logits[-1:] + raised]),
        "log_lookup_scale": log_scale,
        "gate": opened @ gates,
    }


def _blend(gates, linear, looked_up):
    """Blend by every gate; (n_gates, n_rows, n_outputs)."""
    return linear + torch.sigmoid(gates).view(-1, 1, 1) * (looked_up - linear)


def _leave_one_out_of_head(reading, context, ridge):
    """What the ridge head of the embedding says of every row without it, before its scale."""
    hidden = reading["at.hidden"][:, 0] * reading["scale.hidden"]
    log_noise = (ridge["log_ridge"].exp() + 1e-3).log() + context["weight"].sum().log()
    kernel, log_noise = hidden @ hidden.T, log_noise.detach()
    # so that its size is that of the other kernels; a single row has none
    scale = kernel.diagonal().mean().clamp(min=1e-6)
    return _leave_one_out(kernel / scale, log_noise - scale.log(), reading, context)


def _try_candidates(weights, reading, context, candidates):
    """Leave-one-out predictions (n_candidates, n_context, n_outputs) of candidate settings."""
    pieces = torch.stack(_kernels(weights, reading, reading))
    is_cells = torch.zeros_like(weights["kernel_logits"])
    is_cells[-1] = 1.0

    def predict(log_noise, cell_logit):
        share = (weights["kernel_logits"] + cell_logit * is_cells).softmax(-1)
        kernel = torch.einsum("p,pqc->qc", share, pieces)
        return _leave_one_out(kernel, weights["log_noise"] + log_noise, reading, context)

    return torch.func.vmap(predict)(candidates["log_noise"], candidates["cell_logit"])


def _newton_step(log_scale, weights, deviation, context, trust, log_prior):
    """Move the logarithm of the scale towards the least log-loss, held by the one proposed."""
    scaled = log_scale.exp() * deviation
    probability = (scaled + log_prior).softmax(-1)
    slope = ((probability - context["target"]) * scaled).sum(-1)
    mean = (probability * scaled).sum(-1, keepdim=True)
    curvature = (probability * (scaled - mean).square()).sum(-1)
    weight = trust * context["weight"]
    step = (weight @ slope + log_scale - weights["log_lookup_scale"]) / (weight @ curvature + 1)
    return log_scale - functional.hardtanh(step)
