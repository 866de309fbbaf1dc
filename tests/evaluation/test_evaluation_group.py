import gc
import weakref

import numpy as np
import pytest
import torch

from autometa._metrics import find_metric
from autometa.evaluation import FoldScorer, evaluate_group, group
from autometa.families import EncodedTask, Folds, NetworkRun

CONFIGS = [
    {"n_steps": n_steps, "step_size": step_size, "optimiser": optimiser}
    for n_steps, step_size, optimiser in [
        (10, 1.0, "adamw"),
        (5, 0.3, "learned_sgd"),
        (12, 3.0, "adamw"),
        (7, 2.0, "learned_sgd"),
        (10, 5.0, "adamw"),
    ]
]


class Curves(dict):
    """Collect what is reported: configuration to number of steps to score."""

    def __init__(self, prune=()):
        super().__init__()
        self.prune = prune

    def __call__(self, indices, n_steps, scores, predictions):
        assert len(predictions) == len(scores) == len(indices)
        for index, score in zip(indices, scores, strict=True):
            self.setdefault(index, {})[n_steps] = score
        return np.array([(index, n_steps) in self.prune for index in indices], dtype=bool)


@pytest.fixture
def evaluate(make_encoded_task, make_thirds, tiny_initialisation):
    task = make_encoded_task()
    folds = make_thirds(task)

    def evaluate(configs=CONFIGS, report=None, may_go_on=lambda run: True, device="cpu"):
        curves = Curves() if report is None else report
        evaluate_group(
            task,
            folds,
            configs,
            scorer=FoldScorer(task, folds, find_metric(None, is_regression=False)),
            initialisation=tiny_initialisation,
            seed=0,
            device=device,
            may_go_on=may_go_on,
            report=curves,
        )
        return curves

    return evaluate


def assert_same_curves(found, expected):
    assert found.keys() == expected.keys()
    for index, curve in expected.items():
        assert found[index].keys() == curve.keys()
        np.testing.assert_allclose(
            list(found[index].values()), list(curve.values()), rtol=1e-3, atol=1e-4
        )


def test_the_score_is_the_mean_over_folds_by_hand():
    y = np.array([0, 1, 1, 0, 1])
    task = EncodedTask(np.zeros((5, 1, 3), dtype=np.float32), y, np.ones(5), 2)
    # two rows in the first fold, one of weight 3; three rows in the second
    valid = np.array([[3.0, 1, 0, 0, 0], [0, 0, 1, 1, 1]])
    scorer = FoldScorer(
        task, Folds(1 - valid.clip(max=1), valid), find_metric("accuracy", is_regression=False)
    )
    says_one, says_zero = [0.2, 0.8], [0.9, 0.1]

    assert scorer.X.shape == (2, 3, 1, 3)
    found = scorer.scores(
        np.array(
            [
                [[says_one, says_one, says_one], [says_one, says_one, says_zero]],
                [[says_zero, says_one, says_zero], [says_one, says_zero, says_one]],
            ]
        )
    )

    # fold 1: only the second row (weight 1 of 4) is right; fold 2: one of three
    assert found.tolist() == pytest.approx([(1 / 4 + 1 / 3) / 2, 1.0])


def test_the_score_of_numbers_is_by_hand():
    y = np.array([1.0, 2.0, 4.0])
    task = EncodedTask(np.zeros((3, 1, 3), dtype=np.float32), y, np.ones(3), None)
    valid = np.array([[1.0, 0, 0], [0, 1, 1]])
    metric = find_metric("neg_mean_absolute_error", is_regression=True)
    scorer = FoldScorer(task, Folds(1 - valid, valid), metric)

    found = scorer.scores(np.array([[[0.0, 99.0], [2.0, 2.0]]]))

    assert found.tolist() == pytest.approx([-(1.0 + 1.0) / 2])
    assert np.isnan(scorer.scores(np.array([[[0.0, 99.0], [2.0, np.nan]]])))


def test_very_long_folds_are_scored_on_a_part(monkeypatch, make_encoded_task, make_thirds):
    monkeypatch.setattr(group, "MAX_VALID_ROWS", 7)
    task = make_encoded_task()

    scorers = [
        FoldScorer(task, make_thirds(task), find_metric(None, is_regression=False))
        for _ in range(2)
    ]

    assert scorers[0].X.shape[:2] == (3, 7)
    np.testing.assert_array_equal(scorers[0].X, scorers[1].X)


def test_every_configuration_is_reported_up_to_its_own_end(evaluate):
    curves = evaluate()

    for index, config in enumerate(CONFIGS):
        due = [step for step in (0, 2, 5, 10) if step < config["n_steps"]]
        assert list(curves[index]) == [*due, config["n_steps"]]
        assert np.isfinite(list(curves[index].values())).all()
    # every configuration starts from the proposal
    starts = [curve[0] for curve in curves.values()]
    assert starts == pytest.approx(starts[:1] * len(starts), abs=1e-5)


def test_a_curve_alone_is_the_curve_in_a_group(evaluate):
    curves = evaluate()

    for index, config in enumerate(CONFIGS):
        assert_same_curves(evaluate([config]), {0: curves[index]})


