"""What turns an embedding into outputs: a ridge head in closed form."""

import torch


def ridge_head(hidden, support, *, log_ridge, log_scale, is_regression):
    """Solve the ridge regression of the centred targets on the centred embedding.

    Parameters
    ----------
    hidden : Tensor of shape (n_support, n_hidden)
    support : dict of Tensor
    log_ridge, log_scale : Tensor of shape ()
        Logarithms of the ridge strength per row and of the factor on the outputs.
    is_regression : bool

    Returns
    -------
    head : Tensor of shape (n_hidden, n_outputs)
    head_bias : Tensor of shape (n_outputs,)
        For classes it holds half the log prior, since regressed shares are shrunk towards it.

    References
    ----------
    Bertinetto et al., "Meta-learning with differentiable closed-form solvers", 2019.
    """
    weight = support["weight"] / support["weight"].sum()
    hidden_mean, target_mean = weight @ hidden, weight @ support["target"]
    centred = hidden - hidden_mean
    weighted = centred * weight.unsqueeze(-1)
    gram = weighted.T @ centred
    ridge = log_ridge.exp() + 1e-3
    eye = torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky_ex(gram + ridge * eye)[0]
    solution = torch.cholesky_solve(weighted.T @ (support["target"] - target_mean), factor)
    if is_regression:
        return solution, target_mean - hidden_mean @ solution
    head = solution * log_scale.exp()
    return head, 0.5 * class_prior(support).log() - hidden_mean @ head


def class_prior(rows):
    """Share of every class, half a row added to each; (n_classes,), 1 for masked classes."""
    mask = rows["class_mask"]
    counts = rows["weight"] @ rows["target"] + 0.5 * mask
    return counts / counts.sum() + (1 - mask)
