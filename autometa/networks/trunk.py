"""The proposed network itself: a two-layer residual perceptron that looks up rows."""

import torch
from torch.nn import functional

from autometa.networks.basis import with_basis
from autometa.networks.heads import class_prior
from autometa.networks.lookup import (
    class_log_ratio,
    leave_one_out,
    place,
    predict_deviation,
    read_context,
    solve,
)


def embed(weights, rows, dropout_mask=None):
    """Embed rows with proposed (or adapted) weights.

    Parameters
    ----------
    weights : dict of Tensor
        As from :class:`~autometa.networks.initialiser.ColumnStatisticsInitialiser`.
    rows : dict of Tensor
        Its ``X`` (n_rows, n_columns, 3) and ``column_mask`` (n_columns,) are read.
    dropout_mask : Tensor of shape (2, n_rows, n_hidden), default=None
        Factors for the two hidden layers: 0 or 1 / (1 - rate).

    Returns
    -------
    Tensor of shape (n_rows, n_hidden)
        Each row has mean 0 and variance 1.
    """
    basis = with_basis(rows)["basis"].flatten(-2)
    hidden = functional.gelu(basis @ weights["first"].flatten(0, 1) + weights["first_bias"])
    if dropout_mask is not None:
        hidden = hidden * dropout_mask[0]
    step = functional.gelu(
        (_normalise(hidden) * weights["gain"]) @ weights["second"] + weights["second_bias"]
    )
    if dropout_mask is not None:
        step = step * dropout_mask[1]
    return _normalise(hidden + step)


def predict_outputs(weights, context, rows, *, is_regression, is_context=False, dropout_mask=None):
    """Predict logits, or standardised numbers, for rows.

    Parameters
    ----------
    weights : dict of Tensor
        Without ``keys`` the network looks up no rows.
    context : dict of Tensor
        Labelled rows that the network may look up.
    rows : dict of Tensor
    is_regression : bool
    is_context : bool, default=False
        ``rows`` are the context's own: each then looks at the others only.
    dropout_mask : Tensor of shape (2, n_rows, n_hidden), default=None
        For ``rows``; only together with ``is_context``.

    Returns
    -------
    Tensor of shape (n_rows, n_outputs)
    """
    if not is_context:
        reading = look_up(weights, context) if "keys" in weights else {}
        return predict_from(weights, reading, context, rows, is_regression=is_regression)
    context = with_basis(context)
    hidden = embed(weights, context, dropout_mask)
    deviation = None
    if "keys" in weights:
        deviation = leave_one_out(weights, read_context(weights, hidden, context), context)
    return _combine(weights, context, hidden, deviation, is_regression=is_regression)


def look_up(weights, context):
    """Fit the kernel ridge regression on the context's rows; see :func:`predict_deviation`."""
    context = with_basis(context)
    return solve(weights, read_context(weights, embed(weights, context), context), context)


def predict_from(weights, reading, context, rows, *, is_regression):
    """Predict as :func:`predict_outputs` does, from what :func:`look_up` made of the context.

    Of ``context``, neither ``X`` nor ``membership`` is read.
    """
    rows = with_basis(rows)
    hidden = embed(weights, rows)
    deviation = None
    if reading:
        placed = place(weights, reading, hidden, rows)
        deviation = predict_deviation(weights, reading, placed)
    return _combine(weights, context, hidden, deviation, is_regression=is_regression)


def _combine(weights, context, hidden, deviation, *, is_regression):
    """Blend what the head makes of embedded rows with what looking up rows gave, if anything."""
    outputs = hidden @ weights["head"] + weights["head_bias"]
    if deviation is not None:
        looked_up = weights["log_lookup_scale"].exp() * deviation
        mean = (context["weight"] @ context["target"]) / context["weight"].sum()
        if not is_regression:
            ratio = class_log_ratio(deviation, mean) * context["class_mask"]
            looked_up = looked_up + weights["log_ratio_scale"].exp() * ratio
            mean = weights["prior_share"] * class_prior(context).log()
        outputs = outputs + torch.sigmoid(weights["gate"]) * (looked_up + mean - outputs)
    return outputs if is_regression else outputs + (context["class_mask"] - 1) * 1e9


def _normalise(hidden):
    return functional.layer_norm(hidden, hidden.shape[-1:])
