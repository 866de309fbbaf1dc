"""What the labelled rows themselves say about how they are best looked up.

They are dealt into folds. What is proposed for all but one predicts that one, so that no row
judges what its own target had a part in.
"""

import torch
from torch.nn import functional

from autometa.networks.heads import class_prior, ridge_head
from autometa.networks.lookup import (
    N_CELL_KERNELS,
    class_log_ratio,
    dual_of,
    mixed_kernels,
    place,
    read_context,
)
from autometa.networks.trunk import embed

#: Candidates: factors on the proposed noise, what is added to the logits of the kernels on cells,
NOISE_FACTORS = (0.03, 0.3, 3.0)
CELL_LOGITS = (
    (0.0, 0.0, 0.0),
    (-3.0, -3.0, -3.0),
    (3.0, 0.0, 0.0),
    (0.0, 3.0, 0.0),
    (0.0, 0.0, 3.0),
)
#: what is added to the logit of the gate, which opens to what is looked up,
GATE_LOGITS = (0.0, 1.5, 4.0)
#: and the share of logarithms in how deviations become logits of classes.
LOG_SHARES = (0.02, 0.5, 0.98)
#: Rows that the kernels are chosen by, and rows held out that the rest is chosen by.
MAX_KERNEL_ROWS, MAX_HELD_OUT_ROWS = 512, 512
N_FOLDS = 4
#: Weight of rows that do not count: there may be no others.
TINY = 1e-12
#: What is proposed anew without a fold; the rest says how rows are looked up.
EMBEDDING = ("first", "first_bias", "gain", "second", "second_bias", "keys", "relevance")


def choose_settings(
    weights, support, ridge, propose, *, is_regression, trust, log_preference, n_context
):
    """Choose how to look up rows by how well they predict each other.

    Parameters
    ----------
    weights : dict of Tensor
        With settings as proposed.
    support : dict of Tensor
        As from :func:`autometa.episodes.make_rows`.
    ridge : dict of Tensor
        ``log_ridge`` and ``log_scale`` of the head in closed form.
    propose : callable
        ``propose(weight)`` gives the tensors :data:`EMBEDDING` for other row weights.
    is_regression : bool
    trust : Tensor of shape (2,)
        How much a row counts against the proposal: for noise and kernels, and for the rest.
    log_preference : Tensor of shape ()
        How much logarithms are preferred where rows do not tell.
    n_context : int
        Rows that will be looked up: the first of the support.

    Returns
    -------
    dict of Tensor
        ``log_noise``, ``kernel_logits``, ``log_lookup_scale``, ``gate`` and, for classes,
        ``log_ratio_scale``; nothing where there is a single row.
    """
    n_context = min(n_context, len(support["weight"]))
    if n_context < 2:
        return {}

    def predict(weights, candidates, n_rows):
        # What candidates come to is taken as given: learning acts on the proposal and the trust.
        with torch.no_grad():
            contexts, held_out, weight = deal_folds(support, n_rows)
            own = torch.func.vmap(propose)(weight)
            held = {name: t.expand(len(weight), *t.shape) for name, t in weights.items()}
            found = torch.func.vmap(
                lambda *given: _predict(*given, ridge, candidates, is_regression=is_regression)
            )({**held, **own}, contexts, held_out)
            return {name: tensor.flatten(0, 1) for name, tensor in found.items()}

    candidates = _kernel_candidates(weights)
    rows = predict(weights, candidates, min(n_context, MAX_KERNEL_ROWS))
    chosen = _choose_kernel(weights, rows, candidates, trust[0])
    unchanged = {name: torch.zeros_like(values[:1]) for name, values in candidates.items()}
    rows = predict({**weights, **chosen}, unchanged, n_context)
    rows["deviation"] = rows.pop("found")[:, 0]
    if is_regression:
        return chosen | _scale_numbers(weights, rows, trust[1])
    rows["log_prior"], rows["class_mask"] = class_prior(support).log(), support["class_mask"]
    return chosen | _scale_classes(weights, rows, trust[1], log_preference)


