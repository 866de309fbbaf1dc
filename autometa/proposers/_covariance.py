"""How the merits of configurations vary together, from tasks' residuals and the kernel."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
_N_PARTS = 5
_N_POINTS = 300  # at most, to choose the share on
_NUGGET = 1e-3


def blend_covariance(residuals, uncertainty, prior, *, rng):
    """Mix the covariance of residuals with the kernel's, in the share that predicts tasks best.

    Parameters
    ----------
    residuals : ndarray of shape (n_tasks, n_configs)
        Cross-validated: what the conditioned mean leaves open.
    uncertainty : ndarray of shape (n_configs, n_configs)
        Mean covariance of cells that were filled in.
    prior : ndarray of shape (n_configs, n_configs)
        The kernel's.
    rng : numpy.random.Generator

    Returns
    -------
    covariance : ndarray of shape (n_configs, n_configs)
    share : float
        Of the kernel.
    """
    n_tasks, n_configs = residuals.shape
    scale = np.mean(residuals**2) + np.trace(uncertainty) / n_configs
    scale = max(float(scale), 1e-6)
    prior = prior * (scale / np.mean(np.diag(prior)))
    some = rng.choice(n_configs, min(n_configs, _N_POINTS), replace=False)
    part = rng.permutation(n_tasks) % min(_N_PARTS, n_tasks)
    losses = np.zeros(len(_SHARES))
    if n_tasks > 1:
        sub = np.ix_(some, some)
        for fold in range(part.max() + 1):
            inside, outside = residuals[part != fold][:, some], residuals[part == fold][:, some]
            known = inside.T @ inside / len(inside) + uncertainty[sub]
            for place, share in enumerate(_SHARES):
                losses[place] += _loss(_mix(known, prior[sub], share, scale), outside)
    share = _SHARES[int(losses.argmin())] if n_tasks > 1 else 1.0
    known = residuals.T @ residuals / n_tasks + uncertainty
    return _mix(known, prior, share, scale), share


def _mix(known, prior, share, scale):
    mixed = (1 - share) * known + share * prior
    mixed[np.diag_indices_from(mixed)] += _NUGGET * scale
    return mixed


def _loss(covariance, rows):
    factor = cho_factor(covariance, lower=True)
    fit = (rows.T * cho_solve(factor, rows.T)).sum()
    return fit / 2 + len(rows) * np.log(np.diag(factor[0])).sum()
