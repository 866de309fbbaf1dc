import numpy as np
import pytest
import torch

from autometa._random import as_generator, torch_generator
from autometa.exceptions import InvalidInputError


def test_an_int_repeats_and_another_int_differs():
    draws = [as_generator(seed).random(4).tolist() for seed in (3, np.int64(3), 4)]

    assert draws[0] == draws[1] != draws[2]


def test_a_generator_is_used_as_it_is():
    rng = np.random.default_rng(0)

    assert as_generator(rng) is rng


def test_a_random_state_is_advanced_as_scikit_learn_expects():
    state = np.random.RandomState(0)

    first, second = as_generator(state).random(), as_generator(state).random()

    assert first != second
    assert first == as_generator(np.random.RandomState(0)).random()


def test_none_draws_anew():
    assert as_generator(None).random() != as_generator(None).random()


def test_the_global_seed_is_neither_read_nor_moved():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002

    as_generator(None).random()
    as_generator(0).random()

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("random_state", [-1, 0.5, "0", [1]])
def test_what_is_no_random_state_is_refused_with_what_is_accepted(random_state):
    with pytest.raises(InvalidInputError, match="random_state must be"):
        as_generator(random_state)


def test_a_torch_generator_repeats_with_its_numpy_generator():
    draws = [
        torch.rand(3, generator=torch_generator(np.random.default_rng(seed))).tolist()
        for seed in (0, 0, 1)
    ]

    assert draws[0] == draws[1] != draws[2]
