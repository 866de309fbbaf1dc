from dataclasses import replace

import numpy as np
import pytest
import torch

from autometa.episodes import make_rows
from autometa.families import (
    EncodedTask,
    NetworkModel,
    NetworkRun,
    adapt_model,
    propose_model,
    space,
)
from autometa.families import adapted_network as family
from autometa.families.adapted_network import ADAPTED_TENSORS, DEFAULT_CONFIG
from autometa.metalearners import query_loss
from autometa.networks import predict_outputs

KINDS = pytest.mark.parametrize("n_classes", [3, None])
ALL = ADAPTED_TENSORS["all"]
PLAIN = {"dropout": 0.0, "weight_decay": 0.0, "step_size": 3.0}
CONFIGS = [
    {"optimiser": "adamw", "step_size": 3.0, "dropout": 0.3, "weight_decay": 0.2},
    {"optimiser": "learned_sgd", "step_size": 2.0, "dropout": 0.1},
    {"optimiser": "adamw", "step_size": 5.0, "adapted_tensors": "upper", "label_smoothing": 0.1},
    {"optimiser": "learned_sgd", "step_size": 1.0, "adapted_tensors": "head", "dropout": 0.4},
]


@pytest.fixture
def make_run(tiny_initialisation):
    def make(task, configs, weight=None, seed=0, device="cpu", **options):
        weight = task.weight[None] if weight is None else weight
        return NetworkRun(
            task, weight, configs, tiny_initialisation, seed=seed, device=device, **options
        )

    return make


def predict(run, task):
    return run.predict(np.repeat(task.X[None], len(run.train_weight), axis=0))


@pytest.fixture
def few_rows(monkeypatch):
    """Make tables of more than 16 rows large ones."""
    cap_rows(monkeypatch, 16)


def cap_rows(monkeypatch, n_rows):
    for name in ("MAX_STEP_ROWS", "MAX_CONTEXT_ROWS", "FEWEST_CONTEXT_ROWS"):
        monkeypatch.setattr(family, name, n_rows)


def adapted(make_run, task, config, n_steps=8, **options):
    run = make_run(task, [config], **options)
    run.advance(n_steps)
    return run


@KINDS
@pytest.mark.parametrize("is_large", [False, True])
def test_a_configuration_alone_gives_the_numbers_that_it_gives_in_a_group(
    make_run, make_encoded_task, make_thirds, n_classes, is_large, monkeypatch
):
    if is_large:
        cap_rows(monkeypatch, 16)
    task = make_encoded_task(n_classes=n_classes)
    weight = make_thirds(task).train_weight
    group = make_run(task, CONFIGS, weight)
    group.advance(10)

    for i, config in enumerate(CONFIGS):
        alone = adapted(make_run, task, config, 10, weight=weight)
        np.testing.assert_allclose(
            predict(alone, task)[0], predict(group, task)[i], rtol=1e-3, atol=1e-4
        )


@KINDS
def test_a_fold_alone_gives_the_numbers_that_it_gives_among_others(
    make_run, make_encoded_task, make_thirds, n_classes
):
    task = make_encoded_task(n_classes=n_classes)
    weight = make_thirds(task).train_weight
    together = adapted(make_run, task, CONFIGS[0], weight=weight)

    for fold in range(3):
        alone = adapted(make_run, task, CONFIGS[0], weight=weight[fold : fold + 1])
        np.testing.assert_allclose(
            predict(alone, task)[0, 0], predict(together, task)[0, fold], rtol=1e-3, atol=1e-4
        )


@KINDS
def test_rows_of_weight_zero_are_as_good_as_absent(
    make_run, make_encoded_task, make_thirds, n_classes
):
    task = make_encoded_task(n_classes=n_classes)
    weight = make_thirds(task).train_weight[:1]
    rows = np.flatnonzero(weight[0])
    part = EncodedTask(task.X[rows], task.y[rows], task.weight[rows], n_classes)

    # dropout is drawn row by row, so without it
    by_weight = adapted(make_run, task, PLAIN, 12, weight=weight)
    by_rows = adapted(make_run, part, PLAIN, 12)

    np.testing.assert_allclose(
        predict(by_weight, task), predict(by_rows, task), rtol=2e-3, atol=1e-3
    )


