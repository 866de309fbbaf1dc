"""Meta-learners on the data of their papers: Omniglot and sinusoids, by schedules."""

import time
from pathlib import Path

import numpy as np

from autometa._device import exact_convolutions
from autometa.bench._few_shot_protocols import N_TEST_QUERY, find_protocol, find_published
from autometa.exceptions import InvalidInputError

__all__ = ["few_shot", "find_protocol"]

#: Classes of a test episode of Omniglot, where none are asked for.
N_WAYS = 5
#: Characters of Omniglot's validation that are trained on, so that 1,100 are, as in MAML's code.
N_MOVED = 72
#: Of the episodes that are tested on; those of training have other seeds.
TEST_SEED = 1_000_003
CURVE_SEED = 2_000_003


@exact_convolutions()
def few_shot(
    learner,
    data,
    *,
    n_ways=None,
    n_shots=None,
    network=None,
    n_test_steps=None,
    n_test_query=None,
    n_iterations=None,
    hours=None,
    n_test_episodes=600,
    file=None,
    folder=None,
    seed=0,
    device="cpu",
    checkpoint_every_s=300.0,
    on_progress=None,
    should_stop=None,
):
    """Meta-train a learner in its schedule, published or ours, and test it on new tasks.

    Parameters
    ----------
    learner : str
        A key of :data:`autometa.metalearners.METALEARNERS`.
    data : {"omniglot", "sinusoid"}
    n_ways, n_shots : int, default=None
        Of the test; None is 5 characters of 1 row, and 5 rows of a sinusoid, which has no ways.
    network : {"mlp", "convolutional"}, default=None
        For Omniglot; sinusoids always have MAML's perceptron of 2 x 40 units.
    n_test_steps : int, default=None
        Inner steps at the test; None is the schedule's.
    n_test_query : int, default=None
        Query rows of each class at the test; None is the schedule's. It counts where rows to
        predict are normalised together: one row of each class tells more than fifteen of them.
    n_iterations : int, default=None
        Where training ends; None is the schedule's number.
    hours : float, default=None
        Where it ends at the latest. Schedules whose step size falls end with it.
    n_test_episodes : int
        At least 2.
    file : path, default=None
        Of Omniglot, see :func:`autometa.tasks.read_omniglot`.
    folder : path, default=None
        For checkpoints; training resumes from those it holds.
    seed : int
    device : str
    checkpoint_every_s : float
        Each checkpoint adds a point to the curve, measured on validation tasks.
    on_progress, should_stop
        See :func:`autometa.metatraining.meta_train`.

    Returns
    -------
    dict
        ``mse`` or ``accuracy`` (in percent), half the width of its 95 % interval, how many test
        episodes ``diverged``, ``iterations`` and ``scheduled_iterations``, ``seconds`` of training,
        the ``curve`` and what was run; ``schedule`` says where the schedule is from, and
        ``schedule_is_published`` whether that is its paper or code; ``published`` is the published
        figure with its source, or None.
    """
    from autometa.metalearners import METALEARNERS
    from autometa.metatraining import Budget, OuterStep, meta_train

    _check_counts(
        n_ways=n_ways, n_shots=n_shots, n_test_query=n_test_query, n_iterations=n_iterations
    )
    _check_counts(least=0, n_test_steps=n_test_steps)
    _check_counts(least=2, n_test_episodes=n_test_episodes)
    if not checkpoint_every_s > 0:
        raise InvalidInputError(f"checkpoint_every_s must be above 0, got {checkpoint_every_s}.")
    if data == "sinusoid" and n_ways is not None:
        raise InvalidInputError(
            f"Sinusoids have no classes, so n_ways={n_ways} means nothing. Leave n_ways out."
        )
    if n_ways is None:
        n_ways = N_WAYS
    if n_shots is None:
        n_shots = 5 if data == "sinusoid" else 1
    protocol = find_protocol(learner, data, n_ways=n_ways, n_shots=n_shots)
    if n_iterations is None:
        n_iterations = protocol.n_iterations
    budget = Budget(hours=hours, n_steps=n_iterations)
    config = {"network": _network(data, network, protocol, n_ways), **protocol.learner}
    if not METALEARNERS[learner]().needs_head:
        config["network"].pop("n_slots")
    trained = METALEARNERS[learner](**config)
    test_config = {**config, **protocol.test}
    if n_test_steps is not None:
        if not hasattr(trained, "n_inner_steps"):
            raise InvalidInputError(f"{learner} takes no inner steps; leave out n_test_steps.")
        test_config["n_inner_steps"] = n_test_steps
    tested = METALEARNERS[learner](**test_config)
    if n_test_query is None:
        n_test_query = protocol.n_test_query or N_TEST_QUERY[data]
    source = _Episodes(
        data,
        protocol,
        n_ways=n_ways,
        n_shots=n_shots,
        n_test_query=n_test_query,
        file=file,
        seed=seed,
    )

    # all made before training, so that none is refused after it
    batches, curve_batches = source.train(), source.test("val", CURVE_SEED)
    test_batches = source.test("test", TEST_SEED)

    def measure(params):
        found = _test(tested, params, curve_batches, 100, device)
        return {name: found[name] for name in ("mse", "accuracy") if name in found}

    params, progress = meta_train(
        trained,
        batches,
        budget,
        seed=seed,
        outer=OuterStep(**protocol.outer),
        folder=None if folder is None else Path(folder),
        device=device,
        n_workers=0 if device == "cpu" else 1,  # to draw a batch takes longer than a GPU's step
        checkpoint_every_s=checkpoint_every_s,
        measure=measure,
        description={
            "learner": learner,
            "data": data,
            "n_ways": n_ways,
            "n_shots": n_shots,
            "config": config,
            "seed": seed,
            "moved characters": N_MOVED if data == "omniglot" else None,
        },
        on_progress=on_progress,
        should_stop=should_stop,
    )
    params = {name: param.to(device) for name, param in params.items()}
    started = time.perf_counter()
    found = _test(tested, params, test_batches, n_test_episodes, device)
    return {
        **found,
        "published": find_published(
            learner,
            data,
            n_ways=n_ways,
            n_shots=n_shots,
            network=config["network"]["kind"],
            n_inner_steps=getattr(tested, "n_inner_steps", None),
            n_test_query=n_test_query,
        ),
        "iterations": progress["n_steps"],
        "scheduled_iterations": protocol.n_iterations,
        "seconds": round(progress["elapsed_s"], 1),
        "test_seconds": round(time.perf_counter() - started, 1),
        "skipped": progress["n_skipped"],
        "learner": learner,
        "data": data,
        "ways": n_ways if data == "omniglot" else None,
        "shots": n_shots,
        "test_query": n_test_query,
        "config": config,
        "test_config": test_config,
        "schedule": protocol.source,
        "schedule_is_published": protocol.is_published,
        "seed": seed,
        "curve": progress["curve"],
    }


