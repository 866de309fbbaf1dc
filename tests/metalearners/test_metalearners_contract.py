"""What every meta-learner promises, on tables, on rows of fixed length and on images."""

import copy
from unittest import mock

import pytest
import torch
from torch.utils import _pytree as pytree

from autometa.episodes import (
    Episode,
    make_array_rows,
    make_rows,
    pool_rows,
    stack_episodes,
    take_rows,
)
from autometa.exceptions import InvalidInputError
from autometa.metalearners import METALEARNERS

NAMES = list(METALEARNERS)
#: Options with which a learner keeps the promises too, under names of their own.
VARIANTS = {
    "matching_full_context": ("matching", {"full_context": True, "n_reads": 2}),
    "reptile_in_batches": ("reptile", {"inner_batch": 5}),
}
KINDS = ["columns", "mlp", "convolutional"]
#: Those whose network is by default the one that ships.
LOOKING_UP = [name for name in NAMES if METALEARNERS[name]().default_kind == "look_up"]
TABLES = ("look_up", "columns")
#: Followed by their own tests, since their direction is no gradient of the outer loss.
NOT_A_GRADIENT = ("first_order_maml", "reptile", "reptile_in_batches")
#: Gradients that are held constant by default, unless asked otherwise.
FIRST_ORDER = ("lstm",)


on_every = pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for kind in KINDS for name in [*NAMES, *VARIANTS]]
    + [(name, "look_up") for name in LOOKING_UP],
)
on_both = pytest.mark.parametrize("n_classes", [3, None], ids=["classes", "numbers"])


@pytest.fixture(scope="module")
def make_any_learner(make_any_learner):
    """Make a learner by its name, or by that of a variant."""

    def make(name, kind, **options):
        name, own = VARIANTS.get(name, (name, {}))
        return make_any_learner(name, kind, **{**own, **options})

    return make


def double(params):
    return {name: param.double() for name, param in params.items()}


def with_chance(learner, episodes, seed=0):
    """Stack episodes and draw what meta-training leaves to chance."""
    stacked = stack_episodes(episodes)
    return learner.draw_chance(stacked, torch.Generator().manual_seed(seed))


def take(episodes, i):
    """One episode of a stack, as a stack of one."""
    support, query = (
        {name: tensor[i : i + 1] for name, tensor in rows.items()}
        for rows in (episodes.support, episodes.query)
    )
    return Episode(support, query, episodes.is_regression)


def predict(learner, params, episode):
    options = {"is_regression": episode.is_regression}
    state = learner.adapt(params, episode.support, **options)
    return learner.predict(params, state, episode.support, episode.query, **options)


@on_every
@on_both
def test_adapting_leaves_parameters_and_support_unchanged(
    make_any_learner, make_any_episode, name, kind, n_classes
):
    learner = make_any_learner(name, kind)
    episode = make_any_episode(kind, n_classes=n_classes)
    params = double(learner.init_params(0))
    before = copy.deepcopy((params, episode.support))

    predict(learner, params, episode)

    torch.testing.assert_close((params, episode.support), before, rtol=0, atol=0)


def in_a_loop(function):
    """What ``torch.func.vmap`` does, in a Python loop over the first dimension."""

    def run(*stacked):
        tensors, spec = pytree.tree_flatten(stacked)
        singles = [
            function(*pytree.tree_unflatten([tensor[i] for tensor in tensors], spec))
            for i in range(len(tensors[0]))
        ]
        return pytree.tree_map(lambda *found: torch.stack(found), *singles)

    return run


@on_every
@on_both
def test_vmapped_over_episodes_is_one_by_one(
    make_any_learner, make_any_episode, name, kind, n_classes
):
    learner = make_any_learner(name, kind)
    params = double(learner.init_params(0))
    episodes = with_chance(
        learner,
        [make_any_episode(kind, seed, n_shots=1 + seed, n_classes=n_classes) for seed in range(2)],
    )

    grads, loss = learner.meta_grad(params, episodes)

    with mock.patch.object(torch.func, "vmap", side_effect=in_a_loop) as loop:
        expected, expected_loss = learner.meta_grad(params, episodes)
    assert loop.called
    torch.testing.assert_close(loss, expected_loss)
    torch.testing.assert_close(grads, expected, rtol=1e-6, atol=1e-9)


