"""Each algorithm against its formula, written out with plain autograd and loops."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from autometa.episodes import Episode, pool_rows, stack_episodes, take_rows
from autometa.exceptions import InvalidInputError
from autometa.metalearners import (
    ANIL,
    LEO,
    MAML,
    SNAIL,
    GraphNetwork,
    LSTMLearner,
    MatchingNetwork,
    MetaNetworks,
    MetaSGD,
    ProtoMAML,
    ProtoNet,
    Reptile,
    _gradient,
)

NETWORK = {"kind": "mlp", "n_inputs": 16, "hidden": [6, 5], "norm": False}
CLASSES = {"is_regression": False}


@pytest.fixture
def start(make_any_episode):
    """Make a learner, its parameters in double precision and an episode of three classes."""

    def make(learner_class, *, n_shots=2, **options):
        learner = learner_class(network=NETWORK, **options)
        params = {name: param.double() for name, param in learner.init_params(0).items()}
        return learner, params, make_any_episode("mlp", n_shots=n_shots)

    return make


def leaves(params):
    return {name: param.detach().clone().requires_grad_() for name, param in params.items()}


def embed(weights, rows):
    hidden = (rows["X"].flatten(1) @ weights["layer0"] + weights["layer0_bias"]).relu()
    return (hidden @ weights["layer1"] + weights["layer1_bias"]).relu()


def forward(weights, rows, n_classes=3):
    outputs = embed(weights, rows) @ weights["head"] + weights["head_bias"]
    return outputs[:, :n_classes]


def loss_of(weights, rows):
    return functional.cross_entropy(forward(weights, rows), rows["target"].argmax(1))


def descend(weights, names, rows, lr, *, create_graph):
    """One gradient step by autograd on some of the weights, each taken for itself."""
    weights = {name: 1 * weight for name, weight in weights.items()}
    grads = torch.autograd.grad(
        loss_of(weights, rows), [weights[name] for name in names], create_graph=create_graph
    )
    moved = {
        name: weights[name] - (lr[name] if isinstance(lr, dict) else lr) * grad
        for name, grad in zip(names, grads, strict=True)
    }
    return {**weights, **moved}


def seen(x):
    """Size and sign of numbers, as Andrychowicz et al. give them to an LSTM."""
    large = x.abs() >= torch.e**-10
    first = torch.where(large, x.abs().clamp(min=1e-30).log() / 10, torch.tensor(-1.0).double())
    second = torch.where(large, x.sign(), torch.e**10 * x)
    return torch.stack([first, second], -1)


def lstm_step(params, name, inputs, hidden, cell):
    gates = torch.cat([inputs, hidden], 1) @ params[f"{name}.weight"] + params[f"{name}.bias"]
    i, f, o, g = gates.chunk(4, dim=1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def part_of(params, part):
    """Weights of one of several networks."""
    return {n.removeprefix(f"{part}."): p for n, p in params.items() if n.startswith(f"{part}.")}


def meta_grad(learner, params, episode):
    return learner.meta_grad(params, stack_episodes([episode]))


def assert_grads(grads, loss, expected_loss, own):
    expected_loss.backward()
    torch.testing.assert_close(loss, expected_loss.detach())
    for name, grad in grads.items():
        expected = torch.zeros_like(grad) if own[name].grad is None else own[name].grad
        torch.testing.assert_close(grad, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("thin", [_gradient.THIN, 0])  # 0: no matrix of the network is formed
@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize(
    ("learner_class", "names"),
    [
        (MAML, ["layer0", "layer0_bias", "layer1", "layer1_bias", "head", "head_bias"]),
        (ANIL, ["head", "head_bias"]),
    ],
)
def test_maml_and_anil_are_gradient_steps_by_autograd(
    start, learner_class, names, second_order, thin, monkeypatch
):
    monkeypatch.setattr(_gradient, "THIN", thin)
    learner, params, episode = start(
        learner_class, n_inner_steps=2, step_size=0.3, second_order=second_order
    )
    grads, loss = meta_grad(learner, params, episode)

    own = leaves(params)
    weights = own
    for _ in range(2):
        weights = descend(weights, names, episode.support, 0.3, create_graph=second_order)
    assert_grads(grads, loss, loss_of(weights, episode.query), own)


def test_meta_sgd_has_a_step_size_for_every_element(start):
    learner, params, episode = start(MetaSGD)
    grads, loss = meta_grad(learner, params, episode)

    own = leaves(params)
    names = [name for name in own if not name.startswith("inner_lr")]
    lr = {name: own[f"inner_lr.{name}"] for name in names}
    weights = descend(own, names, episode.support, lr, create_graph=True)
    assert_grads(grads, loss, loss_of(weights, episode.query), own)
    assert all(lr[name].shape == params[name].shape for name in names)
    assert all(0.005 <= step.min() and step.max() <= 0.1 for step in lr.values())


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("inner_batch", [None, 5])
def test_reptile_points_from_trained_weights_to_the_first_ones(start, optimiser, inner_batch):
    learner, params, episode = start(
        Reptile,
        n_inner_steps=4,
        step_size=0.02,
        inner_optimiser=optimiser,
        inner_batch=inner_batch,
    )

    grads, _ = meta_grad(learner, params, episode)

    rows = pool_rows(episode.support, episode.query)
    n_rows = len(rows["weight"])
    trained = leaves(params)
    torch_optimiser = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.02),
        "adam": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.0, 0.999)),
    }[optimiser](trained.values())
    for step in range(4):
        size = inner_batch or n_rows
        places = [(step * size + i) % n_rows for i in range(size)]
        torch_optimiser.zero_grad()
        loss_of(trained, {name: rows[name][places] for name in ("X", "target")}).backward()
        torch_optimiser.step()
    for name, grad in grads.items():
        expected = params[name] - trained[name].detach()
        # columns of slots that no class has do not move
        torch.testing.assert_close(grad, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("inner_batch", [2, 5, 9])
def test_reptiles_mini_batches_pass_by_what_pads_an_episode(start, make_any_episode, inner_batch):
    learner, params, episode = start(
        Reptile, n_shots=1, n_inner_steps=7, step_size=0.02, inner_batch=inner_batch
    )
    stacked = stack_episodes([episode, make_any_episode("mlp", seed=1, n_shots=4, n_query=9)])
    padded = Episode(
        *({name: t[:1] for name, t in rows.items()} for rows in (stacked.support, stacked.query)),
        is_regression=False,
    )
    assert (padded.support["weight"] == 0).sum() == 9

    found = learner.meta_grad(params, padded)

    torch.testing.assert_close(found, meta_grad(learner, params, episode), rtol=1e-6, atol=1e-9)


def test_reptile_carries_adams_moments_on_as_one_optimiser_would(start, make_any_episode):
    learner, params, episode = start(Reptile, n_inner_steps=3, step_size=0.02, carries_moments=True)
    weights = leaves({name: params[name] for name in learner.adapted})
    optimiser = torch.optim.Adam(weights.values(), lr=0.02, betas=(0.0, 0.999))
    for seed in range(3):
        episode = make_any_episode("mlp", seed=seed, n_shots=2)
        grads, _ = meta_grad(learner, params, episode)
        params = {name: param - grads[name] for name, param in params.items()}  # a whole step
        rows = pool_rows(episode.support, episode.query)
        for _ in range(3):
            optimiser.zero_grad()
            loss_of(weights, rows).backward()
            optimiser.step()

    for name, weight in weights.items():
        torch.testing.assert_close(params[name], weight.detach(), rtol=1e-6, atol=1e-9)


def test_reptile_carries_no_moments_of_proposed_weights():
    with pytest.raises(InvalidInputError, match="needs one set of weights for all tasks"):
        Reptile(carries_moments=True)


def test_reptile_pulls_the_direction_back_through_what_proposes_weights(
    make_any_learner, make_any_episode
):
    learner, episode = make_any_learner("reptile", "columns"), make_any_episode("columns")
    params = {name: param.double() for name, param in learner.init_params(0).items()}

    grads, _ = learner.meta_grad(params, stack_episodes([episode]))

    rows = pool_rows(episode.support, episode.query)
    trained = learner.adapt(params, rows, **CLASSES)
    own = leaves(params)
    proposed = learner.propose(own, rows, **CLASSES)
    distance = sum((proposed[n] - trained[n].detach()).square().sum() / 2 for n in proposed)
    distance.backward()
    for name, grad in grads.items():
        torch.testing.assert_close(grad, own[name].grad, rtol=1e-7, atol=1e-10)


def test_prototypical_networks_compare_distances_to_class_means(start):
    learner, params, episode = start(ProtoNet)

    state = learner.adapt(params, episode.support, **CLASSES)
    found = learner.predict(params, state, episode.support, episode.query, **CLASSES)

    labels = episode.support["target"].argmax(1)
    hidden = embed(params, episode.support)
    means = torch.stack([hidden[labels == k].mean(0) for k in range(3)])
    logits = -torch.cdist(embed(params, episode.query), means).square()
    torch.testing.assert_close(found.log_softmax(1), logits.log_softmax(1))


@pytest.mark.parametrize("learner_class", [ProtoNet, ProtoMAML])
def test_a_class_without_rows_never_wins_however_far_the_others_are(
    learner_class, make_any_episode
):
    learner, episode = learner_class(network=NETWORK), make_any_episode("mlp", double=False)
    params = learner.init_params(0)
    params["layer1"] = 100 * params["layer1"]
    target = episode.support["target"].clone()
    target[:, 1] += target[:, 2]
    target[:, 2] = 0
    support = {**episode.support, "X": 10 * episode.support["X"], "target": target}
    query = {**episode.query, "X": 0 * episode.query["X"], "target": target}

    def loss(params):
        return learner.episode_loss(params, support, query, is_regression=False)

    weights = learner.propose(params, support, is_regression=False)
    logits = learner.backbone.predict(weights, support, query, is_regression=False)
    assert logits[:, :2].max(1).values.min() < -1e4 and (logits.argmax(1) < 2).all()
    grads = torch.func.grad(loss)(params)
    assert all(torch.isfinite(grad).all() for grad in grads.values())


def test_proto_maml_starts_there_and_then_takes_gradient_steps(start):
    learner, params, episode = start(ProtoMAML, step_size=0.1)
    proto, _, _ = start(ProtoNet)
    grads, loss = meta_grad(learner, params, episode)

    own = leaves(params)
    weights = proto.propose(own, episode.support, **CLASSES)
    names = ["layer0", "layer0_bias", "layer1", "layer1_bias", "head", "head_bias"]
    weights = descend(weights, names, episode.support, 0.1, create_graph=True)
    assert_grads(grads, loss, loss_of(weights, episode.query), own)


def test_matching_networks_average_labels_by_cosine(start):
    learner, params, episode = start(MatchingNetwork)

    state = learner.adapt(params, episode.support, **CLASSES)
    found = learner.predict(params, state, episode.support, episode.query, **CLASSES)

    keys, queries = embed(params, episode.support), embed(params, episode.query)
    scale = params["log_scale"].exp()
    for i, query in enumerate(queries):
        attention = (scale * functional.cosine_similarity(query, keys, dim=1)).softmax(0)
        expected = (attention @ episode.support["target"]).log()
        torch.testing.assert_close(found[i], expected)


def test_the_lstm_over_the_support_is_torchs(start):
    learner, params, episode = start(MatchingNetwork, full_context=True, n_reads=0)
    memory = learner.adapt(params, episode.support, **CLASSES)["memory"]

    lstm = torch.nn.LSTM(5, 5, bidirectional=True).double()
    for name, suffix in (("forward_lstm", ""), ("backward_lstm", "_reverse")):
        # ours orders the gates input, forget, output, candidate; torch's input, forget, candidate
        order = torch.cat([torch.arange(10), torch.arange(15, 20), torch.arange(10, 15)])
        weight = params[f"{name}.weight"].T[order]
        for key, value in (
            (f"weight_ih_l0{suffix}", weight[:, :5]),
            (f"weight_hh_l0{suffix}", weight[:, 5:]),
            (f"bias_ih_l0{suffix}", params[f"{name}.bias"][order]),
            (f"bias_hh_l0{suffix}", torch.zeros(20)),
        ):
            getattr(lstm, key).data.copy_(value)
    hidden = embed(params, episode.support)
    outputs = lstm(hidden)[0].detach()
    torch.testing.assert_close(memory, hidden + outputs[:, :5] + outputs[:, 5:])


def test_rows_to_predict_read_the_support_by_an_lstm_with_attention(start):
    learner, params, episode = start(MatchingNetwork, full_context=True, n_reads=3)
    state = learner.adapt(params, episode.support, **CLASSES)

    found = learner.predict(params, state, episode.support, episode.query, **CLASSES)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum()

    memory, target = state["memory"].numpy(), episode.support["target"].numpy()
    scale = params["log_scale"].exp().item()
    weight, bias = (params[f"reading_lstm.{part}"].numpy() for part in ("weight", "bias"))
    for i, embedded in enumerate(embed(params, episode.query).numpy()):
        hidden, cell = embedded, np.zeros(5)
        for _ in range(3):
            read = softmax(memory @ hidden) @ memory
            gates = np.concatenate([embedded, read, hidden]) @ weight + bias
            take, keep, show, new = np.split(gates, 4)
            cell = sigmoid(keep) * cell + sigmoid(take) * np.tanh(new)
            hidden = sigmoid(show) * np.tanh(cell) + embedded
        lengths = np.linalg.norm(memory, axis=1) * np.linalg.norm(hidden)
        expected = np.log(softmax(scale * (memory @ hidden) / lengths) @ target)
        np.testing.assert_allclose(found[i].numpy(), expected, rtol=1e-6)


def test_full_context_embeddings_change_predictions(start):
    found = []
    for n_reads in (0, 3):
        learner, params, episode = start(MatchingNetwork, full_context=True, n_reads=n_reads)
        state = learner.adapt(params, episode.support, **CLASSES)
        found.append(learner.predict(params, state, episode.support, episode.query, **CLASSES))

    assert not torch.allclose(*found)


def test_leo_without_chance_decodes_the_mean_code_and_moves_it(start):
    learner, params, episode = start(LEO, n_latent=3, n_latent_steps=2, n_weight_steps=1)
    spread_step_sizes(params)

    found = learner.adapt(params, episode.support, **CLASSES)

    support, labels = episode.support, episode.support["target"].argmax(1)
    hidden = embed(params, support)
    encoded = hidden @ params["encoder"]

    def relate(pair):
        for i in range(3):
            pair = pair @ params[f"relation{i}.weight"] + params[f"relation{i}.bias"]
            pair = pair.relu() if i < 2 else pair
        return pair

    codes = []
    for k in range(3):
        pairs = [relate(torch.cat([a, b])) for a in encoded[labels == k] for b in encoded]
        codes.append(torch.stack(pairs).mean(0)[:3])
    codes = torch.stack(codes).detach().requires_grad_()

    def decoded_loss(codes):
        head = (codes @ params["decoder"])[:, :5].T
        return functional.cross_entropy(hidden @ head, labels)

    for _ in range(2):
        (grad,) = torch.autograd.grad(decoded_loss(codes), codes)
        # one step size for every element of a code
        codes = (codes - params["log_latent_lr"].exp()[None, :] * grad).detach().requires_grad_()
    head = (codes @ params["decoder"])[:, :5].T.detach().requires_grad_()
    (grad,) = torch.autograd.grad(functional.cross_entropy(hidden @ head, labels), head)
    # and one for every feature
    expected = head - params["log_weight_lr"].exp()[:, None] * grad
    torch.testing.assert_close(found["head"], expected.detach(), rtol=1e-6, atol=1e-9)


def spread_step_sizes(params):
    params["log_latent_lr"] += torch.tensor([0.0, 0.5, -0.5])
    params["log_weight_lr"] += torch.tensor([5.0, 4.0, 3.0, 5.5, 4.5])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_leos_outer_loss_is_that_of_its_samples_and_of_the_features_it_sees(start, dropout):
    without_penalties = {"kl_share": 0.0, "encoder_share": 0.0, "orthogonality_share": 0.0}
    options = {"n_latent": 3, "n_latent_steps": 1, "n_weight_steps": 1, "dropout": dropout}
    learner, params, episode = start(LEO, **options, **without_penalties)
    spread_step_sizes(params)
    generator = torch.Generator().manual_seed(0)
    episodes = learner.draw_chance(stack_episodes([episode]), generator)

    _, loss = learner.meta_grad(params, episodes)

    support, query = (
        {name: t[0] for name, t in rows.items()} for rows in (episodes.support, episodes.query)
    )
    labels, hidden = support["target"].argmax(1), embed(params, support)
    plain = {name: t for name, t in support.items() if not name.startswith("chance")}
    found = learner._encode(params, hidden * support["chance.encoded"], plain, False)
    deviation = (0.5 * found["log_variance"]).exp()
    codes = (found["mean"] + deviation * support["chance.codes"]).detach().requires_grad_()
    seen = hidden * support["chance.seen"]

    def decode(codes, step):
        decoded = codes @ params["decoder"]
        glorot = (2 / (5 + 3)) ** 0.5
        deviation = (decoded[:, 5:].exp() - (1 - glorot)).clamp(min=1e-10)
        return (decoded[:, :5] + deviation * support["chance.weights"][step]).T

    (grad,) = torch.autograd.grad(functional.cross_entropy(seen @ decode(codes, 0), labels), codes)
    head = decode(codes - params["log_latent_lr"].exp() * grad, 1).detach().requires_grad_()
    (grad,) = torch.autograd.grad(functional.cross_entropy(seen @ head, labels), head)
    head = head - params["log_weight_lr"].exp()[:, None] * grad
    logits = (embed(params, query) * query["chance.seen"]) @ head
    expected = functional.cross_entropy(logits, query["target"].argmax(1))
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-6, atol=1e-9)
    assert (seen == hidden).all() == (dropout == 0)


@pytest.mark.parametrize("learner_class", [LEO, SNAIL, GraphNetwork])
def test_of_a_table_sorted_by_class_all_classes_are_read(learner_class, make_episode):
    learner = learner_class(network={"kind": "columns", "n_hidden": 8, "n_token": 8})
    support = make_episode(n_support=240).support
    support = take_rows(support, support["target"].argmax(1).argsort())
    params = learner.init_params(0)

    if learner_class is LEO:
        hidden = torch.ones(240, 8)
        read = learner._encode(params, hidden, support, is_regression=False)["mean"].abs().sum(1)
    else:
        state = learner.adapt(params, support, **CLASSES)
        rows = state["sequence"] if learner_class is SNAIL else state["nodes"]
        read = rows[:, 8:11].sum(0)  # labels stand behind the features

    assert (read > 0).all()


def test_leo_proposes_what_codes_decode_to_once_they_have_moved(start):
    learner, params, episode = start(LEO, n_latent=3, n_weight_steps=0)
    at_rest, _, _ = start(LEO, n_latent=3, n_latent_steps=0)

    moved, first = (
        one.propose(params, episode.support, **CLASSES)["head"] for one in (learner, at_rest)
    )

    torch.testing.assert_close(moved, learner.adapt(params, episode.support, **CLASSES)["head"])
    assert not torch.allclose(moved, first)


@pytest.mark.parametrize("share", ["kl_share", "encoder_share", "orthogonality_share"])
def test_every_penalty_of_leo_counts(start, share):
    losses = []
    for value in (0.0, 1.0):
        learner, params, episode = start(LEO, n_latent=3, **{share: value})
        losses.append(meta_grad(learner, params, episode)[1].item())

    assert losses[1] > losses[0] + 1e-6


def test_leos_penalties_are_a_divergence_a_distance_and_a_correlation(start):
    shares = {"kl_share": 0.0, "encoder_share": 0.0, "orthogonality_share": 0.0}
    plain, params, episode = start(LEO, n_latent=3, n_latent_steps=1, **shares)
    loss = meta_grad(plain, params, episode)[1]
    _, found, moved = plain._move_codes(params, episode.support, False)
    start_of_codes = torch.distributions.Normal(found["mean"], (found["log_variance"] / 2).exp())
    standard = torch.distributions.Normal(0.0, 1.0)
    correlation = torch.corrcoef(params["decoder"]) - torch.eye(3).double()
    expected = {
        "kl_share": torch.distributions.kl_divergence(start_of_codes, standard).sum(1).mean(),
        "encoder_share": (moved - found["codes"]).square().sum(1).mean(),
        "orthogonality_share": correlation.square().mean(),
    }

    for share, penalty in expected.items():
        learner, _, _ = start(LEO, n_latent=3, n_latent_steps=1, **{**shares, share: 2.0})
        more = meta_grad(learner, params, episode)[1] - loss
        torch.testing.assert_close(more, 2 * penalty, rtol=1e-6, atol=1e-9)


def test_leo_samples_while_it_is_meta_trained_only(start):
    learner, params, episode = start(LEO, n_latent=3)
    episodes = stack_episodes([episode])
    drawn = [
        learner.draw_chance(episodes, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]

    first, same, other = (learner.meta_grad(params, found)[1].item() for found in drawn)

    assert first == same != other
    assert first != learner.meta_grad(params, episodes)[1].item()


def adapt_by_gates(params, support):
    """Three steps of the LSTM meta-learner, weight by weight; gradients and losses are numbers."""
    names = ["layer0", "layer0_bias", "layer1", "layer1_bias", "head", "head_bias"]
    weights = {name: params[name] for name in names}
    weights["head"], weights["head_bias"] = params["head"][:, :3], params["head_bias"][:3]
    state = {
        name: [torch.zeros(w.numel(), 4).double(), torch.zeros(w.numel(), 4).double(),
               torch.zeros(w.numel()).double(), torch.ones(w.numel()).double()]
        for name, w in weights.items()
    }  # fmt: skip

    for _ in range(3):
        own = leaves(weights)
        loss = loss_of(own, support)
        grads = dict(zip(own, torch.autograd.grad(loss, own.values()), strict=True))
        for name, weight in weights.items():
            hidden, cell, take, keep = state[name]
            grad, flat = grads[name].flatten(), weight.flatten()
            inputs = torch.cat([seen(grad), seen(loss.detach()).expand(len(flat), 2)], 1)
            hidden, cell = lstm_step(params, "lstm.reader", inputs, hidden, cell)
            both = []
            for gate, before in (("input_gate", take), ("forget_gate", keep)):
                inputs = torch.cat([hidden, torch.stack([flat, before], 1)], 1)
                value = inputs @ params[f"lstm.{gate}.weight"] + params[f"lstm.{gate}.bias"]
                both.append(value.sigmoid().squeeze(1))
            take, keep = both
            weights[name] = (keep * flat - take * grad).view(weight.shape)
            state[name] = [hidden, cell, take, keep]
    return weights


def test_the_lstm_learner_is_its_cell_written_out(start):
    learner, params, episode = start(LSTMLearner, n_inner_steps=3, n_hidden=4)

    found = learner.adapt(params, episode.support, **CLASSES)

    for name, weight in adapt_by_gates(params, episode.support).items():
        torch.testing.assert_close(found[name], weight)


def test_the_lstm_learners_gradient_holds_gradients_and_losses_constant(start):
    learner, params, episode = start(LSTMLearner, n_inner_steps=3, n_hidden=4)
    grads, loss = meta_grad(learner, params, episode)
    full, _, _ = start(LSTMLearner, n_inner_steps=3, n_hidden=4, second_order=True)

    own = leaves(params)
    weights = adapt_by_gates(own, episode.support)
    assert_grads(grads, loss, loss_of(weights, episode.query), own)

    others, same_loss = meta_grad(full, params, episode)
    torch.testing.assert_close(loss, same_loss)
    assert any(not torch.allclose(grads[n], others[n], rtol=1e-3, atol=0) for n in grads)


def test_the_lstm_learner_starts_with_small_steps_that_forget_little(start):
    learner, params, episode = start(LSTMLearner, n_inner_steps=1)

    found = learner.adapt(params, episode.support, **CLASSES)

    kept = found["layer0"] / params["layer0"]
    assert 0.9 < kept.median() < 1.0


def read_as_one_sequence(learner, params, sequence):
    """SNAIL's blocks over a whole sequence, as the paper writes them; the last output."""

    def apply(name, inputs):
        return inputs @ params[f"{name}.weight"] + params[f"{name}.bias"]

    for kind, name, size, _ in learner._blocks():
        if kind == "attention":
            query, key, value = (apply(f"{name}.{p}", sequence) for p in ("query", "key", "value"))
            is_later = torch.ones(len(sequence), len(sequence)).triu(1).bool()
            scores = (query @ key.T).masked_fill(is_later, -torch.inf) / size**0.5
            added = scores.softmax(1) @ value
        else:
            earlier = torch.zeros_like(sequence)
            earlier[size:] = sequence[:-size] if size < len(sequence) else earlier[size:]
            taps = torch.cat([earlier, sequence], dim=1)
            added = apply(f"{name}.filter", taps).tanh() * apply(f"{name}.gate", taps).sigmoid()
        sequence = torch.cat([sequence, added], dim=1)
    return apply("snail.out", sequence[-1])


