"""Learners that move all of the network that ships; what all promise is in the contract."""

import copy

import pytest
import torch

from autometa.episodes import stack_episodes
from autometa.metalearners import METALEARNERS, query_loss

LEARNERS = ["maml", "first_order_maml", "reptile", "meta_sgd", "anil", "lstm"]
EACH = pytest.mark.parametrize("name", LEARNERS)
KINDS = pytest.mark.parametrize("n_classes", [2, 4, None], ids=["binary", "classes", "numbers"])


@pytest.fixture
def make_learner(tiny_network):
    return lambda name: METALEARNERS[name](network=tiny_network)


@EACH
def test_parameters_repeat_with_their_seed(make_learner, name):
    first, second, other = (make_learner(name).init_params(seed) for seed in (1, 1, 2))

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@EACH
@KINDS
def test_proposing_and_adapting_are_pure_and_give_finite_losses(
    make_learner, make_episode, name, n_classes
):
    learner, episode = make_learner(name), make_episode(n_classes=n_classes)
    params, options = learner.init_params(0), {"is_regression": episode.is_regression}
    before = copy.deepcopy((params, episode.support))

    proposed = learner.propose(params, episode.support, **options)
    adapted = learner.adapt(params, episode.support, **options)

    torch.testing.assert_close((params, episode.support), before, rtol=0, atol=0)
    assert {n: w.shape for n, w in proposed.items()} == {n: w.shape for n, w in adapted.items()}
    assert set(learner.inner_lr(params, **options)) <= set(proposed)
    for weights in (proposed, adapted):
        loss = query_loss(weights, episode.support, episode.query, **options)
        assert torch.isfinite(loss)


@EACH
@KINDS
def test_the_meta_gradient_moves_parameters_and_is_finite(
    make_learner, make_episode, name, n_classes
):
    learner = make_learner(name)
    params = learner.init_params(0)
    episodes = stack_episodes([make_episode(seed, n_classes=n_classes) for seed in range(2)])

    grads, loss = learner.meta_grad(params, episodes)

    assert set(grads) == set(params) and torch.isfinite(loss)
    assert all(torch.isfinite(grad).all() for grad in grads.values())
    assert any(grad.abs().max() > 0 for grad in grads.values())