@on_every
@on_both
def test_rows_of_weight_0_are_not_there(make_any_learner, make_any_episode, name, kind, n_classes):
    learner = make_any_learner(name, kind)
    episode = make_any_episode(kind, n_classes=n_classes)
    params = double(learner.init_params(0))
    larger = make_any_episode(kind, seed=5, n_shots=4, n_query=9, n_classes=n_classes)
    padded = take(stack_episodes([episode, larger]), 0)
    support, query = ({n: t[0] for n, t in r.items()} for r in (padded.support, padded.query))
    padded = Episode(support, query, episode.is_regression)
    assert len(support["weight"]) > len(episode.support["weight"])

    found = predict(learner, params, padded)[: len(episode.query["weight"])]

    torch.testing.assert_close(found, predict(learner, params, episode), rtol=1e-6, atol=1e-8)


@on_every
@on_both
@pytest.mark.parametrize("where", ["before", "among"])
def test_rows_of_weight_0_leave_room_for_others_where_few_are_read(
    make_any_learner, make_any_episode, name, kind, n_classes, where
):
    learner = make_any_learner(name, kind)
    episode = make_any_episode(kind, n_shots=3, n_classes=n_classes)
    params, n_rows = double(learner.init_params(0)), len(episode.support["weight"])
    n_absent = 165 if kind in TABLES else 24  # of a table more than any learner reads
    absent = take_rows(episode.support, torch.arange(n_absent) % n_rows)
    absent |= {"X": absent["X"] + 1, "weight": torch.zeros(n_absent).double()}
    places = torch.full((n_rows,), n_absent) if where == "before" else torch.arange(n_rows)
    order = torch.argsort(torch.cat([torch.arange(n_absent), places]), stable=True)
    support = take_rows(pool_rows(absent, episode.support), order)

    found = predict(learner, params, Episode(support, episode.query, episode.is_regression))

    torch.testing.assert_close(found, predict(learner, params, episode), rtol=1e-6, atol=1e-8)


@on_every
def test_rows_to_predict_need_neither_labels_nor_weights(
    make_any_learner, make_any_episode, name, kind
):
    learner, episode = make_any_learner(name, kind), make_any_episode(kind)
    params = double(learner.init_params(0))
    bare = {n: t for n, t in episode.query.items() if n not in ("weight", "target")}

    found = predict(learner, params, Episode(episode.support, bare, is_regression=False))

    torch.testing.assert_close(found, predict(learner, params, episode))


@on_every
@on_both
def test_runs_repeat_with_their_seed(make_any_learner, make_any_episode, name, kind, n_classes):
    learner = make_any_learner(name, kind)
    episodes = [make_any_episode(kind, seed, n_classes=n_classes) for seed in (0, 1)]

    def run(seed):
        params = double(learner.init_params(seed))
        return learner.meta_grad(params, with_chance(learner, episodes, seed))

    first, second, other = run(1), run(1), run(2)

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first[1], other[1])


@on_every
def test_a_gradient_reaches_every_parameter(make_any_learner, make_any_episode, name, kind):
    learner = make_any_learner(name, kind)
    params = double(learner.init_params(0))
    reached = set()

    for n_classes in (3, None):
        episodes = [make_any_episode(kind, seed, n_classes=n_classes) for seed in range(2)]
        grads, _ = learner.meta_grad(params, with_chance(learner, episodes))
        assert all(torch.isfinite(grad).all() for grad in grads.values())
        reached |= {key for key, grad in grads.items() if grad.abs().max() > 0}

    assert set(params) - reached == set()


@on_every
def test_permuting_classes_permutes_logits(make_any_learner, make_any_episode, name, kind):
    head = "shared"  # the one that promises it
    learner, episode = make_any_learner(name, kind, head=head), make_any_episode(kind)
    if not learner.ignores_class_order:
        pytest.skip("has class slots, which are drawn at random for every episode")
    params = double(learner.init_params(0))
    order = torch.tensor([2, 0, 1])
    support = dict(episode.support)
    for key in ("target", "membership"):
        support[key] = support[key][:, order]

    permuted = predict(learner, params, Episode(support, episode.query, False))

    expected = predict(learner, params, episode)[:, order]
    torch.testing.assert_close(permuted, expected, rtol=1e-6, atol=1e-8)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(expected[:, i], expected[:, j], rtol=1e-3), "of unlike classes"