@KINDS
def test_dropping_configurations_keeps_the_numbers_of_the_others(
    make_run, make_encoded_task, n_classes
):
    task = make_encoded_task(n_classes=n_classes)
    whole, thinned = make_run(task, CONFIGS), make_run(task, CONFIGS)
    for run in (whole, thinned):
        run.advance(4)

    thinned.drop(np.array([True, False, True, False]))
    assert thinned.active == [1, 3]
    for run in (whole, thinned):
        run.advance(4)

    expected = predict(whole, task)[[1, 3]]
    np.testing.assert_allclose(predict(thinned, task), expected, rtol=1e-3, atol=1e-4)
    thinned.drop(np.array([True, True]))
    assert thinned.active == [] and thinned.next_report is None


@pytest.mark.parametrize("optimiser", ["adamw", "learned_sgd"])
@pytest.mark.parametrize("part", list(ADAPTED_TENSORS))
def test_only_the_tensors_asked_for_move(make_run, make_encoded_task, optimiser, part):
    task = make_encoded_task()
    config = {"optimiser": optimiser, "adapted_tensors": part, "step_size": 3.0}
    before = make_run(task, [config]).weights

    after = adapted(make_run, task, config, 3).weights

    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == set(ADAPTED_TENSORS[part])


#: Distances near 0 lose digits, and their root, of which a kernel is made, loses half of them.
FLOAT32 = {"rtol": 1e-3, "atol": 1e-4}


@KINDS
def test_without_a_step_it_is_the_proposal(
    make_run, make_encoded_task, tiny_initialisation, n_classes
):
    task = make_encoded_task(n_classes=n_classes)

    run = make_run(task, CONFIGS[:2])

    rows = make_rows(task.X, task.y, n_classes=n_classes)
    options = {"is_regression": n_classes is None}
    learner = tiny_initialisation.learner
    weights = learner.propose(tiny_initialisation.params, rows, **options)
    outputs = predict_outputs(weights, rows, rows, **options).detach()
    expected = outputs.softmax(-1)
    if n_classes is None:
        expected = outputs[:, 0] * rows["target_scale"] + rows["target_mean"]
    for found in predict(run, task)[:, 0]:
        np.testing.assert_allclose(found, expected, **FLOAT32)
    proposed = propose_model(task, tiny_initialisation).predict(task.X)
    np.testing.assert_allclose(proposed, expected, **FLOAT32)
    unmoved = adapt_model(task, tiny_initialisation, {}, n_steps=0, n_bags=2, seed=0, device="cpu")
    np.testing.assert_allclose(unmoved.predict(task.X), proposed, **FLOAT32)


@KINDS
def test_a_step_of_learned_sgd_is_the_step_by_hand(
    make_run, make_encoded_task, tiny_initialisation, n_classes
):
    task = make_encoded_task(n_classes=n_classes)
    config = {**PLAIN, "optimiser": "learned_sgd", "step_size": 0.7, "weight_decay": 0.5}

    found = adapted(make_run, task, config, 2).weights

    rows = make_rows(task.X, task.y, n_classes=n_classes)
    options = {"is_regression": n_classes is None}
    start = tiny_initialisation.learner.propose(tiny_initialisation.params, rows, **options)
    weights = {name: tensor.detach() for name, tensor in start.items()}
    learned = tiny_initialisation.learner.inner_lr(tiny_initialisation.params, **options)
    start = dict(weights)
    for _ in range(2):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
        query_loss(leaves, rows, rows, is_context=True, **options).backward()
        for name in learned:
            step = 0.7 * learned[name]
            pull = leaves[name].grad + 0.5 * (weights[name] - start[name])
            weights[name] = weights[name] - step * pull
    for name in learned:
        torch.testing.assert_close(found[name][0, 0], weights[name], rtol=1e-3, atol=1e-5)


def test_a_first_step_of_adamw_has_the_size_asked_for(make_run, make_encoded_task):
    task = make_encoded_task()
    before = make_run(task, [PLAIN]).weights["second"]

    after = adapted(make_run, task, PLAIN, 1).weights["second"]

    assert (after - before).abs().max().item() == pytest.approx(3e-3, rel=1e-3)