def test_curves_are_those_of_a_run_by_hand(
    evaluate, make_encoded_task, make_thirds, tiny_initialisation
):
    task = make_encoded_task()
    folds = make_thirds(task)
    run = NetworkRun(
        task, folds.train_weight, CONFIGS[:1], tiny_initialisation, seed=0, device="cpu"
    )
    run.advance(5)
    found = run.predict(np.repeat(task.X[None], 3, axis=0))[0]
    losses = []
    for fold in range(3):
        rows = np.flatnonzero(folds.valid_weight[fold])
        losses.append(-np.log(found[fold, rows, task.y[rows]]).mean())

    assert evaluate()[0][5] == pytest.approx(-np.mean(losses), rel=1e-3)


def test_a_pruned_configuration_ends_and_leaves_the_others_alone(evaluate):
    expected = evaluate()

    pruned = evaluate(report=Curves(prune={(0, 2), (3, 0), (4, 5)}))

    assert list(pruned[0]) == [0, 2] and list(pruned[3]) == [0] and list(pruned[4]) == [0, 2, 5]
    for index in (1, 2):
        assert_same_curves({index: pruned[index]}, {index: expected[index]})


def test_pruning_all_ends_the_group(evaluate):
    curves = evaluate(report=Curves(prune={(index, 2) for index in range(5)}))

    assert all(list(curve) == [0, 2] for curve in curves.values())


def test_a_group_ends_where_it_may_not_go_on(evaluate):
    asked = []

    def may_go_on(run):
        asked.append(run.n_steps)
        return run.n_steps < 5

    curves = evaluate(may_go_on=may_go_on)

    assert asked == [0, 1, 2, 3, 4, 5]
    assert all(list(curve) == [0, 2, 5] for curve in curves.values())


class TightRun(NetworkRun):
    """Fits no more than two configurations at once, as it shows at a given step."""

    fails_at = 0
    sizes = []
    living = []
    error = torch.OutOfMemoryError("CUDA out of memory")

    def __init__(self, task, train_weight, configs, *arguments, **options):
        gc.collect()
        assert not any(reference() for reference in self.living), "memory is still held"
        self.sizes.append((len(configs), options["device"]))
        super().__init__(task, train_weight, configs, *arguments, **{**options, "device": "cpu"})
        self.living.append(weakref.ref(self))
        self.is_tight = len(configs) > 2 or options["device"] == "tiny"
        if self.fails_at == 0:
            self.check()

    def check(self):
        if self.is_tight:
            raise self.error

    def advance(self, n_steps):
        if self.n_steps >= self.fails_at:
            self.check()
        super().advance(n_steps)


@pytest.fixture
def tight(monkeypatch):
    monkeypatch.setattr(group, "NetworkRun", TightRun)
    monkeypatch.setattr(TightRun, "sizes", [])
    monkeypatch.setattr(TightRun, "living", [])
    return TightRun


@pytest.mark.parametrize("fails_at", [0, 5])
def test_out_of_memory_the_group_is_halved_and_the_curves_stay(
    evaluate, tight, monkeypatch, fails_at
):
    with monkeypatch.context() as patch:
        patch.setattr(group, "NetworkRun", NetworkRun)
        expected = evaluate()
    monkeypatch.setattr(tight, "fails_at", fails_at)

    found = evaluate()

    assert [size for size, _ in tight.sizes] == [5, 2, 3, 1, 2]
    assert_same_curves(found, expected)


def test_memory_that_the_cpu_lacks_is_out_of_memory_too(evaluate, tight, monkeypatch):
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
    monkeypatch.setattr(tight, "error", error)

    assert len(evaluate(CONFIGS[:3])) == 3


def test_one_configuration_too_large_for_a_device_moves_to_the_cpu(evaluate, tight):
    with pytest.warns(UserWarning, match="tiny is out of memory; going on with the CPU"):
        found = evaluate(CONFIGS[:1], device="tiny")

    assert tight.sizes == [(1, "tiny"), (1, "cpu")]
    assert list(found) == [0] and max(found[0]) == 10


def test_one_configuration_too_large_for_the_cpu_is_a_clear_error(evaluate, tight, monkeypatch):
    monkeypatch.setattr(tight, "check", lambda self: (_ for _ in ()).throw(self.error))

    with pytest.raises(MemoryError, match="60 rows and 3 columns does not fit in memory"):
        evaluate(CONFIGS[:1])


def test_other_errors_pass(evaluate, tight, monkeypatch):
    monkeypatch.setattr(tight, "error", RuntimeError("a bug"))

    with pytest.raises(RuntimeError, match="a bug"):
        evaluate()
    assert len(tight.sizes) == 1


@pytest.mark.gpu
def test_a_group_on_a_gpu_has_the_curves_of_the_cpu(evaluate):
    expected, found = evaluate(), evaluate(device="cuda")

    for index, curve in expected.items():
        np.testing.assert_allclose(
            list(found[index].values()), list(curve.values()), rtol=1e-2, atol=1e-3
        )


def test_rows_held_out_count_once_however_often_they_are(make_encoded_task, make_thirds):
    task = make_encoded_task(n_rows=61)
    folds = make_thirds(task)
    twice = Folds(
        *(np.concatenate([part, part]) for part in (folds.train_weight, folds.valid_weight))
    )
    metric = find_metric(None, is_regression=False)

    for given in (folds, twice, Folds(folds.train_weight[:1], folds.valid_weight[:1])):
        scorer = FoldScorer(task, given, metric)
        of_rows = np.arange(61.0)[scorer.rows]

        found, y, weight = scorer.held_out(of_rows)

        n_distinct = len(np.unique(found))
        assert n_distinct == (21 if len(given.valid_weight) == 1 else 61)
        assert weight.sum() == pytest.approx(n_distinct)
        np.testing.assert_array_equal(y, task.y[found.astype(int)])
