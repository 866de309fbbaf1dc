"""MAML's meta-gradient against definitions, and what every learner promises."""

import copy

import pytest
import torch

from autometa.episodes import make_rows, stack_episodes
from autometa.metalearners import MAML, METALEARNERS, RandomWeights, query_loss, rows_loss

KINDS = pytest.mark.parametrize("n_classes", [3, None])


@pytest.fixture
def make_maml(tiny_network):
    def make(**options):
        learner = MAML(**{"n_inner_steps": 2, "network": tiny_network, **options})
        params = {name: param.double() for name, param in learner.init_params(0).items()}
        return learner, params

    return make


def loss_of(learner, params, episode):
    return learner.episode_loss(
        params, episode.support, episode.query, is_regression=episode.is_regression
    )


def central_difference(function, params, direction, size=1e-5):
    up, down = (
        function({name: param + sign * size * direction[name] for name, param in params.items()})
        for sign in (1, -1)
    )
    return ((up - down) / (2 * size)).item()


def random_direction(params, seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = {n: torch.randn(p.shape, generator=generator).double() for n, p in params.items()}
    length = sum(d.square().sum() for d in drawn.values()).sqrt()
    return {name: d / length for name, d in drawn.items()}


def along(grads, direction):
    return sum((grads[name] * direction[name]).sum() for name in grads).item()


@KINDS
def test_the_second_order_meta_gradient_is_that_of_central_differences(
    make_maml, make_episode, n_classes
):
    learner, params = make_maml()
    # What the rows choose among candidates is held constant; without trust, they choose nothing.
    for kind in params["scalars.bias"].chunk(2):
        kind[6:8] = -100.0
    episodes = [make_episode(seed, n_classes=n_classes, double=True) for seed in (0, 1)]

    grads, loss = learner.meta_grad(params, stack_episodes(episodes))

    def mean_loss(params):
        return sum(loss_of(learner, params, episode) for episode in episodes) / 2

    torch.testing.assert_close(loss, mean_loss(params))
    for seed in range(4):
        direction = random_direction(params, seed)
        expected = central_difference(mean_loss, params, direction)
        assert along(grads, direction) == pytest.approx(expected, rel=1e-5, abs=1e-8)


@KINDS
def test_the_step_sizes_have_the_gradient_of_central_differences(
    make_maml, make_episode, n_classes
):
    learner, params = make_maml()
    episode = make_episode(n_classes=n_classes, double=True)
    grads, _ = learner.meta_grad(params, stack_episodes([episode]))

    kind = int(episode.is_regression)
    for name in learner.inner_lr(params, is_regression=episode.is_regression):
        direction = {n: torch.zeros_like(p) for n, p in params.items()}
        direction[f"log_inner_lr.{name}"][kind] += 1
        expected = central_difference(lambda p: loss_of(learner, p, episode), params, direction)
        found = grads[f"log_inner_lr.{name}"]
        assert found[kind].item() == pytest.approx(expected, rel=1e-5, abs=1e-9)
        assert found[1 - kind] == 0  # classes and numbers have their own


@KINDS
def test_first_order_holds_the_inner_gradients_constant(make_maml, make_episode, n_classes):
    learner, params = make_maml(second_order=False)
    full, _ = make_maml()
    episodes = [make_episode(seed, n_classes=n_classes, double=True) for seed in (0, 1)]
    stacked = stack_episodes(episodes)

    grads, loss = learner.meta_grad(params, stacked)

    # by definition, with plain autograd: the inner gradients are numbers found beforehand
    leaves = {name: param.clone().requires_grad_() for name, param in params.items()}
    total = 0
    for episode in episodes:
        options = {"is_regression": episode.is_regression}
        lr = learner.inner_lr(leaves, **options)
        before = learner.propose(leaves, episode.support, **options)
        weights = before
        for _ in range(learner.n_inner_steps):
            # detached: how the proposed tensors hang together is no concern of the inner loop
            now = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
            support_loss = query_loss(
                now, episode.support, episode.support, is_context=True, **options
            )
            inner = torch.autograd.grad(support_loss, [now[name] for name in lr])
            weights = {
                **weights,
                **{
                    name: weights[name] - lr[name] * grad
                    for name, grad in zip(lr, inner, strict=True)
                },
            }
        losses = [
            query_loss(w, episode.support, episode.query, **options) for w in (before, weights)
        ]
        total = total + (0.4 * losses[0] + 0.6 * losses[1]) / 2
    total.backward()
    torch.testing.assert_close(loss, total.detach())
    for name, grad in grads.items():
        expected = leaves[name].grad
        expected = torch.zeros_like(grad) if expected is None else expected
        torch.testing.assert_close(grad, expected, rtol=1e-7, atol=1e-10)

    second_order, same_loss = full.meta_grad(params, stacked)
    torch.testing.assert_close(loss, same_loss)
    assert along(grads, second_order) != pytest.approx(along(second_order, second_order), rel=1e-3)


@KINDS
def test_vmapped_over_episodes_is_one_by_one(make_maml, make_episode, n_classes):
    learner, params = make_maml()
    episodes = [
        make_episode(seed, n_support=18 + 2 * seed, n_columns=2 + seed, n_classes=n_classes,
                     double=True)
        for seed in range(3)
    ]  # fmt: skip

    grads, loss = learner.meta_grad(params, stack_episodes(episodes))

    single = [learner.meta_grad(params, stack_episodes([episode])) for episode in episodes]
    torch.testing.assert_close(loss, torch.stack([found for _, found in single]).mean())
    for name, grad in grads.items():
        expected = torch.stack([found[name] for found, _ in single]).mean(0)
        torch.testing.assert_close(grad, expected, rtol=1e-7, atol=1e-9)


@KINDS
def test_adapting_leaves_the_meta_parameters_and_the_proposal_unchanged(
    make_maml, make_episode, n_classes
):
    learner, params = make_maml()
    episode = make_episode(n_classes=n_classes, double=True)
    options = {"is_regression": episode.is_regression}
    proposal = learner.propose(params, episode.support, **options)
    lr = learner.inner_lr(params, **options)
    before = copy.deepcopy((params, proposal, episode.support))

    adapted = learner.adapt(params, episode.support, weights=proposal, **options)

    torch.testing.assert_close((params, proposal, episode.support), before, rtol=0, atol=0)
    for name, weight in adapted.items():
        assert (name in lr) != torch.equal(weight, proposal[name])


@KINDS
def test_adapting_lowers_the_support_loss(make_maml, make_episode, n_classes):
    learner, params = make_maml(n_inner_steps=10)
    episode = make_episode(n_classes=n_classes, double=True)
    options = {"is_regression": episode.is_regression}

    weights = [
        learner.propose(params, episode.support, **options),
        learner.adapt(params, episode.support, **options),
    ]

    before, after = (
        query_loss(w, episode.support, episode.support, is_context=True, **options) for w in weights
    )
    assert after < before - 1e-3


def test_the_unadapted_share_mixes_the_two_losses(make_maml, make_episode):
    episode = make_episode(double=True)
    losses = [
        loss_of(*make_maml(unadapted_share=share), episode).item() for share in (0.0, 0.25, 1.0)
    ]

    assert losses[0] != losses[2]
    assert losses[1] == pytest.approx(0.75 * losses[0] + 0.25 * losses[2])


def test_the_number_of_inner_steps_counts(make_maml, make_episode):
    episode = make_episode(double=True)

    losses = {loss_of(*make_maml(n_inner_steps=n), episode).item() for n in (0, 1, 3)}

    assert len(losses) == 3


@pytest.mark.parametrize("n_classes", [2, 5])
def test_one_support_row_a_class_is_enough(make_maml, n_classes):
    learner, params = make_maml()
    X = torch.randn(n_classes, 3, 3, generator=torch.Generator().manual_seed(0)).abs()
    rows = make_rows(X, range(n_classes), n_classes=n_classes, require_all_classes=True)
    rows = {name: tensor.double() for name, tensor in rows.items()}

    grads = torch.func.grad(lambda p: learner.episode_loss(p, rows, rows, is_regression=False))(
        params
    )

    assert all(torch.isfinite(grad).all() for grad in grads.values())
    assert any(grad.abs().max() > 0 for grad in grads.values())


def test_parameters_repeat_with_the_seed_and_leave_the_global_one_alone(tiny_network):
    learner = MAML(network=tiny_network)
    state = torch.random.get_rng_state()

    first, second, other = (learner.init_params(seed) for seed in (1, 1, 2))

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first["second_layer"], other["second_layer"])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(param.dtype == torch.float32 for param in first.values())