@pytest.mark.parametrize("optimiser", ["adamw", "learned_sgd"])
@pytest.mark.parametrize(
    "change",
    [
        {"dropout": 0.3},
        {"weight_decay": 5.0},
        {"label_smoothing": 0.1},
        {"step_size": 1.0},
        {"adapted_tensors": "upper"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_hyperparameter_changes_the_result(make_run, make_encoded_task, optimiser, change):
    task = make_encoded_task()
    config = {**PLAIN, "optimiser": optimiser}

    first, second = (
        predict(adapted(make_run, task, c), task) for c in (config, {**config, **change})
    )

    assert np.abs(first - second).max() > 1e-5


def test_the_seed_changes_the_dropout_and_nothing_else(make_run, make_encoded_task):
    task = make_encoded_task()

    def predictions(config, seed):
        return predict(adapted(make_run, task, config, seed=seed), task)

    np.testing.assert_array_equal(predictions(PLAIN, 0), predictions(PLAIN, 1))
    np.testing.assert_array_equal(predictions(CONFIGS[0], 0), predictions(CONFIGS[0], 0))
    assert np.abs(predictions(CONFIGS[0], 0) - predictions(CONFIGS[0], 1)).max() > 1e-5


@KINDS
def test_adapting_lowers_the_loss_on_what_it_is_trained_on(make_run, make_encoded_task, n_classes):
    task = make_encoded_task(n_classes=n_classes, share_missing=0.0)

    def loss(run):
        found = predict(run, task)[0, 0]
        if n_classes is None:
            return np.mean((found - task.y) ** 2)
        return -np.log(found[np.arange(len(task.y)), task.y]).mean()

    assert loss(adapted(make_run, task, PLAIN, 60)) < 0.9 * loss(make_run(task, [PLAIN]))


def test_bags_differ_in_their_noise_and_are_averaged(make_encoded_task, tiny_initialisation):
    task = make_encoded_task()
    options = {"n_steps": 6, "seed": 0, "device": "cpu"}

    model = adapt_model(task, tiny_initialisation, CONFIGS[0], n_bags=3, **options)

    heads = model.weights["head"]
    assert heads.shape[0] == 3
    assert np.abs(heads[0] - heads[1]).max() > 1e-5 < np.abs(heads[1] - heads[2]).max()
    single = [
        type(model)(
            *(
                {n: w[i : i + 1] for n, w in part.items()}
                for part in (model.weights, model.reading)
            ),
            model.context,
            False,
        )
        for i in range(3)
    ]
    expected = np.mean([one.predict(task.X) for one in single], axis=0)
    np.testing.assert_allclose(model.predict(task.X), expected, rtol=1e-9)


def test_an_expired_deadline_ends_adapting(make_encoded_task, tiny_initialisation):
    from autometa._deadline import Deadline

    task = make_encoded_task()
    options = {"n_bags": 1, "seed": 0, "device": "cpu", "n_steps": 10**6}

    model = adapt_model(task, tiny_initialisation, PLAIN, deadline=Deadline(0), **options)

    expected = propose_model(task, tiny_initialisation).predict(task.X)
    np.testing.assert_allclose(model.predict(task.X), expected, rtol=1e-4, atol=1e-5)


@KINDS
def test_large_tables_are_learned_from_in_parts(
    few_rows, make_run, make_encoded_task, make_thirds, n_classes
):
    task = make_encoded_task(n_classes=n_classes)
    weight = make_thirds(task).train_weight
    weight[1, weight[1] > 0] = np.random.default_rng(0).uniform(0.5, 2, int((weight[1] > 0).sum()))
    weight[2, 10:] = 0  # fewer rows than a step has

    run = make_run(task, CONFIGS, weight)
    seen = [run._draw_step()[0]["X"] for run.n_steps in (0, 0, 1)]
    run.n_steps = 0
    run.advance(5)

    assert seen[0].shape[:2] == (3, 16)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])
    # rows weigh in a part what they weigh in the table
    assert run._contexts["weight"].sum(1)[[0, 2]].tolist() == [16, 7]
    assert np.isfinite(predict(run, task)).all()


def test_the_proposal_of_a_large_table_reads_more_rows_than_a_step(
    few_rows, make_encoded_task, tiny_initialisation, monkeypatch
):
    task = make_encoded_task(n_rows=100)
    expected = propose_model(task, tiny_initialisation)
    assert expected.context["weight"].shape == (1, 16)

    monkeypatch.setattr(family, "MAX_PROPOSAL_CELLS", 0)
    found = propose_model(task, tiny_initialisation)

    assert np.abs(found.weights["first"] - expected.weights["first"]).max() > 1e-6
    cap_rows(monkeypatch, 1_000)
    whole = propose_model(task, tiny_initialisation)
    np.testing.assert_allclose(whole.weights["first"], expected.weights["first"], rtol=1e-5)


def test_points_of_a_curve_are_due_up_to_the_end_of_each_configuration(make_run, make_encoded_task):
    run = make_run(make_encoded_task(), [{"n_steps": 7}, {"n_steps": 3}])
    due, is_due, has_ended = [], [run.is_due.tolist()], []

    while run.next_report is not None:
        run.n_steps = run.next_report
        due.append(run.n_steps)
        is_due.append(run.is_due.tolist())
        has_ended.append(run.has_ended.tolist())

    assert due == [2, 3, 5, 7]
    assert is_due == [[True, True], [True, True], [False, True], [True, True], [True, False]]
    assert has_ended == [[False, False], [False, True], [False, True], [True, True]]


@pytest.mark.parametrize("is_regression", [False, True])
def test_the_default_configuration_lies_within_the_space(is_regression):
    for name, distribution in space(is_regression=is_regression).items():
        value = distribution.to_internal_repr(DEFAULT_CONFIG[name])
        assert distribution._contains(value), name


def test_a_single_column_and_many_classes_run(make_run, make_encoded_task):
    task = make_encoded_task(n_rows=40, n_columns=1, n_classes=12)

    found = predict(adapted(make_run, task, CONFIGS[0], 2), task)

    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


@pytest.mark.gpu
@KINDS
def test_a_gpu_gives_the_numbers_of_the_cpu(make_run, make_encoded_task, make_thirds, n_classes):
    task = make_encoded_task(n_classes=n_classes)
    weight = make_thirds(task).train_weight
    cpu, gpu = (make_run(task, CONFIGS, weight, device=device) for device in ("cpu", "cuda"))
    for run in (cpu, gpu):
        run.advance(6)
    for run in (cpu, gpu):
        run.drop(np.array([False, True, False, False]))
        run.advance(2)

    np.testing.assert_allclose(predict(gpu, task), predict(cpu, task), rtol=1e-2, atol=1e-3)


@pytest.mark.gpu
def test_what_was_adapted_on_a_gpu_predicts_on_the_cpu(make_encoded_task, tiny_initialisation):
    task = make_encoded_task()
    options = {"n_steps": 4, "n_bags": 2, "seed": 0}

    cpu, gpu = (
        adapt_model(task, tiny_initialisation, CONFIGS[0], device=device, **options)
        for device in ("cpu", "cuda")
    )

    np.testing.assert_allclose(gpu.predict(task.X), cpu.predict(task.X), rtol=1e-2, atol=1e-3)


@KINDS
@pytest.mark.parametrize("n_rows, n_columns", [(12, 0), (1, 3), (1, 0), (2, 1)])
def test_a_table_without_columns_or_with_one_row_is_predicted(
    tiny_initialisation, n_classes, n_rows, n_columns
):
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns, 3)).astype(np.float32)
    X[..., 2] = 0
    y = np.arange(n_rows) % 3 if n_classes else 5 + np.arange(n_rows) % 3.0
    task = EncodedTask(X, y, np.ones(n_rows), n_classes)
    new = np.zeros((4, n_columns, 3), dtype=np.float32)

    proposed = propose_model(task, tiny_initialisation)
    adapted = adapt_model(task, tiny_initialisation, {}, n_steps=3, n_bags=2, seed=0, device="cpu")

    for model in (proposed, adapted):
        found = model.predict(new)
        assert np.isfinite(found).all()
        if n_classes is None:
            assert ((found >= 4) & (found <= 8)).all(), "near the numbers that are known"
        else:
            np.testing.assert_allclose(found.sum(axis=1), 1)
        if not n_columns:
            np.testing.assert_allclose(found, found[:1].repeat(4, axis=0))