def _check_counts(least=1, **counts):
    for name, count in counts.items():
        if count is not None and not count >= least:
            raise InvalidInputError(f"{name} must be >= {least}, got {count}.")


def _network(data, kind, protocol, n_ways):
    if data == "sinusoid":
        if kind not in (None, "mlp"):
            raise InvalidInputError(f"Sinusoids need network='mlp', got {kind!r}.")
        return {"kind": "mlp", "n_inputs": 1, "hidden": [40, 40], "norm": False, "n_slots": 1}
    kinds = ("mlp", "convolutional")
    if kind not in (None, *kinds):
        raise InvalidInputError(f"network must be one of {list(kinds)}, got {kind!r}.")
    own = protocol.perceptron if kind == "mlp" else protocol.network
    return {"kind": kind or "convolutional", "n_slots": n_ways, **own}


class _Episodes:
    """Episodes to train and to test on."""

    def __init__(self, data, protocol, *, n_ways, n_shots, n_test_query, file, seed):
        self.data, self.protocol, self.n_test_query = data, protocol, n_test_query
        self.n_ways, self.n_shots, self.file, self.seed = n_ways, n_shots, file, seed
        if data == "omniglot" and file is None:
            raise InvalidInputError("Say where Omniglot's file is (file=, --file).")

    def train(self):
        protocol = self.protocol
        n_shots = protocol.n_shots or self.n_shots
        return self._draw("train", n_shots, protocol.n_query, protocol.batch_size, self.seed)

    def test(self, split, seed):
        return self._draw(split, self.n_shots, self.n_test_query, 10, seed + self.seed)

    def _draw(self, split, n_shots, n_query, batch_size, seed):
        from autometa.metatraining import ImageEpisodes, SinusoidEpisodes
        from autometa.tasks import read_omniglot

        counts = {"n_shots": n_shots, "n_query": n_query or n_shots, "batch_size": batch_size}
        if self.data == "sinusoid":
            return SinusoidEpisodes(**counts, seed=seed)
        n_ways = self.n_ways if split != "train" else self.protocol.n_ways or self.n_ways
        task = read_omniglot(self.file, split, n_moved=N_MOVED)
        return ImageEpisodes(task, n_ways=n_ways, **counts, seed=seed)


def _test(learner, params, batches, n_episodes, device):
    """Mean score of the episodes that did not diverge, half of its 95 % interval, the median."""
    import torch

    scores = []
    for start in range(0, n_episodes, batches.batch_size):
        episodes = batches[start // batches.batch_size]
        options = {"is_regression": episodes.is_regression}
        support, query = (
            {name: tensor[: n_episodes - start].to(device) for name, tensor in rows.items()}
            for rows in (episodes.support, episodes.query)
        )

        def predict(support, query, options=options):
            state = learner.adapt(params, support, **options)
            return learner.predict(params, state, support, query, **options)

        outputs, target = torch.func.vmap(predict)(support, query).detach(), query["target"]
        if episodes.is_regression:
            score = (outputs - target).square().mean((1, 2))
        else:
            score = 100 * (outputs.argmax(-1) == target.argmax(-1)).float().mean(1)
        # the largest of outputs that are no numbers is a class all the same
        score = torch.where(outputs.isfinite().all(-1).all(-1), score, torch.nan)
        scores.append(score.cpu().numpy())
    scores = np.concatenate(scores)
    ended = scores[np.isfinite(scores)]
    if not len(ended):
        ended = np.full(2, np.nan)
    name, worst = ("mse", np.inf) if episodes.is_regression else ("accuracy", 0.0)
    interval = 1.96 * float(ended.std(ddof=1)) / len(ended) ** 0.5
    return {
        name: round(float(ended.mean()), 4),
        "ci95": round(interval, 4),
        "median": round(float(np.median(np.nan_to_num(scores, nan=worst))), 4),
        "episodes": len(scores),
        "diverged": int((~np.isfinite(scores)).sum()),
    }
