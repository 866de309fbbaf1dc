from functools import partial

import pytest
import torch

from autometa.metalearners import adamw_init, adamw_step, gradient_steps


def square(params):
    return (params["w"] ** 2).sum() + (params["w"] * params["b"]).sum()


def params_of(*values):
    return {name: torch.tensor([v]).double() for name, v in zip("wb", values, strict=True)}


def test_gradient_steps_are_those_by_hand():
    lr = {"w": torch.tensor(0.1).double(), "b": torch.tensor(0.5).double()}

    found = gradient_steps(square, params_of(1.0, 2.0), lr=lr, n_steps=2, second_order=True)

    w, b = 1.0, 2.0
    for _ in range(2):
        w, b = w - 0.1 * (2 * w + b), b - 0.5 * w
    assert (found["w"].item(), found["b"].item()) == pytest.approx((w, b))


def test_a_tensor_without_a_step_size_stays():
    found = gradient_steps(
        square, params_of(1.0, 2.0), lr={"w": torch.tensor(0.1)}, n_steps=3, second_order=True
    )

    assert found["b"].item() == 2.0
    assert found["w"].item() != 1.0


def test_no_step_changes_nothing():
    params = params_of(1.0, 2.0)

    assert gradient_steps(square, params, lr={"w": 0.1}, n_steps=0, second_order=True) == params


@pytest.mark.parametrize(("second_order", "derivative"), [(True, 0.8), (False, 1.0)])
def test_only_second_order_differentiates_through_the_gradient(second_order, derivative):
    def after(w):
        params = {"w": w, "b": torch.zeros(1).double()}
        lr = {"w": torch.tensor(0.1).double()}
        return gradient_steps(square, params, lr=lr, n_steps=1, second_order=second_order)[
            "w"
        ].sum()

    # w - 0.1 * 2 w = 0.8 w; with the gradient held constant the derivative is 1
    assert torch.func.grad(after)(torch.ones(1).double()).item() == pytest.approx(derivative)


@pytest.mark.parametrize("second_order", [True, False])
def test_thin_sums_are_the_same_steps_and_have_the_same_gradient(second_order):
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    rows, params = draw(3, 7), {"w": draw(7, 5), "v": draw(5, 4), "b": draw(4)}
    lr = dict.fromkeys(params, torch.tensor(0.1).double())

    def loss(params, rows=rows):
        return ((rows @ params["w"]).tanh() @ params["v"] + params["b"]).square().mean()

    def after(params, **options):
        moved = gradient_steps(loss, params, lr=lr, n_steps=3, second_order=second_order, **options)
        formed = {**moved, **{name: moved[name].form() for name in options.get("thin", ())}}
        return loss(moved, rows[:1]), formed

    grads, formed = torch.func.grad(after, has_aux=True)(params)
    after_thin = partial(after, thin=["w", "v"], n_rows=3)
    thin_grads, thin = torch.func.grad(after_thin, has_aux=True)(params)

    torch.testing.assert_close(thin, formed)
    torch.testing.assert_close(thin_grads, grads)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_adamw_towards_zero_is_torchs(weight_decay):
    start = {"a": torch.tensor([[0.5, -1], [2, 0.1], [-0.3, 4]]).double()}
    start["b"] = torch.tensor([1.0, -2, 3]).double()
    theirs = {name: param.clone().requires_grad_() for name, param in start.items()}
    optimiser = torch.optim.AdamW(
        theirs.values(), lr=0.05, betas=(0.9, 0.95), eps=1e-8, weight_decay=weight_decay
    )
    ours, state = start, adamw_init(start)
    zero = {name: torch.zeros_like(param) for name, param in start.items()}

    for step in range(7):
        grads = {name: torch.sin(param * (step + 1)) for name, param in ours.items()}
        for name, param in theirs.items():
            param.grad = grads[name].clone()
        optimiser.step()
        ours, state = adamw_step(
            ours,
            grads,
            state,
            lr=dict.fromkeys(ours, 0.05),
            weight_decay=dict.fromkeys(ours, weight_decay),
            anchor=zero,
        )

    for name, param in ours.items():
        # the bias correction is computed in float32
        torch.testing.assert_close(param, theirs[name].detach(), rtol=1e-5, atol=1e-7)


def test_adamw_decays_towards_the_anchor():
    params, anchor = {"w": torch.tensor([5.0])}, {"w": torch.tensor([2.0])}
    state = adamw_init(params)

    for _ in range(200):
        grads = {"w": torch.zeros(1)}
        params, state = adamw_step(
            params, grads, state, lr={"w": 0.1}, weight_decay={"w": 1.0}, anchor=anchor
        )

    assert params["w"].item() == pytest.approx(2.0, abs=1e-4)


def test_adamw_steps_leave_their_arguments_alone():
    params = {"w": torch.tensor([1.0])}
    state = adamw_init(params)
    options = {"lr": {"w": 0.1}, "weight_decay": {"w": 0.1}, "anchor": {"w": torch.zeros(1)}}

    adamw_step(params, {"w": torch.ones(1)}, state, **options)

    assert params["w"] == 1 and state["first"]["w"] == 0 and state["n_steps"] == 0