@pytest.mark.parametrize("name", ["maml", "first_order_maml"])
def test_learners_go_by_their_names(name, tiny_network):
    learner = METALEARNERS[name](network=tiny_network)

    assert learner.second_order == (name == "maml")


@pytest.mark.parametrize("is_regression", [False, True])
def test_the_loss_is_weighted_and_by_hand(is_regression):
    outputs = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.5, 0.5]])
    target = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    expected = [1.313262, 0.126928, 0.693147]
    if is_regression:
        # squared up to 3 standard deviations, 2 * 3 * (|error| - 1.5) beyond
        outputs, target = torch.tensor([[1.0], [0.0], [5.0]]), torch.zeros(3, 1)
        expected = [1.0, 0.0, 21.0]
    weight = torch.tensor([1.0, 2.0, 0.5])

    found = rows_loss(outputs, target, weight, is_regression=is_regression)

    by_hand = (expected[0] + 2 * expected[1] + 0.5 * expected[2]) / 3.5
    assert found.item() == pytest.approx(by_hand, rel=1e-5)


def test_label_smoothing_is_torchs_and_spares_masked_classes():
    outputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(6) % 3
    target = torch.nn.functional.one_hot(labels, 3).float()
    expected = torch.nn.functional.cross_entropy(outputs, labels, label_smoothing=0.1)
    masked = torch.cat([outputs, torch.full((6, 2), -1e9)], dim=1)
    padded = torch.cat([target, torch.zeros(6, 2)], dim=1)
    options = {"is_regression": False, "label_smoothing": 0.1}

    for found in (
        rows_loss(outputs, target, torch.ones(6), **options),
        rows_loss(masked, padded, torch.ones(6), **options),
    ):
        torch.testing.assert_close(found, expected)