def deal_folds(support, n_rows):
    """Deal the first rows into folds of the same size, as alike in their targets as may be.

    Parameters
    ----------
    support : dict of Tensor
        As from :func:`autometa.episodes.make_rows`.
    n_rows : int
        At least 2. What is left over by dealing is in no fold.

    Returns
    -------
    contexts, held_out : dict of Tensor
        For every fold, along a first dimension, the rows of the others and its own. Folds that
        would bring more than :data:`MAX_HELD_OUT_ROWS` are not held out.
    weight : Tensor of shape (n_folds, n_support)
        Weights of all rows, those held out being 0.
    """
    n_folds = min(N_FOLDS, n_rows)
    rows = {name: support[name][:n_rows] for name in ("X", "weight", "target", "membership")}
    n_outputs = rows["target"].shape[1]
    key = rows["target"] @ torch.arange(1, n_outputs + 1).to(rows["target"])
    order = torch.where(rows["weight"] > 0, key, torch.inf).argsort(stable=True)
    size = n_rows // n_folds
    folds = order[: n_folds * size].unflatten(0, (size, n_folds)).T
    n_held_out = max(1, min(n_folds, MAX_HELD_OUT_ROWS // size))
    others = torch.stack([torch.cat([folds[:k], folds[k + 1 :]]) for k in range(n_held_out)])
    rows["weight"] = rows["weight"].clamp(min=TINY)
    common = {name: value.expand(n_held_out, *value.shape) for name, value in support.items()}
    contexts, held_out = (
        {**common, **{name: value[index] for name, value in rows.items()}}
        for index in (others.flatten(1), folds[:n_held_out])
    )
    is_kept = torch.ones_like(support["weight"]).expand(n_held_out, -1)
    is_kept = is_kept.scatter(1, folds[:n_held_out], 0.0)
    return contexts, held_out, (support["weight"] * is_kept).clamp(min=TINY)


def _kernel_candidates(weights):
    """List every pair of noise and kernels, as what is added to the proposal."""
    kernel_logits = weights["kernel_logits"]
    log_noise = torch.tensor(NOISE_FACTORS).log().repeat(len(CELL_LOGITS))
    raised = torch.tensor(CELL_LOGITS).repeat_interleave(len(NOISE_FACTORS), 0)
    raised = functional.pad(raised, (len(kernel_logits) - N_CELL_KERNELS, 0))
    return {"log_noise": log_noise.to(kernel_logits), "raised": raised.to(kernel_logits)}


def _predict(weights, context, rows, ridge, candidates, *, is_regression):
    """Predict rows from labelled ones by every candidate, and by the head of the embedding."""
    hidden, own_hidden = embed(weights, rows), embed(weights, context)
    reading = read_context(weights, own_hidden, context)
    placed = place(weights, reading, hidden, rows)
    pieces = torch.stack(mixed_kernels(weights, reading, reading))
    across = torch.stack(mixed_kernels(weights, placed, reading))
    mean = reading["target_mean"]

    def predict(log_noise, raised):
        share = (weights["kernel_logits"] + raised).softmax(-1)
        kernel, to_context = (torch.einsum("p,pqc->qc", share, k) for k in (pieces, across))
        return to_context @ dual_of(kernel, weights["log_noise"] + log_noise, reading, context)

    found = torch.func.vmap(predict, out_dims=1)(candidates["log_noise"], candidates["raised"])
    head, head_bias = ridge_head(own_hidden, context, **ridge, is_regression=is_regression)
    return {
        "found": found,  # (n_rows, n_candidates, n_outputs)
        "head": hidden @ head + head_bias,
        "target": rows["target"],
        "weight": rows["weight"],
        "mean": mean.expand(len(hidden), -1),
    }


def _choose_kernel(weights, rows, candidates, trust):
    """Choose noise and kernels by squared errors."""
    weight, missed = rows["weight"], rows["found"] + (rows["mean"] - rows["target"]).unsqueeze(1)
    n_rows = weight.sum().clamp(min=1e-6)
    error = torch.einsum("n,nkc->k", weight, missed.square()) / n_rows
    distance = candidates["log_noise"].abs() / 2 + candidates["raised"].abs().amax(-1) / 3
    share = (-0.5 * trust * n_rows * (error + 1e-6).log() - distance).softmax(-1)
    return {
        "log_noise": weights["log_noise"] + share @ candidates["log_noise"],
        "kernel_logits": weights["kernel_logits"] + share @ candidates["raised"],
    }


def _scale_numbers(weights, rows, trust):
    """Scale by least squares, and open the gate by squared errors."""
    weight, found, mean = rows["weight"], rows["deviation"], rows["mean"]
    n_rows = weight.sum().clamp(min=1e-6)
    slope = trust * (weight @ (found * (rows["target"] - mean)))
    square = trust * (weight @ found.square())
    scale = ((slope + 1) / (square + 1)).clamp(min=0.05).squeeze(-1)
    gates = weights["gate"] + torch.tensor(GATE_LOGITS).to(found)
    missed = _blend(gates, rows["head"], scale * found + mean) - rows["target"]
    losses = 0.5 * ((weight @ missed.square().squeeze(-1).T) / n_rows + 1e-6).log()
    score = -trust * n_rows * losses - (gates - weights["gate"]) / 2
    return {"log_lookup_scale": scale.log(), "gate": score.softmax(-1) @ gates}


def _scale_classes(weights, rows, trust, log_preference):
    """Scale deviations and their logarithms, and open the gate, by log-loss."""
    weight, target, found = rows["weight"], rows["target"], rows["deviation"]
    n_rows, mask = weight.sum().clamp(min=1e-6), (rows["class_mask"] - 1) * 1e9
    own_prior = weights["prior_share"] * rows["log_prior"] + mask
    gates = weights["gate"] + torch.tensor(GATE_LOGITS).to(found)
    log_shares = torch.tensor(LOG_SHARES).to(found)
    plain = weights["log_lookup_scale"].exp() * found
    ratio = class_log_ratio(found, rows["mean"]) * rows["class_mask"]

    def scale(log_share):
        mixed = (1 - log_share) * plain + log_share * ratio
        log_scale = torch.zeros_like(log_share)
        for _ in range(4):
            log_scale = _newton_step(log_scale, mixed, rows, trust, own_prior)
        logits = _blend(gates, rows["head"] + mask, log_scale.exp() * mixed + own_prior)
        losses = -(weight @ (target * logits.log_softmax(-1)).sum(-1).T) / n_rows
        score = -trust * n_rows * losses - (gates - weights["gate"]) / 2
        return log_scale, score + log_preference * log_share

    log_scales, scores = zip(*(scale(log_share) for log_share in log_shares), strict=True)
    scale = torch.stack(log_scales).exp()
    share = torch.stack(scores).flatten().softmax(-1).view(len(log_shares), len(gates))
    per_log_share = share.sum(1)
    plain_scale = (per_log_share @ ((1 - log_shares) * scale)).log()
    return {
        "log_lookup_scale": weights["log_lookup_scale"] + plain_scale,
        "log_ratio_scale": (per_log_share @ (log_shares * scale)).log(),
        "gate": share.sum(0) @ gates,
    }


def _blend(gates, head, looked_up):
    """Blend by every gate; (n_gates, n_rows, n_outputs)."""
    return head + torch.sigmoid(gates).view(-1, 1, 1) * (looked_up - head)


def _newton_step(log_scale, outputs, rows, trust, log_prior):
    """Move the logarithm of a factor on outputs towards the least log-loss; 0 is preferred."""
    scaled = log_scale.exp() * outputs
    probability = (scaled + log_prior).softmax(-1)
    slope = ((probability - rows["target"]) * scaled).sum(-1)
    mean = (probability * scaled).sum(-1, keepdim=True)
    curvature = (probability * (scaled - mean).square()).sum(-1)
    weight = trust * rows["weight"]
    step = (weight @ slope + log_scale) / (weight @ curvature + 1)
    return log_scale - functional.hardtanh(step)