@on_every
def test_slots_given_at_random_move_with_their_classes(
    make_any_learner, make_any_episode, name, kind
):
    learner, episode = make_any_learner(name, kind, n_slots=7), make_any_episode(kind)
    if learner.ignores_class_order:
        pytest.skip("has no class slots")
    params = double(learner.init_params(0))
    order, slots = torch.tensor([2, 0, 1]), torch.tensor([4, 6, 1, 0, 2, 3, 5])
    support = {**episode.support, "slots": slots}
    permuted = {**support, "slots": torch.cat([slots[:3][order], slots[3:]])}
    for key in ("target", "membership"):
        permuted[key] = permuted[key][:, order]

    found = predict(learner, params, Episode(permuted, episode.query, False))

    expected = predict(learner, params, Episode(support, episode.query, False))[:, order]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    assert not torch.allclose(expected, predict(learner, params, episode)[:, order])


@on_every
@pytest.mark.parametrize("n_classes", [1, 2, 50])
def test_one_support_row_a_class_is_enough(make_any_learner, name, kind, n_classes):
    learner = make_any_learner(name, kind, n_slots=50)
    params = learner.init_params(0)
    generator = torch.Generator().manual_seed(0)
    if kind in TABLES:
        X = torch.randn(n_classes, 3, 3, generator=generator).abs()
        rows = make_rows(X, range(n_classes), n_classes=n_classes, require_all_classes=True)
    else:
        X = torch.randn(n_classes, 1, 4, 4, generator=generator)
        rows = make_array_rows(X, range(n_classes), n_classes=n_classes)
    episode = Episode(rows, rows, is_regression=False)

    outputs = predict(learner, params, episode)
    grads, loss = learner.meta_grad(params, with_chance(learner, [episode]))

    assert outputs.shape == (n_classes, n_classes) and torch.isfinite(outputs).all()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(grad).all() for grad in grads.values())


@on_every
def test_more_classes_than_slots_are_refused(make_any_learner, make_any_episode, name, kind):
    learner, episode = make_any_learner(name, kind, n_slots=2), make_any_episode(kind)
    if learner.ignores_class_order:
        pytest.skip("has no class slots")
    params = double(learner.init_params(0))

    with pytest.raises(InvalidInputError, match="3 classes.*n_slots=3"):
        predict(learner, params, episode)


@on_every
@on_both
def test_the_meta_gradient_is_that_of_central_differences(
    make_any_learner, make_any_episode, name, kind, n_classes
):
    if name in NOT_A_GRADIENT:
        pytest.skip("compared with its defining formula")
    options = {"second_order": True} if name in FIRST_ORDER else {}
    learner = make_any_learner(name, kind, **options)
    if name == "leo":
        learner.encoder_share = 0.0  # its target is held constant: not a gradient of the loss
    params = double(learner.init_params(0))
    if kind == "look_up":
        # what the rows choose among candidates is held constant; without trust, nothing
        for part in params["scalars.bias"].chunk(2):
            part[6:8] = -100.0
    episodes = with_chance(
        learner, [make_any_episode(kind, seed, n_classes=n_classes) for seed in (0, 1)]
    )

    grads, _ = learner.meta_grad(params, episodes)

    def loss(params):
        return learner.meta_grad(params, episodes)[1].item()

    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        direction = {
            key: torch.randn(param.shape, generator=generator).double()
            for key, param in params.items()
        }
        size = 1e-6 / sum(d.square().sum() for d in direction.values()).sqrt()
        up, down = (
            loss({key: param + sign * size * direction[key] for key, param in params.items()})
            for sign in (1, -1)
        )
        found = sum((grads[key] * direction[key]).sum() for key in grads).item()
        assert found == pytest.approx((up - down) / (2 * size.item()), rel=1e-4, abs=1e-6)


@on_every
def test_what_proposes_weights_does_so_and_others_say_so(
    make_any_learner, make_any_episode, name, kind
):
    learner, episode = make_any_learner(name, kind), make_any_episode(kind)
    params = double(learner.init_params(0))

    if not learner.proposes_weights:
        with pytest.raises(InvalidInputError, match="proposes no weights"):
            learner.propose(params, episode.support, is_regression=False)
        return

    weights = learner.propose(params, episode.support, is_regression=False)
    adapted = learner.adapt(params, episode.support, is_regression=False, weights=weights)
    for found in (weights, adapted):
        assert found["head"].shape == (learner.backbone.n_features, 3)
    assert set(learner.inner_lr(params, is_regression=False)) <= set(weights)
