"""A kernel over configurations, fitted to how alike they score."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

_N_POINTS = 200  # at most, to fit the lengthscales on


@dataclass(frozen=True)
class ConfigKernel:
    """Matérn-5/2 with one relevance a hyperparameter, and a part of each configuration alone.

    Attributes
    ----------
    relevance : ndarray of shape (n_dimensions,)
        Inverse squared lengthscales.
    amplitude : float
        Variance of what neighbours share.
    own : float
        Variance that a configuration shares with no other.
    """

    relevance: np.ndarray
    amplitude: float
    own: float

    def __call__(self, one, other):
        """Covariance of two sets of points, without the ``own`` part.

        Parameters
        ----------
        one : ndarray of shape (n_one, n_dimensions)
        other : ndarray of shape (n_other, n_dimensions)

        Returns
        -------
        ndarray of shape (n_one, n_other)
        """
        if one.shape[1] == 0:
            return np.full((len(one), len(other)), self.amplitude)
        scale = np.sqrt(self.relevance)
        return self.amplitude * _matern(cdist(one * scale, other * scale, "sqeuclidean"))[0]

    def full(self, points):
        """Covariance of distinct points, with the ``own`` part."""
        return self(points, points) + self.own * np.eye(len(points))


def fit_kernel(points, groups, residuals, *, rng):
    """Choose relevances and variances by marginal likelihood over all tasks.

    Parameters
    ----------
    points : list of ndarray of shape (n_points, n_dimensions)
        One a block of tasks that share their configurations.
    groups : ndarray of shape (n_dimensions,)
        The hyperparameter that each dimension belongs to.
    residuals : list of ndarray of shape (n_tasks, n_points)
        Of the same blocks.
    rng : numpy.random.Generator

    Returns
    -------
    ConfigKernel
    """
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    blocks = []
    for block, values in zip(points, residuals, strict=True):
        if len(block) > _N_POINTS:
            some = rng.choice(len(block), _N_POINTS, replace=False)
            block, values = block[some], values[:, some]
        distances = np.array(
            [
                cdist(block[:, groups == g], block[:, groups == g], "sqeuclidean")
                for g in range(n_groups)
            ]
        ).reshape(n_groups, len(block), len(block))
        blocks.append((distances, values.T @ values, len(values)))
    variance = sum(np.trace(S) for _, S, _ in blocks)
    variance /= sum(n * len(S) for _, S, n in blocks)
    variance = max(float(variance), 1e-6)
    start = np.r_[np.full(n_groups, np.log(2.0)), np.log(variance * 0.8), np.log(variance * 0.2)]
    n_values = sum(n * len(S) for _, S, n in blocks)

    def loss(theta):
        value, gradient = 0.0, np.zeros_like(theta)
        for distances, S, n in blocks:
            block_value, block_gradient = _loss(theta, distances, S, n)
            value, gradient = value + block_value, gradient + block_gradient
        # A weak pull to the start keeps what the data leave open within bounds.
        away = theta - start
        value = value / n_values + 0.5e-3 * away @ away
        return value, gradient / n_values + 1e-3 * away

    low = np.r_[np.full(n_groups, np.log(1e-3)), np.log(variance * np.array([1e-3, 1e-4]))]
    high = np.r_[np.full(n_groups, np.log(400.0)), np.log(variance * np.array([10.0, 2.0]))]
    found = minimize(
        loss, start, jac=True, bounds=list(zip(low, high, strict=True)), options={"maxiter": 40}
    )
    theta = found.x if np.isfinite(found.fun) else start
    relevance = np.exp(theta[:n_groups])[groups] if n_groups else np.empty(0)
    return ConfigKernel(relevance, float(np.exp(theta[-2])), float(np.exp(theta[-1])))


def _matern(squared):
    """Matérn-5/2 correlation of squared distances, and its derivative by them."""
    root = np.sqrt(5.0 * squared)
    decay = np.exp(-root)
    return (1.0 + root + root * root / 3.0) * decay, -5.0 / 6.0 * (1.0 + root) * decay


def _loss(theta, distances, S, n):
    """Negative log-likelihood of ``n`` tasks with scatter ``S``, and its gradient."""
    relevance, amplitude, own = np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
    correlation, slope = _matern(np.tensordot(relevance, distances, axes=1))
    K = amplitude * correlation
    K[np.diag_indices_from(K)] += own * (1 + 1e-8)
    factor = cho_factor(K, lower=True)
    inverse = cho_solve(factor, np.eye(len(K)))
    explained = inverse @ S
    value = n * np.log(np.diag(factor[0])).sum() + 0.5 * np.trace(explained)
    inner = 0.5 * (n * inverse - explained @ inverse)  # the derivative by K
    gradient = np.empty_like(theta)
    by_distance = amplitude * inner * slope
    gradient[:-2] = relevance * np.tensordot(distances, by_distance, axes=([1, 2], [0, 1]))
    gradient[-2] = amplitude * (inner * correlation).sum()
    gradient[-1] = own * np.trace(inner)
    return value, gradient
