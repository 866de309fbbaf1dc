import math

import pytest
import torch

from autometa.exceptions import InvalidInputError
from autometa.metatraining import OuterStep


def test_the_default_is_a_cosine_after_warm_up():
    rule = OuterStep()

    assert rule.lr_at(share=0.0, n_steps=0) == pytest.approx(1e-3 / 200)
    expected = 1e-3 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * 0.3)))
    assert rule.lr_at(share=0.3, n_steps=5_000) == pytest.approx(expected)
    assert rule.keep_at(0) == pytest.approx(0.1) and rule.keep_at(10**6) == 0.999


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant"}, 1.0),
        ({"schedule": "linear"}, 0.4),
        ({"schedule": "halving", "halve_every": 20}, 0.125),
    ],
)
def test_schedules_are_those_by_hand(options, expected):
    rule = OuterStep(lr=1.0, warm_up=0, **options)

    assert rule.lr_at(share=0.6, n_steps=60) == pytest.approx(expected)


def test_without_averaging_the_last_parameters_are_kept():
    assert OuterStep(averaging=0).keep_at(50) == 0


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_gradients_are_scaled_down_only_where_asked(max_norm):
    param = torch.zeros(2, requires_grad=True)
    param.grad = torch.tensor([3.0, 4.0])

    norm = OuterStep(max_norm=max_norm).clip([param])

    assert norm.item() == 5.0
    assert param.grad.norm().item() == pytest.approx(5.0 if max_norm is None else 1.0, rel=1e-4)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_optimisers_take_the_step_size(name):
    param = torch.zeros(1, requires_grad=True)
    optimiser = OuterStep(optimiser=name, lr=0.5, weight_decay=0.0).make_optimiser([param])
    param.grad = torch.ones(1)

    optimiser.step()

    assert param.item() == pytest.approx(-0.5)


@pytest.mark.parametrize(
    "options", [{"optimiser": "magic"}, {"schedule": "magic"}, {"schedule": "halving"}]
)
def test_what_is_no_rule_is_refused(options):
    with pytest.raises(InvalidInputError):
        OuterStep(**options)
