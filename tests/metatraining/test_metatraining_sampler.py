import numpy as np
import pandas as pd
import pytest
import torch

from autometa.metatraining.sampler import (
    EpisodeShape,
    PreparedTable,
    is_meta_dev,
    sample_episode,
    sample_shape,
)
from autometa.tasks import task_from_arrays


def shape_of(is_regression, n_support=40, n_query=20, max_columns=30, max_classes=4):
    return EpisodeShape(is_regression, n_support, n_query, max_columns, max_classes)


def prepare(X, y, **options):
    return PreparedTable.from_task(task_from_arrays(X, y, **options), rng=np.random.default_rng(0))


def draw(tables, shape, n_draws, real_share=1.0):
    rng = np.random.default_rng(0)
    return [sample_episode(tables, shape, rng=rng, real_share=real_share) for _ in range(n_draws)]


@pytest.fixture(scope="module")
def mixed():
    """Numbers and categories, all independent of each other."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    X["level"] = pd.Categorical.from_codes(rng.integers(4, size=300), list("wxyz"))
    return prepare(X, np.array(["no", "yes"])[rng.integers(2, size=300)])


def test_a_table_offers_its_own_target_and_its_columns(mixed):
    assert sorted(mixed.targets) == [-1, 0, 1, 2, 3]
    assert [mixed.targets[key].dtype.kind for key in (-1, 0, 3)] == ["i", "f", "i"]
    assert len(mixed.sources) == mixed.values.shape[1] > 4


def test_a_number_drawn_as_target_is_not_among_the_inputs(mixed):
    for episode in draw([mixed], shape_of(True), 40):
        inputs = episode.support["X"][..., 0].numpy()
        target = episode.support["target"][:, 0].numpy()
        ranks = [
            pd.Series(column).corr(pd.Series(target), method="spearman") for column in inputs.T
        ]
        assert np.nanmax(np.abs(ranks)) < 0.9


def test_a_category_drawn_as_target_leaves_none_of_its_levels_among_the_inputs(mixed):
    n_of_levels = 0
    for episode in draw([mixed], shape_of(False, max_classes=10), 60):
        inputs, labels = episode.support["X"][..., 0], episode.support["target"].argmax(1)
        for column in inputs.T:
            groups = [column[labels == c] for c in labels.unique()]
            is_given_away = all(group.max() == group.min() for group in groups)
            assert not is_given_away or column.max() == column.min()
        n_of_levels += episode.support["target"].shape[1] > 2
    assert n_of_levels > 3


def test_many_classes_are_cut_to_a_subset(mixed):
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(8), 40)
    table = prepare(np.column_stack([y + 0.1 * rng.random(320), rng.random(320)]), y.astype(str))
    table = PreparedTable(table.name, "f", table.values, table.sources, {-1: table.targets[-1]})

    episodes = draw([table], shape_of(False, max_classes=3), 30)

    assert {episode.support["target"].shape[1] for episode in episodes} == {2, 3}
    # which classes, differs: their places on the first column do
    assert all((e.support["target"].sum(0) > 0).all() for e in episodes)
    means = {
        tuple(np.round(np.asarray(e.support["target"].T @ e.support["X"][..., 0])[:, 0], 1))
        for e in episodes
    }
    assert len(means) > 10


def test_numbers_are_binned_into_classes_that_are_intervals():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    table = prepare(y[:, None], y)  # its only column is the target itself
    table = PreparedTable("t", "f", table.values, table.sources, {-1: table.targets[-1]})

    episodes = draw([table], shape_of(False, max_classes=5), 30)

    assert {e.support["target"].shape[1] for e in episodes} == {2, 3, 4, 5}
    for episode in episodes:
        score, _, is_missing = episode.support["X"][:, 0].T
        labels = episode.support["target"].argmax(1)[is_missing == 0]
        ordered = labels[score[is_missing == 0].argsort()]
        n_changes = int((ordered.diff() != 0).sum())
        assert n_changes == episode.support["target"].shape[1] - 1


def test_classes_are_not_taken_for_numbers(mixed):
    table = PreparedTable("t", "f", mixed.values, mixed.sources, {-1: mixed.targets[-1]})

    # the only target is classes: what comes is from the prior, and it comes
    (episode,) = draw([table], shape_of(True), 1)

    assert episode.is_regression


def test_missing_targets_are_left_out(mixed):
    target = mixed.targets[0].copy()
    target[::2] = np.nan
    table = PreparedTable("t", "f", mixed.values, mixed.sources, {0: target})

    for episode in draw([table], shape_of(True), 10):
        assert torch.isfinite(episode.support["target"]).all()
        assert torch.isfinite(episode.query["target"]).all()


def test_every_family_weighs_the_same(mixed):
    other = PreparedTable("o", "other", mixed.values[:, :1], mixed.sources[:1], mixed.targets)
    tables = [mixed] * 9 + [other]
    wide = sum(episode.support["X"].shape[1] > 1 for episode in draw(tables, shape_of(False), 60))

    # the lone table of its family comes about as often as the nine of the other together
    assert 5 < wide < 50


def test_long_tables_are_thinned(mixed):
    task = task_from_arrays(np.arange(200.0)[:, None], np.arange(200) % 2)

    table = PreparedTable.from_task(task, rng=np.random.default_rng(0), max_rows=50)

    assert table.values.shape == (50, 1)
    assert all(len(target) == 50 for target in table.targets.values())


@pytest.mark.parametrize("is_regression", [False, True])
@pytest.mark.parametrize("real_share", [0.0, 1.0])
def test_episodes_keep_to_their_shape(mixed, is_regression, real_share):
    shape = shape_of(is_regression, n_support=30, n_query=15, max_columns=5, max_classes=3)

    for episode in draw([mixed], shape, 15, real_share=real_share):
        assert episode.is_regression == is_regression
        n_support, n_columns, _ = episode.support["X"].shape
        assert n_support <= 30 and 1 <= n_columns <= 5
        assert 4 <= len(episode.query["X"]) <= 15
        assert episode.support["target"].shape[1] <= (1 if is_regression else 3)
        for rows in (episode.support, episode.query):
            assert all(torch.isfinite(tensor).all() for tensor in rows.values())
        if not is_regression:
            assert (episode.support["target"].sum(0) > 0).all()


def test_shapes_stay_within_bounds():
    rng = np.random.default_rng(0)
    shapes = [sample_shape(rng) for _ in range(300)]

    assert all(8 <= s.n_support <= 1_600 and 16 <= s.n_query <= 160 for s in shapes)
    assert all(3 <= s.max_columns <= 96 and 2 <= s.max_classes <= 60 for s in shapes)
    assert all(s.max_columns <= 24 for s in shapes if s.n_support > 512)
    assert 0.3 < np.mean([s.is_regression for s in shapes]) < 0.5


def test_about_one_family_in_six_is_held_out():
    share = np.mean([is_meta_dev(f"family {i}") for i in range(3_000)])

    assert share == pytest.approx(1 / 6, abs=0.02)
    assert is_meta_dev("wine") == is_meta_dev("wine")
