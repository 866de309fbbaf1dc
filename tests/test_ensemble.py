import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autometa.ensemble import gains, select_weights

TRUTH = np.linspace(-1, 1, 40)


def score(mean):
    return -float(np.square(mean - TRUTH).mean())


def noisy(n_models, seed, size=1.0):
    return TRUTH + size * np.random.default_rng(seed).normal(size=(n_models, len(TRUTH)))


@given(st.integers(1, 6), st.integers(0, 30))
def test_the_ensemble_is_never_worse_than_its_best_model(n_models, seed):
    models = noisy(n_models, seed)

    weights = select_weights(models, score)

    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(), 1.0)
    mean = np.tensordot(weights, models, axes=1)
    assert score(mean) >= max(score(one) for one in models) - 1e-12


def test_models_that_err_apart_are_averaged_and_useless_ones_left_out():
    models = np.concatenate([noisy(2, 0), [10.0 * np.ones_like(TRUTH)]])

    weights = select_weights(models, score)

    assert weights[0] > 0.2 and weights[1] > 0.2 and weights[2] == 0


def test_a_model_alone_has_all_the_weight_whatever_it_scores():
    assert select_weights(noisy(1, 0), score).tolist() == [1.0]
    assert select_weights(noisy(1, 0), lambda mean: float("nan")).tolist() == [1.0]


def test_a_model_gains_where_some_share_of_it_helps():
    good, worse, opposite = TRUTH + 0.1, TRUTH + 0.3, TRUTH - 0.5

    assert not gains(good, worse, score)
    assert gains(good, opposite, score)