def test_snail_reads_the_support_and_each_row_as_one_causal_sequence():
    learner = SNAIL(width=4, max_rows=7, network=NETWORK)
    params = {name: param.double() for name, param in learner.init_params(0).items()}
    generator = torch.Generator().manual_seed(0)
    sequence = torch.randn(6, 11, generator=generator).double()
    last = torch.randn(3, 11, generator=generator).double()

    found = learner._read(params, sequence, torch.ones(6).double(), last)

    for row, output in zip(last, found, strict=True):
        whole = torch.cat([sequence, row.unsqueeze(0)])
        torch.testing.assert_close(output, read_as_one_sequence(learner, params, whole))


def test_snails_blocks_are_those_of_the_paper():
    learner = SNAIL(n_slots=5, max_rows=25, network={"kind": "convolutional"})

    shapes = {name: tuple(param.shape) for name, param in learner.init_params(0).items()}

    # AttentionBlock(64, 32), TCBlock(NK + 1, 128), (256, 128), TCBlock, (512, 256), for NK = 25
    assert learner.dilations == [2, 4, 8, 16, 32]
    first = 64 + 6
    assert shapes["snail.attention0.key.weight"] == (first, 64)
    assert shapes["snail.attention0.value.weight"] == (first, 32)
    assert shapes["snail.dense0.2.filter.weight"] == (2 * (first + 32), 128)
    assert shapes["snail.attention1.key.weight"][1] == 256
    assert shapes["snail.attention1.value.weight"][1] == 128
    assert shapes["snail.attention2.key.weight"][1] == 512
    assert shapes["snail.out.weight"] == (first + 32 + 2 * 5 * 128 + 128 + 256, 6)


