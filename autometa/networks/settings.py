"""What the labelled rows themselves say about how they are best looked up."""

import torch
from torch.nn import functional

from autometa.networks.heads import class_prior
from autometa.networks.lookup import (
    N_CELL_KERNELS,
    class_log_ratio,
    leave_one_out,
    leave_one_out_of,
    mixed_kernels,
    read_context,
    weigh,
)
from autometa.networks.relevance import choose_power, correct, to_power

#: Candidates: factors on the proposed noise, what is added to the logits of the kernels on cells,
NOISE_FACTORS = (0.03, 0.3, 3.0)
CELL_LOGITS = (
    (0.0, 0.0, 0.0),
    (-3.0, -3.0, -3.0),
    (3.0, 0.0, 0.0),
    (0.0, 3.0, 0.0),
    (0.0, 0.0, 3.0),
)
#: factors on the widths of kernels, as inverse squares: on keys for classes, on cells for numbers,
WIDTH_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
#: what is added to the logit of the gate, which opens to what is looked up,
GATE_LOGITS = (0.0, 1.5, 4.0)
#: and the share of logarithms in how deviations become logits of classes.
LOG_SHARES = (0.02, 0.5, 0.98)
#: Rows that these choices read.
MAX_CHOICE_ROWS = 384


def choose_settings(weights, hidden, support, ridge, *, is_regression, trust, log_preference):
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
    log_preference : Tensor of shape ()
        How much logarithms are preferred where rows do not tell.

    Returns
    -------
    dict of Tensor
        ``relevance``, ``log_noise``, ``kernel_logits``, ``log_gamma``, ``log_lookup_scale``,
        ``gate`` and, for classes, ``log_ratio_scale``.
    """
    names = [name for name in ("X", "basis", "weight", "target") if name in support]
    context = {name: support[name][:MAX_CHOICE_ROWS] for name in names}
    context |= {name: support[name] for name in ("column_mask", "class_mask")}
    # What the candidates come to is taken as given: learning acts on the proposal and the trust.
    held, rows = {name: tensor.detach() for name, tensor in weights.items()}, hidden.detach()
    rows = rows[:MAX_CHOICE_ROWS]
    settings = {}

    def settle(**found):
        settings.update(found)
        held.update({name: tensor.detach() for name, tensor in found.items()})
        return read_context(held, rows, context)

    power = choose_power(held, rows, context, trust[0])
    reading = settle(relevance=to_power(weights["relevance"], power))
    settle(**_choose_mixture(weights, held, reading, context, trust[0]))
    added = correct(held, rows, context, trust[0])
    reading = settle(relevance=settings["relevance"] * added.exp())
    widths, found = _choose_widths(
        weights, held, reading, context, trust[0], on_cells=is_regression
    )
    settings |= widths
    reading["log_prior"] = class_prior(support).log()
    head = ridge["log_scale"].exp() * _leave_one_out_of_head(reading, context, ridge)
    given = (weights, reading, context, found, head, trust[1])
    if is_regression:
        return settings | _scale_numbers(*given)
    return settings | _scale_classes(*given, log_preference)


def _choose_mixture(weights, held, reading, context, trust):
    """Choose noise and kernels by squared errors of rows left out."""
    n_noises = len(NOISE_FACTORS)
    log_noise = torch.tensor(NOISE_FACTORS).log().repeat(len(CELL_LOGITS)).to(reading["at.keys"])
    raised = torch.tensor(CELL_LOGITS).repeat_interleave(n_noises, 0).to(log_noise)
    raised = functional.pad(raised, (len(weights["kernel_logits"]) - N_CELL_KERNELS, 0))
    pieces = torch.stack(mixed_kernels(held, reading, reading))

    def predict(log_noise, raised):
        share = (held["kernel_logits"] + raised).softmax(-1)
        kernel = torch.einsum("p,pqc->qc", share, pieces)
        return leave_one_out_of(kernel, held["log_noise"] + log_noise, reading, context)

    found = torch.func.vmap(predict)(log_noise, raised)
    distance = log_noise.abs() / 2 + raised.abs().amax(-1) / 3
    share = _weigh(found, distance, reading, context, trust)
    return {
        "log_noise": weights["log_noise"] + share @ log_noise,
        "kernel_logits": weights["kernel_logits"] + share @ raised,
    }


def _choose_widths(weights, held, reading, context, trust, *, on_cells):
    """Choose the widths of kernels in the same way; also return what they predict, left out."""
    factor = torch.tensor(WIDTH_FACTORS).log().to(reading["at.keys"])
    is_moved = torch.full_like(weights["log_gamma"], not on_cells)
    is_moved[-1] = on_cells
    widened = factor.unsqueeze(-1) * is_moved

    def predict(widened):
        own = {**held, "log_gamma": held["log_gamma"] + widened}
        return leave_one_out(own, reading, context)

    found = torch.func.vmap(predict)(widened)
    share = _weigh(found, factor.abs() / 2, reading, context, trust)
    widths = {"log_gamma": weights["log_gamma"] + share @ widened}
    return widths, torch.einsum("k,knc->nc", share, found)


def _weigh(found, distance, reading, context, trust):
    """Weigh candidates by what they say of rows left out; (n_candidates,)."""
    weight, deviation = context["weight"], context["target"] - reading["target_mean"]
    error = torch.einsum("n,knc->k", weight, (found - deviation).square()) / weight.sum()
    return weigh(error, distance, weight.sum(), trust)


def _leave_one_out_of_head(reading, context, ridge):
    """What the ridge head of the embedding says of every row without it, before its scale."""
    hidden = reading["at.hidden"][:, 0] * reading["scale.hidden"]
    log_noise = (ridge["log_ridge"].exp() + 1e-3).log() + context["weight"].sum().log()
    kernel, log_noise = hidden @ hidden.T, log_noise.detach()
    # so that its size is that of the other kernels; a single row has none
    scale = kernel.diagonal().mean().clamp(min=1e-6)
    return leave_one_out_of(kernel / scale, log_noise - scale.log(), reading, context)


def _scale_numbers(weights, reading, context, found, head, trust):
    """Scale by least squares, and open the gate by squared errors."""
    weight, deviation = context["weight"], context["target"] - reading["target_mean"]
    slope = trust * (weight @ (found * deviation))
    square = trust * (weight @ found.square())
    scale = ((slope + 1) / (square + 1)).clamp(min=0.05).squeeze(-1)
    gates = weights["gate"] + torch.tensor(GATE_LOGITS).to(found)
    missed = _blend(gates, head, scale * found) - deviation
    losses = 0.5 * ((weight @ missed.square().squeeze(-1).T) / weight.sum() + 1e-6).log()
    score = -trust * weight.sum() * losses - (gates - weights["gate"]) / 2
    return {
        "log_lookup_scale": scale.log(),
        "gate": score.softmax(-1) @ gates,
    }


def _scale_classes(weights, reading, context, found, head, trust, log_preference):
    """Scale deviations and their logarithms, and open the gate, by log-loss."""
    weight, mask = context["weight"], (context["class_mask"] - 1) * 1e9
    log_prior = reading["log_prior"]
    own_prior, head = weights["prior_share"] * log_prior + mask, head + 0.5 * log_prior + mask
    gates = weights["gate"] + torch.tensor(GATE_LOGITS).to(found)
    log_shares = torch.tensor(LOG_SHARES).to(found)
    plain = weights["log_lookup_scale"].exp() * found
    ratio = class_log_ratio(found, reading["target_mean"]) * context["class_mask"]

    def scale(log_share):
        mixed = (1 - log_share) * plain + log_share * ratio
        log_scale = torch.zeros_like(log_share)
        for _ in range(4):
            log_scale = _newton_step(log_scale, mixed, context, trust, own_prior)
        logits = _blend(gates, head, log_scale.exp() * mixed + own_prior)
        losses = -(weight @ (context["target"] * logits.log_softmax(-1)).sum(-1).T) / weight.sum()
        score = -trust * weight.sum() * losses - (gates - weights["gate"]) / 2
        return log_scale, score + log_preference * log_share

    log_scales, scores = zip(*(scale(log_share) for log_share in log_shares), strict=True)
    scale = torch.stack(log_scales).exp()
    share = torch.stack(scores).flatten().softmax(-1).view(len(log_shares), len(gates))
    per_log_share = share.sum(1)
    return {
        "log_lookup_scale": weights["log_lookup_scale"]
        + (per_log_share @ ((1 - log_shares) * scale)).log(),
        "log_ratio_scale": (per_log_share @ (log_shares * scale)).log(),
        "gate": share.sum(0) @ gates,
    }


def _blend(gates, head, looked_up):
    """Blend by every gate; (n_gates, n_rows, n_outputs)."""
    return head + torch.sigmoid(gates).view(-1, 1, 1) * (looked_up - head)


def _newton_step(log_scale, outputs, context, trust, log_prior):
    """Move the logarithm of a factor on outputs towards the least log-loss; 0 is preferred."""
    scaled = log_scale.exp() * outputs
    probability = (scaled + log_prior).softmax(-1)
    slope = ((probability - context["target"]) * scaled).sum(-1)
    mean = (probability * scaled).sum(-1, keepdim=True)
    curvature = (probability * (scaled - mean).square()).sum(-1)
    weight = trust * context["weight"]
    step = (weight @ slope + log_scale) / (weight @ curvature + 1)
    return log_scale - functional.hardtanh(step)
