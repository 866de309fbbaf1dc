"""The proposed network itself: a two-layer residual perceptron with row attention."""

import torch
from torch.nn import functional

from autometa.networks.basis import expand_basis
from autometa.networks.heads import attend_rows, class_prior


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
    basis = expand_basis(rows["X"], rows["column_mask"]).flatten(-2)
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
    hidden = embed(weights, rows, dropout_mask)
    outputs = hidden @ weights["head"] + weights["head_bias"]
    context_hidden = hidden if is_context else embed(weights, context)
    looked_up = attend_rows(weights, hidden, context_hidden, context, is_context=is_context)
    if is_regression:
        return outputs + torch.sigmoid(weights["gate"]) * (looked_up - outputs)
    prior = class_prior(context)
    smoothed = (looked_up + 0.03 * prior) / 1.03
    outputs = outputs + torch.sigmoid(weights["gate"]) * (smoothed / prior).log()
    return outputs + (context["class_mask"] - 1) * 1e9


def _normalise(hidden):
    return functional.layer_norm(hidden, hidden.shape[-1:])