@KINDS
def test_random_weights_repeat_with_their_seed(make_episode, n_classes):
    episode = make_episode(n_classes=n_classes)
    options = {"is_regression": episode.is_regression}

    first, second, other = (
        RandomWeights(seed=seed, n_hidden=8, n_key=4, look_up=True).propose(
            {}, episode.support, **options
        )
        for seed in (1, 1, 2)
    )

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first["first"], other["first"])


@KINDS
def test_the_closed_form_head_changes_the_head_alone_and_fits_better(make_episode, n_classes):
    episode = make_episode(n_classes=n_classes)
    options = {"is_regression": episode.is_regression}

    cold, solved = (
        RandomWeights(n_hidden=8, n_key=4, closed_form_head=flag).propose(
            {}, episode.support, **options
        )
        for flag in (False, True)
    )

    differing = {name for name in cold if not torch.equal(cold[name], solved[name])}
    assert differing == {"head", "head_bias"} or differing == {"head"}
    losses = [query_loss(w, episode.support, episode.support, **options) for w in (cold, solved)]
    assert losses[1] < losses[0]


@KINDS
def test_random_weights_have_the_shapes_of_proposed_ones(make_episode, make_maml, n_classes):
    episode = make_episode(n_classes=n_classes)
    options = {"is_regression": episode.is_regression}
    learner, _ = make_maml()

    random = RandomWeights(n_hidden=8, n_heads=2, n_key=4, look_up=True)
    random = random.propose({}, episode.support, **options)
    proposed = learner.propose(learner.init_params(0), episode.support, **options)

    assert {n: t.shape for n, t in random.items()} == {n: t.shape for n, t in proposed.items()}


@pytest.mark.gpu
@KINDS
def test_the_meta_gradient_on_a_gpu_is_that_of_the_cpu(make_maml, make_episode, n_classes):
    learner, params = make_maml()
    episodes = stack_episodes([make_episode(s, n_classes=n_classes, double=True) for s in (0, 1)])
    expected, _ = learner.meta_grad(params, episodes)

    moved = [
        {name: tensor.cuda() for name, tensor in rows.items()}
        for rows in (params, episodes.support, episodes.query)
    ]
    found, _ = learner.meta_grad(
        moved[0], type(episodes)(moved[1], moved[2], is_regression=episodes.is_regression)
    )

    for name, grad in found.items():
        torch.testing.assert_close(grad.cpu(), expected[name], rtol=1e-6, atol=1e-8)