@pytest.mark.parametrize(("n_classes", "n_rows"), [(None, 256), (3, 256), (40, 512)])
def test_a_step_reads_more_rows_where_classes_are_many(n_classes, n_rows):
    X, y = np.zeros((80, 1, 3), dtype=np.float32), np.arange(80) % 40

    assert family.step_rows(EncodedTask(X, y, np.ones(80), n_classes)) == n_rows


@pytest.mark.parametrize(("share", "n_rows"), [(1.0, 60), (0.25, 32), (0.0, 8)])
def test_a_network_looks_up_as_many_rows_as_there_is_time_for(
    tiny_initialisation, make_encoded_task, monkeypatch, share, n_rows
):
    monkeypatch.setattr(family, "FEWEST_CONTEXT_ROWS", 16)
    monkeypatch.setattr(family, "MAX_CONTEXT_ROWS", 64)
    monkeypatch.setattr(family, "MAX_PROPOSAL_CELLS", 3 * 20)
    seen, draw = [], family._draw_rows
    monkeypatch.setattr(
        family,
        "_draw_rows",
        lambda task, weight, n, *a, **k: seen.append(n) or draw(task, weight, n, *a, **k),
    )
    task = replace(make_encoded_task(), reading_share=share)
    options = {"n_steps": 1, "n_bags": 1, "seed": 0, "device": "cpu"}

    for model in (
        propose_model(task, tiny_initialisation),
        adapt_model(task, tiny_initialisation, PLAIN, **options),
    ):
        assert model.context["weight"].shape == (1, n_rows)
    assert seen[0] == max(8, 64 * share**0.5), "that the proposal reads"


