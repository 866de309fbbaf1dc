"""How fast MAML is meta-trained: tasks batched by vmap against a plain loop with autograd.

On a GPU, batches are replayed, as in meta-training. The loop stands in for learn2learn, which
cannot be compared here: what pip finds is 0.2.0 of 2023, as source, and that does not build with
Python 3.11 (``longintrepr.h: No such file or directory``;
https://github.com/learnables/learn2learn/issues/413). Like learn2learn, the loop takes one task
after the other and differentiates through ``torch.autograd.grad``.
"""

import time

import pandas as pd
import torch
from torch.nn import functional

from autometa.bench import find_protocol
from autometa.metalearners import METALEARNERS
from autometa.metatraining import ImageEpisodes, ReplayedGradient, SinusoidEpisodes
from autometa.tasks import read_omniglot


def main(*, file=None, networks=("mlp",), seconds=5.0, repeats=3, n_threads=1, device="cpu"):
    """Measure both ways on the same episodes, alternating; both give the same meta-gradient.

    Returns
    -------
    dict
        ``rows``: one a learner and kind of data, with episodes per second of both (the best of
        ``repeats``), their ratio, and the largest relative difference of the two gradients.
    """
    torch.set_num_threads(n_threads)
    torch.backends.cudnn.allow_tf32 = False  # as few-shot trainings have it
    rows = []
    for data, network, episodes in _cases(file, networks):
        for name in ("maml", "first_order_maml"):
            learner = METALEARNERS[name](**_config(data, network))
            params = {n: p.to(device) for n, p in learner.init_params(0).items()}
            batch = _to(episodes[0], device)
            ways = {"batched": ReplayedGradient(learner, device), "loop": _looped(learner)}
            rates = {way: [] for way in ways}
            for _ in range(repeats):
                for way, compute in ways.items():
                    rates[way].append(_rate(compute, params, batch, seconds / repeats, device))
            grads = {way: compute(params, batch)[0] for way, compute in ways.items()}
            best = {way: max(found) * episodes.batch_size for way, found in rates.items()}
            rows.append(
                {
                    "learner": name,
                    "data": data,
                    "network": network,
                    "tasks_a_step": episodes.batch_size,
                    "batched_per_s": round(best["batched"], 1),
                    "loop_per_s": round(best["loop"], 1),
                    "ratio": round(best["batched"] / best["loop"], 2),
                    "gradients_differ_by": f"{_difference(grads):.1e}",
                }
            )
    return {"threads": n_threads, "device": device, "rows": rows}


def print_figures(figures):
    print("loop: task by task with torch.autograd.grad, for learn2learn, which does not build")
    print(pd.DataFrame(figures["rows"]).to_string(index=False))


def _cases(file, networks):
    yield "sinusoid", "mlp", SinusoidEpisodes(n_shots=5, n_query=5, batch_size=25, seed=0)
    if file is None:
        return
    task = read_omniglot(file, "train")
    for network in networks:
        counts = {"n_ways": 5, "n_shots": 1, "n_query": 1, "batch_size": 32}
        yield "omniglot", network, ImageEpisodes(task, **counts, seed=0)


def _config(data, network):
    sizes = {"kind": network, "n_slots": 5}
    if data == "sinusoid":
        sizes |= {"n_inputs": 1, "hidden": [40, 40], "norm": False, "n_slots": 1}
    return {"network": sizes, **find_protocol("maml", data).learner}


def _looped(learner):
    """The same meta-gradient as one would write it: task by task, with ``torch.autograd.grad``.

    The network is written out anew, from torch's own layers.
    """

    def compute(params, episodes):
        own = {name: param.clone().requires_grad_() for name, param in params.items()}
        n_tasks = len(episodes.support["weight"])
        for i in range(n_tasks):
            weights = own
            for _ in range(learner.n_inner_steps):
                loss = _loss(weights, episodes.support, i, episodes.is_regression)
                grads = torch.autograd.grad(
                    loss, list(weights.values()), create_graph=learner.second_order
                )
                weights = {
                    name: weight - learner.step_size * grad
                    for (name, weight), grad in zip(weights.items(), grads, strict=True)
                }
            (_loss(weights, episodes.query, i, episodes.is_regression) / n_tasks).backward()
        return {name: param.grad for name, param in own.items()}, None

    return compute


def _loss(weights, rows, i, is_regression):
    outputs = _forward(weights, rows["X"][i])
    if is_regression:
        return functional.mse_loss(outputs, rows["target"][i])
    return functional.cross_entropy(outputs, rows["target"][i].argmax(1))


def _forward(weights, X):
    def normalise(hidden, name):
        gain, shift = weights[f"{name}_gain"], weights[f"{name}_shift"]
        return functional.batch_norm(hidden, None, None, gain, shift, training=True).relu()

    if "block0" in weights:
        for i in range(4):
            X = functional.conv2d(X, weights[f"block{i}"], stride=2, padding=1)
            X = normalise(X, f"block{i}")
        hidden = X.mean((2, 3))
    else:
        hidden, i = X.flatten(1), 0
        while f"layer{i}" in weights:
            hidden = hidden @ weights[f"layer{i}"]
            if f"layer{i}_bias" in weights:
                hidden = (hidden + weights[f"layer{i}_bias"]).relu()
            else:
                hidden = normalise(hidden, f"layer{i}")
            i += 1
    return hidden @ weights["head"] + weights["head_bias"]


def _rate(compute, params, batch, seconds, device):
    """Steps per second."""
    started, n_steps = time.perf_counter(), 0
    while n_steps < 2 or time.perf_counter() - started < seconds:
        compute(params, batch)
        if device != "cpu":
            torch.cuda.synchronize()
        n_steps += 1
    return n_steps / (time.perf_counter() - started)


def _difference(grads):
    def flat(way):
        return torch.cat([grad.flatten() for _, grad in sorted(grads[way].items())])

    return ((flat("batched") - flat("loop")).norm() / flat("loop").norm()).item()


def _to(episodes, device):
    support, query = (
        {name: tensor.to(device) for name, tensor in rows.items()}
        for rows in (episodes.support, episodes.query)
    )
    return type(episodes)(support, query, episodes.is_regression)
