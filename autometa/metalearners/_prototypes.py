"""Linear heads in closed form: what distances to class means amount to."""

import math

import torch

from autometa.networks import ridge_head

#: Ridge strength per row of the head for numbers.
RIDGE = 0.1
#: Logit of a class that has no support row, as that of masked ones.
NEVER = -1e9


def compute_prototypes(hidden, support):
    """Average the embedded support rows of each class by their weights.

    Parameters
    ----------
    hidden : Tensor of shape (n_support, n_features)
    support : dict of Tensor

    Returns
    -------
    prototypes : Tensor of shape (n_classes, n_features)
    mass : Tensor of shape (n_classes,)
        Weight of their rows; where it is 0 the prototype is 0.

    Examples
    --------
    >>> support = {"weight": torch.ones(3), "target": torch.tensor([[1.0, 0], [1, 0], [0, 1]])}
    >>> compute_prototypes(torch.tensor([[0.0], [2.0], [5.0]]), support)[0].tolist()
    [[1.0], [5.0]]
    """
    weights = support["weight"].unsqueeze(1) * support["target"]
    mass = weights.sum(0)
    return weights.T @ hidden / mass.clamp(min=1e-9).unsqueeze(1), mass


def prototype_head(hidden, support, scale, *, is_regression):
    """Write ``-scale * squared distance to each prototype`` as a linear head.

    The square of a row's own embedding is the same for all classes, so it is left out. Numbers
    have no prototypes: theirs is the ridge regression on the same embedding.

    Returns
    -------
    dict of Tensor
        ``head`` (n_features, n_outputs) and ``head_bias`` (n_outputs,).
    """
    if is_regression:
        log_ridge = hidden.new_full((), math.log(RIDGE))
        head, bias = ridge_head(
            hidden,
            support,
            log_ridge=log_ridge,
            log_scale=torch.zeros_like(log_ridge),
            is_regression=True,
        )
        return {"head": head, "head_bias": bias}
    prototypes, mass = compute_prototypes(hidden, support)
    bias = -scale * prototypes.square().sum(1)
    return {
        "head": 2 * scale * prototypes.T,
        "head_bias": torch.where(mass > 0, bias, torch.full_like(bias, NEVER)),
    }