@KINDS
def test_of_a_large_table_every_network_looks_up_its_own_part(
    few_rows, tiny_initialisation, make_encoded_task, n_classes
):
    task = make_encoded_task(n_rows=40, n_classes=n_classes)
    task.X[:, 0, 0] = np.arange(40)  # what tells rows apart
    options = {"n_steps": 2, "n_bags": 3, "seed": 0, "device": "cpu"}

    contexts = family._deal_contexts(task, 3, np.random.default_rng(0))
    model = adapt_model(task, tiny_initialisation, PLAIN, **options)

    rows = contexts["X"][:, :, 0, 0].numpy().astype(int).tolist()
    assert [len(set(part)) for part in rows] == [16] * 3, "no row twice in a part"
    assert set(range(40)) == {row for part in rows for row in part}
    assert not set(rows[0]) & set(rows[1]), "parts overlap only where rows do not suffice"
    assert model.context["weight"].shape == (3, 16)
    alone = [one_of(model, bag).predict(task.X) for bag in range(3)]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    np.testing.assert_allclose(model.predict(task.X), np.mean(alone, axis=0), atol=1e-12)
    np.testing.assert_array_equal(model.fewer(1).predict(task.X), alone[0])


def one_of(model, bag):
    parts = {
        part: {name: value[[bag]] for name, value in getattr(model, part).items()}
        for part in ("weights", "reading", "context")
    }
    return NetworkModel(**parts, is_regression=model.is_regression)


def test_networks_that_were_saved_with_one_context_are_read(tiny_initialisation, make_encoded_task):
    task = make_encoded_task()
    options = {"n_steps": 2, "n_bags": 3, "seed": 0, "device": "cpu"}
    config = {**PLAIN, "dropout": 0.1}
    model = adapt_model(task, tiny_initialisation, config, **options)
    described, arrays = model.to_state()
    old = {k: v[0] if k.startswith("context.") else v for k, v in arrays.items()}

    found = NetworkModel.from_state(described, old)

    assert len(model.weights["head"]) == 3 and model.context["weight"].ndim == 2
    np.testing.assert_array_equal(found.predict(task.X), model.predict(task.X))


@pytest.mark.parametrize("n_bags", [1, 3])
def test_what_was_proposed_is_adapted_without_another_proposal(
    tiny_initialisation, make_encoded_task, monkeypatch, n_bags
):
    task = make_encoded_task()
    options = {"n_steps": 3, "n_bags": n_bags, "seed": 0, "device": "cpu"}
    expected = adapt_model(task, tiny_initialisation, CONFIGS[0], **options)
    proposed = propose_model(task, tiny_initialisation)
    monkeypatch.setattr(family, "_propose", None)

    model = adapt_model(task, tiny_initialisation, CONFIGS[0], proposed=proposed, **options)

    for name, weight in expected.weights.items():
        np.testing.assert_array_equal(model.weights[name], weight, err_msg=name)
