"""What the proposed network must not depend on, and what it must accept."""

import pytest
import torch

from autometa.episodes import pad_rows, stack_episodes
from autometa.networks import ColumnStatisticsInitialiser, embed, predict_outputs

KINDS = pytest.mark.parametrize("n_classes", [2, 5, None])


@pytest.fixture(scope="module")
def initialiser(tiny_network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ColumnStatisticsInitialiser(**tiny_network).double().requires_grad_(False)


def propose_and_predict(initialiser, support, query, is_regression):
    weights = initialiser(support, is_regression=is_regression)
    return predict_outputs(weights, support, query, is_regression=is_regression)


def predict(initialiser, episode):
    return propose_and_predict(initialiser, episode.support, episode.query, episode.is_regression)


def select(rows, index):
    """Take rows (a LongTensor) by their position."""
    per_row = ("X", "weight", "target", "membership")
    return {name: t[index] if name in per_row else t for name, t in rows.items()}


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@KINDS
def test_the_order_of_support_rows_does_not_matter(initialiser, make_episode, n_classes):
    episode = make_episode(n_classes=n_classes, double=True)
    expected = predict(initialiser, episode)

    shuffled = select(episode.support, torch.randperm(24))
    found = propose_and_predict(initialiser, shuffled, episode.query, episode.is_regression)

    close(found, expected)


@KINDS
def test_query_rows_do_not_influence_each_other(initialiser, make_episode, n_classes):
    episode = make_episode(n_classes=n_classes, double=True)
    expected = predict(initialiser, episode)

    index = torch.tensor([5, 2])
    found = propose_and_predict(
        initialiser, episode.support, select(episode.query, index), episode.is_regression
    )

    close(found, expected[index])


@KINDS
def test_the_order_of_columns_does_not_matter(initialiser, make_episode, n_classes):
    episode = make_episode(n_columns=6, n_classes=n_classes, double=True)
    order = torch.tensor([3, 0, 5, 4, 1, 2])
    support, query = (
        {**rows, "X": rows["X"][:, order]} for rows in (episode.support, episode.query)
    )

    found = propose_and_predict(initialiser, support, query, episode.is_regression)

    close(found, predict(initialiser, episode))


def test_the_order_of_classes_does_not_matter(initialiser, make_episode):
    episode = make_episode(n_classes=4, double=True)
    order = torch.tensor([2, 0, 3, 1])
    support = {
        **episode.support,
        "target": episode.support["target"][:, order],
        "membership": episode.support["membership"][:, order],
    }

    found = propose_and_predict(initialiser, support, episode.query, False)

    close(found, predict(initialiser, episode)[:, order])


@KINDS
def test_padding_changes_nothing(initialiser, make_episode, n_classes):
    episode = make_episode(n_classes=n_classes, double=True)
    n_padded = None if n_classes is None else n_classes + 2
    support = pad_rows(episode.support, n_rows=31, n_columns=7, n_classes=n_padded)
    query = pad_rows(episode.query, n_rows=12, n_columns=7, n_classes=n_padded)
    # what stands in the padding must not matter either
    support["X"][24:] = support["X"][:, 4:] = query["X"][:, 4:] = 0.7

    found = propose_and_predict(initialiser, support, query, episode.is_regression)

    n_outputs = 1 if n_classes is None else n_classes
    close(found[:9, :n_outputs], predict(initialiser, episode))
    assert (found[:, n_outputs:] < -1e8).all()


@KINDS
def test_padding_changes_nothing_when_the_rows_are_the_context(
    initialiser, make_episode, n_classes
):
    episode = make_episode(n_classes=n_classes, double=True)
    padded = pad_rows(episode.support, n_rows=31, n_columns=6, n_classes=n_classes)
    options = {"is_regression": episode.is_regression, "is_context": True}

    expected, found = (
        predict_outputs(
            initialiser(support, is_regression=episode.is_regression), support, support, **options
        )
        for support in (episode.support, padded)
    )

    close(found[:24], expected)


@KINDS
def test_a_row_of_weight_zero_is_none(initialiser, make_episode, n_classes):
    from autometa.episodes import make_rows, query_rows

    episode = make_episode(n_classes=n_classes)
    X = episode.support["X"].numpy()
    y = episode.support["target"][:, 0].numpy().astype(float)
    if n_classes is not None:
        y = episode.support["target"].argmax(1).numpy()
    weight = torch.ones(24).numpy()
    weight[7] = 0
    index = [*range(7), *range(8, 24)]

    outputs = []
    for support in (
        make_rows(X, y, weight, n_classes=n_classes),
        make_rows(X[index], y[index], n_classes=n_classes),
    ):
        support = {name: t.double() for name, t in support.items()}
        query = query_rows(support, X[:5], y[:5], n_classes=n_classes)
        query = {name: t.double() for name, t in query.items()}
        outputs.append(propose_and_predict(initialiser, support, query, episode.is_regression))

    # weights and targets pass through float32
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_columns", "n_classes"), [(1, 2), (1, None), (33, 12), (2, 12)])
def test_any_number_of_columns_and_classes_fits(initialiser, make_episode, n_columns, n_classes):
    episode = make_episode(n_columns=n_columns, n_classes=n_classes, double=True)

    outputs = predict(initialiser, episode)

    assert outputs.shape == (9, n_classes or 1)
    assert torch.isfinite(outputs).all()


@KINDS
def test_missing_cells_count_but_not_what_stands_in_them(initialiser, make_episode, n_classes):
    episode = make_episode(n_classes=n_classes, share_missing=0.4, double=True)
    expected = predict(initialiser, episode)
    other = {}
    for name, rows in (("support", episode.support), ("query", episode.query)):
        X = rows["X"].clone()
        X[..., :2] += 5 * X[..., 2:]
        other[name] = {**rows, "X": X}
    present = {**episode.query, "X": episode.query["X"] * torch.tensor([1.0, 1.0, 0.0])}

    found = propose_and_predict(
        initialiser, other["support"], other["query"], episode.is_regression
    )
    without_flag = propose_and_predict(initialiser, episode.support, present, episode.is_regression)

    close(found, expected)
    assert (without_flag - expected).abs().max() > 1e-4


@KINDS
def test_a_column_that_is_missing_everywhere_gives_finite_outputs_and_gradients(
    tiny_network, make_episode, n_classes
):
    episode = make_episode(n_classes=n_classes, double=True)
    episode.support["X"][:, 1] = torch.tensor([0.0, 0.0, 1.0]).double()
    initialiser = ColumnStatisticsInitialiser(**tiny_network).double()

    predict(initialiser, episode).square().sum().backward()

    assert all(torch.isfinite(p.grad).all() for p in initialiser.parameters() if p.grad is not None)


@KINDS
def test_the_target_shapes_the_proposal(initialiser, make_episode, n_classes):
    episode = make_episode(n_classes=n_classes, double=True)
    support = dict(episode.support)
    support["membership"] = support["membership"].flip(0)

    expected, found = (
        initialiser(rows, is_regression=episode.is_regression)["first"]
        for rows in (episode.support, support)
    )

    assert (found - expected).abs().max() > 1e-3


@KINDS
def test_a_stack_is_proposed_for_as_one_by_one(initialiser, make_episode, n_classes):
    episodes = [
        make_episode(
            seed, n_support=20 + seed, n_columns=2 + seed, n_classes=n_classes, double=True
        )
        for seed in range(3)
    ]
    stacked = stack_episodes(episodes)

    found = torch.func.vmap(
        lambda support, query: propose_and_predict(initialiser, support, query, n_classes is None)
    )(stacked.support, stacked.query)

    for i, episode in enumerate(episodes):
        close(found[i], predict(initialiser, episode))


def test_the_embedding_is_standardised(initialiser, make_episode):
    episode = make_episode(double=True)

    hidden = embed(initialiser(episode.support, is_regression=False), episode.query)

    torch.testing.assert_close(hidden.mean(1), torch.zeros(9).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(
        hidden.var(1, correction=0), torch.ones(9).double(), atol=0.01, rtol=0
    )


def test_dropout_masks_multiply_the_two_hidden_layers(initialiser, make_episode):
    episode = make_episode(double=True)
    weights = initialiser(episode.support, is_regression=False)
    mask = torch.ones(2, 9, 8).double()
    close(embed(weights, episode.query, mask), embed(weights, episode.query))

    mask[0, :, 2] = mask[1, :, 5] = 0
    found = embed(weights, episode.query, mask)

    # a unit that is dropped is one whose weights into it, or out of it, are zero
    lamed = {**weights, "first": weights["first"].clone(), "second": weights["second"].clone()}
    lamed["first"][:, :, 2] = lamed["second"][:, 5] = 0
    lamed["first_bias"], lamed["second_bias"] = (
        weights["first_bias"].clone(),
        weights["second_bias"].clone(),
    )
    lamed["first_bias"][2] = lamed["second_bias"][5] = 0
    close(found, embed(lamed, episode.query))