def test_the_graph_network_ignores_the_order_of_support_rows(start):
    learner, params, episode = start(GraphNetwork, n_features=4)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    per_row = ("X", "weight", "target", "membership")
    support = {n: t[order] if n in per_row else t for n, t in episode.support.items()}

    found = [
        learner.predict(
            params, learner.adapt(params, rows, **CLASSES), rows, episode.query, **CLASSES
        )
        for rows in (episode.support, support)
    ]

    torch.testing.assert_close(*found)


def test_the_adjacency_has_no_loops_and_sums_to_one(start):
    learner, params, episode = start(GraphNetwork, n_features=4)
    nodes = torch.randn(2, 5, 5 + 6, generator=torch.Generator().manual_seed(0)).double()
    is_there = torch.tensor([1.0, 1, 1, 1, 0]).double()

    found = learner._adjacency(params, 0, nodes, is_there.expand(2, 5), is_there)

    torch.testing.assert_close(found.sum(-1), torch.ones(2, 5).double())
    assert found.diagonal(dim1=1, dim2=2).max() < 1e-9 and found[..., 4].max() < 1e-9


def test_a_layer_of_the_graph_network_is_that_of_the_paper(start):
    learner, params, episode = start(GraphNetwork, n_features=4, n_layers=1)
    state = learner.adapt(params, episode.support, **CLASSES)

    found = learner.predict(params, state, episode.support, episode.query, **CLASSES)

    def normalised(name, channels):
        gain, shift = params[f"{name}.gain"], params[f"{name}.shift"]
        channels = functional.batch_norm(channels, None, None, gain, shift, training=True)
        return functional.leaky_relu(channels)

    def adjacency(layer, nodes):
        # a perceptron of the absolute difference of two nodes, then a softmax over neighbours
        pairs = (nodes[:, :, None] - nodes[:, None]).abs().permute(0, 3, 1, 2)
        for i in range(4):
            name = f"gnn.adjacency{layer}.{i}"
            kernel = params[f"{name}.weight"].T[:, :, None, None]
            pairs = normalised(name, functional.conv2d(pairs, kernel))
        kernel = params[f"gnn.adjacency{layer}.out"].T[:, :, None, None]
        scores = functional.conv2d(pairs, kernel)[:, 0]
        return scores.masked_fill(torch.eye(scores.shape[1]).bool(), -torch.inf).softmax(2)

    def both(layer, nodes):
        # the paper's operators: the identity and the learned adjacency
        return torch.cat([nodes, torch.bmm(adjacency(layer, nodes), nodes)], dim=2)

    # labels are one-hot, of the row to predict even; five slots and one place for numbers
    labels = functional.pad(episode.support["target"], (0, 3))
    support = torch.cat([embed(params, episode.support), labels], dim=1)
    unknown = torch.tensor([1 / 3, 1 / 3, 1 / 3, 0, 0, 0]).double()
    graphs = torch.stack(
        [
            torch.cat([torch.cat([row, unknown])[None], support])
            for row in embed(params, episode.query)
        ]
    )
    mixed = (both(0, graphs) @ params["gnn.mix0.weight"]).transpose(1, 2)
    graphs = torch.cat([graphs, normalised("gnn.mix0", mixed).transpose(1, 2)], dim=2)
    outputs = both(1, graphs)[:, 0] @ params["gnn.out.weight"] + params["gnn.out.bias"]
    torch.testing.assert_close(found, outputs[:, :3], rtol=1e-6, atol=1e-6)


