import itertools

import numpy as np
import pytest
import torch

from autometa.metatraining import EpisodeBatches
from autometa.metatraining.sampler import PreparedTable
from autometa.metatraining.stream import stream_batches


@pytest.fixture(scope="module")
def tables(make_tasks):
    rng = np.random.default_rng(0)
    return [PreparedTable.from_task(task, rng=rng) for task in make_tasks("a", "b", "c")]


def make_batches(tables, seed=0):
    return EpisodeBatches(tables, batch_size=2, real_share=0.5, seed=seed)


def assert_same(first, second):
    assert first.is_regression == second.is_regression
    torch.testing.assert_close(first.support, second.support, rtol=0, atol=0)
    torch.testing.assert_close(first.query, second.query, rtol=0, atol=0)


def test_a_batch_is_a_function_of_seed_and_number(tables):
    for number in (0, 7):
        assert_same(make_batches(tables)[number], make_batches(tables)[number])


def test_another_seed_or_number_gives_another_batch(tables):
    shapes = [
        tuple(make_batches(tables, seed)[number].support["X"].shape)
        for seed, number in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ]

    assert len(set(shapes)) == 4


def test_a_batch_is_stacked(tables):
    batch = make_batches(tables)[3]

    assert {len(tensor) for rows in (batch.support, batch.query) for tensor in rows.values()} == {2}


def test_workers_deliver_the_same_batches_in_order(tables):
    batches = make_batches(tables)

    stream = stream_batches(batches, start=2, n_workers=2)
    found = list(itertools.islice(stream, 4))
    del stream

    for number, batch in enumerate(found, 2):
        assert_same(batch, batches[number])
