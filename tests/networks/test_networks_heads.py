import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from autometa.networks.heads import class_prior, ridge_head


def tensor(*shape, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def fit_head(hidden, support, ridge, *, is_regression, scale=1.0):
    # the head adds 0.001 to the ridge strength, which keeps it solvable
    log_ridge = torch.tensor(math.log(ridge - 1e-3), dtype=torch.float64)
    log_scale = torch.tensor(math.log(scale), dtype=torch.float64)
    return ridge_head(
        hidden, support, log_ridge=log_ridge, log_scale=log_scale, is_regression=is_regression
    )


@pytest.mark.parametrize("ridge", [0.01, 0.5])
def test_the_head_for_numbers_is_scikit_learns_ridge(ridge):
    hidden, weight = tensor(30, 5), tensor(30, seed=1).abs()
    target = hidden @ tensor(5, 1, seed=2) + 3 + tensor(30, 1, seed=3)
    support = {"weight": weight, "target": target}

    head, bias = fit_head(hidden, support, ridge, is_regression=True)

    # strength is per row here and for all rows together there
    rival = Ridge(alpha=ridge * float(weight.sum())).fit(hidden, target, sample_weight=weight)
    np.testing.assert_allclose(head[:, 0], rival.coef_.ravel(), rtol=1e-9)
    np.testing.assert_allclose(bias, rival.intercept_, rtol=1e-9)


def test_the_head_for_classes_is_ridge_on_the_one_hot_labels_scaled():
    hidden, weight = tensor(40, 4), tensor(40, seed=1).abs()
    target = torch.nn.functional.one_hot(torch.arange(40) % 3, 3).double()
    support = {"weight": weight, "target": target, "class_mask": torch.ones(3).double()}

    head, bias = fit_head(hidden, support, 0.1, is_regression=False, scale=2.5)

    rival = Ridge(alpha=0.1 * float(weight.sum())).fit(hidden, target, sample_weight=weight)
    np.testing.assert_allclose(head, 2.5 * rival.coef_.T, rtol=1e-9)
    # centred outputs, so that the mean row gets half the log prior
    mean_row = weight @ hidden / weight.sum()
    counts = (weight @ target + 0.5).numpy()
    prior = counts / counts.sum()
    np.testing.assert_allclose(mean_row @ head + bias, 0.5 * np.log(prior), rtol=1e-9)


def test_the_prior_adds_half_a_row_to_each_class_and_leaves_masked_ones_out():
    rows = {
        "weight": torch.tensor([1.0, 1.0, 2.0]),
        "target": torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]]),
        "class_mask": torch.tensor([1.0, 1.0, 0.0]),
    }

    assert class_prior(rows).tolist() == pytest.approx([1.5 / 5, 3.5 / 5, 1.0])