def test_meta_networks_make_fast_weights_from_a_sequence_of_gradients(start):
    learner, params, episode = start(MetaNetworks, n_hidden=3, n_samples=4)

    state = learner.adapt(params, episode.support, **CLASSES)

    slow = part_of(params, "representation")
    for name in ("layer0", "layer0_bias", "layer1", "layer1_bias"):
        hidden = cell = torch.zeros(slow[name].numel(), 3).double()
        for i in range(4):
            row = {key: episode.support[key][i : i + 1] for key in ("X", "target")}
            own = leaves({name: slow[name]})
            (grad,) = torch.autograd.grad(loss_of({**slow, **own}, row), own.values())
            hidden, cell = lstm_step(params, "sequence_learner", seen(grad.flatten()), hidden, cell)
        made = hidden @ params["sequence_out.weight"] + params["sequence_out.bias"]
        torch.testing.assert_close(state[f"fast.{name}"].flatten(), made.squeeze(1))


def test_meta_networks_store_what_they_make_of_every_rows_gradient(start):
    learner, params, episode = start(MetaNetworks, n_hidden=3)

    state = learner.adapt(params, episode.support, **CLASSES)

    base = part_of(params, "base")
    own = {"head": base["head"], "head_bias": base["head_bias"]}
    for i in range(6):
        rows = {name: episode.support[name][i : i + 1] for name in ("X", "target")}
        row_own = leaves(own)
        loss = loss_of({**base, **row_own}, rows)
        head_grad, bias_grad = torch.autograd.grad(loss, row_own.values())
        grads = torch.cat([head_grad, bias_grad.unsqueeze(0)])
        made = seen(grads)
        for layer in range(3):
            name = f"weight_learner{layer}"
            made = made @ params[f"{name}.weight"] + params[f"{name}.bias"]
            made = made.relu() if layer < 2 else made
        torch.testing.assert_close(state["fast_heads"][i], made.squeeze(-1))


