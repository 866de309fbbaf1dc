"""How fast initialisations for tables are meta-trained, against what the machine could do.

Floating-point operations are those of matrix products and factorisations, counted as they run;
the machine's limit is its own rate for a product of two large matrices. bfloat16 is torch's
automatic mixed precision.
"""

import time

import numpy as np
import pandas as pd
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from autometa.metalearners import METALEARNERS
from autometa.metatraining import EpisodeBatches, OuterStep

#: Side of the matrices whose product tells the machine's rate.
LIMIT_SIDE = 2_048
#: Of torch's Cholesky factorisations on a GPU there is none in bfloat16.
PRECISIONS = {"cpu": ("float32", "bfloat16"), "cuda": ("float32",)}


def main(
    *,
    learner="maml",
    n_batches=8,
    batch_size=8,
    network=None,
    compile_too=False,
    repeats=2,
    n_threads=1,
    device="cpu",
    seed=0,
):
    """Take training steps on prior tables, the same in every variant.

    Parameters
    ----------
    learner : str
    n_batches, batch_size : int
        Batches of unlike shape, each of so many episodes of one shape.
    network : dict, optional
    compile_too : bool
        Measure ``torch.compile`` of the meta-gradient also, a graph for each shape; minutes.
    repeats : int
        Passes over the batches that are timed; the fastest of each batch counts.
    n_threads : int
    device : str
    seed : int

    Returns
    -------
    dict
        ``limit_gflops``; ``data_ms``, milliseconds that making a batch takes; and ``rows``: for
        each variant ``episodes_per_s``, ``gflop_per_episode``, ``gflops``, ``share_of_limit`` and
        by how much the gradient differs from that of float32, relative to its length.
    """
    torch.set_num_threads(n_threads)
    precisions = PRECISIONS[torch.device(device).type]
    batches = EpisodeBatches([], batch_size=batch_size, real_share=0.0, seed=seed)
    started = time.perf_counter()
    episodes = [_to(batches[number], device) for number in range(n_batches)]
    data_ms = (time.perf_counter() - started) / n_batches * 1e3
    made = METALEARNERS[learner](**({"network": network} if network else {}))
    params = {name: p.to(device) for name, p in made.init_params(seed).items()}
    flop = [_count(made, params, one) for one in episodes]
    limit = {precision: _limit(precision, device) for precision in precisions}
    variants = dict.fromkeys(precisions, made.meta_grad)
    if compile_too:
        variants["float32 compiled"] = torch.compile(made.meta_grad, dynamic=False)
    rows, exact = [], None
    for name, compute in variants.items():
        precision = name.partition(" ")[0]
        seconds, grads = _time(compute, params, episodes, precision, repeats, device)
        exact = grads if exact is None else exact
        total_s = sum(seconds)
        rate = sum(flop) / total_s / 1e9
        rows.append(
            {
                "variant": name,
                "episodes_per_s": round(n_batches * batch_size / total_s, 2),
                "gflop_per_episode": round(sum(flop) / n_batches / batch_size / 1e9, 2),
                "gflops": round(rate, 1),
                "share_of_limit": round(rate / limit[precision], 3),
                "gradient_differs_by": round(_difference(grads, exact), 4),
            }
        )
    limits = {name: round(found, 1) for name, found in limit.items()}
    described = {"learner": learner, "threads": n_threads, "device": device}
    return {**described, "limit_gflops": limits, "data_ms": round(data_ms, 1), "rows": rows}


def _time(compute, params, episodes, precision, repeats, device):
    """Seconds of each batch, the fastest pass, and the mean gradient."""
    best, total = [np.inf] * len(episodes), {}
    options = {"dtype": torch.bfloat16, "enabled": precision == "bfloat16"}
    outer = OuterStep()
    optimiser = outer.make_optimiser([p.clone().requires_grad_() for p in params.values()])
    moved = optimiser.param_groups[0]["params"]
    for number in range(repeats + 1):  # the first pass pays for what is paid once
        for i, one in enumerate(episodes):
            started = time.perf_counter()
            with torch.autocast(torch.device(device).type, **options):
                grads, _ = compute(params, one)
            for param, grad in zip(moved, grads.values(), strict=True):
                param.grad = grad
            outer.clip(moved)
            optimiser.step()
            if device != "cpu":
                torch.cuda.synchronize()
            if number:
                best[i] = min(best[i], time.perf_counter() - started)
            else:
                total = {name: total.get(name, 0.0) + g.detach() for name, g in grads.items()}
    return best, total


def _count(learner, params, episodes):
    """Floating-point operations of one meta-gradient."""
    with _Counter() as counter:
        learner.meta_grad(params, episodes)
    return counter.n_flop


class _Counter(TorchDispatchMode):
    """Count as torch's own counter does, which fails within ``torch.func``; factorisations too."""

    def __init__(self):
        super().__init__()
        self.n_flop = 0
        aten = torch.ops.aten
        self._formulas = {
            **flop_registry,
            aten.linalg_cholesky_ex: lambda a, *_, **__: a.numel() * a.shape[-1] // 3,
            aten.cholesky_solve: lambda b, factor, *_, **__: 2 * b.numel() * factor.shape[-1],
            aten.linalg_solve_triangular: lambda a, b, **_: b.numel() * a.shape[-1],
        }

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        formula = self._formulas.get(function.overloadpacket)
        if formula is not None:
            self.n_flop += formula(*args, **(kwargs or {}), out_val=found)
        return found


def _limit(precision, device):
    """Gigaflops of a product of two matrices."""
    a = torch.randn(LIMIT_SIDE, LIMIT_SIDE, device=device).to(getattr(torch, precision))
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        a @ a
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * LIMIT_SIDE**3 / min(seconds) / 1e9


def _difference(grads, exact):
    def flat(found):
        return torch.cat([found[name].flatten().double() for name in sorted(exact)])

    return ((flat(grads) - flat(exact)).norm() / flat(exact).norm()).item()


def _to(episodes, device):
    support, query = (
        {name: tensor.to(device) for name, tensor in rows.items()}
        for rows in (episodes.support, episodes.query)
    )
    return type(episodes)(support, query, episodes.is_regression)


def print_figures(figures):
    print(
        f"{figures['learner']} on {figures['device']}, {figures['threads']} threads; the limit is "
        f"{figures['limit_gflops']} gigaflops; a batch takes {figures['data_ms']} ms to make"
    )
    print(pd.DataFrame(figures["rows"]).to_string(index=False))