def test_meta_networks_read_fast_heads_by_cosine(start):
    learner, params, episode = start(MetaNetworks, n_hidden=3)
    state = learner.adapt(params, episode.support, **CLASSES)

    found = learner.predict(params, state, episode.support, episode.query, **CLASSES)

    base, slow = (part_of(params, part) for part in ("base", "representation"))
    fast = part_of(state, "fast")
    hidden = episode.query["X"].flatten(1)
    for layer in ("layer0", "layer1"):
        hidden = sum((hidden @ w[layer] + w[f"{layer}_bias"]).relu() for w in (slow, fast))
    for i, row in enumerate(hidden):
        read = functional.cosine_similarity(row, state["keys"], dim=1).softmax(0)
        head = torch.einsum("m,mfo->fo", read, state["fast_heads"])
        one = {"X": episode.query["X"][i : i + 1]}
        embedded = embed(base, one)
        expected = embedded @ (base["head"] + head[:-1]) + base["head_bias"] + head[-1]
        torch.testing.assert_close(found[i], expected[0, :3])


@pytest.mark.parametrize("learner_class", [SNAIL, GraphNetwork, MetaNetworks])
def test_slots_are_drawn_for_every_episode(start, learner_class):
    learner, _, episode = start(learner_class)
    stacked = stack_episodes([episode] * 8)

    found = learner.draw_chance(stacked, torch.Generator().manual_seed(0)).support["slots"]

    assert found.shape == (8, learner.n_slots)
    assert (found.sort(1).values == torch.arange(learner.n_slots)).all()
    assert len({tuple(row) for row in found.tolist()}) > 1
    assert isinstance(stacked, Episode) and "slots" not in stacked.support
