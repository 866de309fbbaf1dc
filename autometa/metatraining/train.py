"""The outer loop: one for every meta-learner."""

import json
import logging
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from autometa.exceptions import InvalidInputError
from autometa.metatraining.checkpoint import load_checkpoint, save_checkpoint
from autometa.metatraining.outer import OuterStep
from autometa.metatraining.processes import Processes
from autometa.metatraining.replay import ReplayedGradient
from autometa.metatraining.stream import stream_batches

logger = logging.getLogger(__name__)


@dataclass
class Budget:
    """How long meta-training runs: whichever of the two comes first.

    Attributes
    ----------
    hours : float or None
    n_steps : int or None
    """

    hours: float | None = None
    n_steps: int | None = None

    def __post_init__(self):
        if self.hours is not None and not self.hours > 0:
            raise InvalidInputError(f"hours must be above 0, got {self.hours}. None: no limit.")
        if self.n_steps is not None and not self.n_steps >= 1:
            raise InvalidInputError(f"n_steps must be >= 1, got {self.n_steps}. None: no limit.")

    def share_used(self, elapsed_s, n_steps):
        """Return the part of the budget that is used; at 1 training ends.

        Examples
        --------
        >>> Budget(hours=2, n_steps=10).share_used(elapsed_s=3600, n_steps=4)
        0.5
        """
        shares = [0.0]
        if self.hours is not None:
            shares.append(elapsed_s / (self.hours * 3600))
        if self.n_steps is not None:
            shares.append(n_steps / self.n_steps)
        return max(shares)


def meta_train(
    learner,
    batches,
    budget,
    *,
    seed,
    folder=None,
    validation=(),
    device="cpu",
    meta_lr=1e-3,
    outer=None,
    n_workers=1,
    checkpoint_every_s=300.0,
    start=None,
    description=None,
    measure=None,
    on_progress=None,
    should_stop=None,
):
    """Move meta-parameters down the meta-gradient of a stream of episodes.

    By default AdamW with warm-up, cosine decay and gradient clipping; what is returned is a
    running average of the parameters. Processes started by ``torchrun`` take batches of their own
    and average their gradients; the first of them writes checkpoints. A step whose gradient is not
    finite is skipped; a warning at the end says how many were.

    Parameters
    ----------
    learner : MetaLearner
    batches : EpisodeBatches
        Or anything that gives stacked episodes by number, such as :class:`ImageEpisodes`.
    budget : Budget
        The cosine ends with it.
    seed : int
        Of the first parameters.
    folder : path, default=None
        Where checkpoints go; where it holds some, training resumes from the newest.
    validation : sequence of Episode
        Unstacked episodes of tasks that are not trained on, for the learning curve.
    device : str
    meta_lr : float
        Where ``outer`` says none.
    outer : OuterStep, default=None
        How parameters follow the meta-gradient.
    n_workers : int
        Processes that prepare episodes.
    checkpoint_every_s : float
        Seconds between checkpoints, each with a point of the learning curve.
    start : dict of Tensor, default=None
        Parameters to start from, where name and shape are the learner's; others start at random.
    description : dict, default=None
        JSON-able: what must agree with a checkpoint for training to resume from it.
    measure : callable, default=None
        From parameters to a dictionary of floats, for the learning curve; by default
        :func:`validate` on ``validation``.
    on_progress : callable, default=None
        Called with a dictionary after every step.
    should_stop : callable, default=None
        Called before every step; where it returns true, training ends as if its budget were used.

    Returns
    -------
    params : dict of Tensor
        On the CPU.
    progress : dict
        ``n_steps``, ``elapsed_s``, ``n_skipped`` and the learning ``curve``.
    """
    processes = Processes.join()
    params = _take_over(learner.init_params(seed), start or {})
    params = {name: param.to(device).requires_grad_() for name, param in params.items()}
    if not params:
        raise InvalidInputError(
            f"{type(learner).__name__} has no parameters that could be trained."
        )
    average = {name: param.detach().clone() for name, param in params.items()}
    outer = OuterStep(lr=meta_lr) if outer is None else outer
    optimiser = outer.make_optimiser(params.values())
    compute_gradient, chance = ReplayedGradient(learner, device), torch.Generator()
    if measure is None:

        def measure(params):
            return validate(learner, params, validation)

    progress = {"n_steps": 0, "elapsed_s": 0.0, "n_skipped": 0, "curve": []}
    resumed = load_checkpoint(folder) if folder is not None else None
    if resumed is not None:
        tensors, progress = resumed
        _check_description(progress.get("description"), description, folder)
        if lacking := [name for name in params if f"params.{name}" not in tensors]:
            raise InvalidInputError(
                f"The checkpoint in {folder} lacks {lacking[0]}: another version of autometa wrote "
                "it. Go on with that one, or name another folder."
            )
        _restore(tensors, params, average, optimiser)
        logger.info("resumed after %d steps", progress["n_steps"])
    if description is not None:
        progress["description"] = json.loads(json.dumps(description))
    started, elapsed_before = time.monotonic(), progress["elapsed_s"]
    last_checkpoint = started

    def checkpoint():
        curve = progress["curve"]
        if processes.rank > 0:
            return
        if curve and curve[-1]["n_steps"] == progress["n_steps"]:
            return  # written before, by this process or by the one that it resumes
        curve.append(
            {
                "n_steps": progress["n_steps"],
                "elapsed_s": round(progress["elapsed_s"], 1),
                **measure(average),
            }
        )
        if folder is not None:
            save_checkpoint(folder, _snapshot(params, average, optimiser), progress)

    stream = stream_batches(
        batches,
        start=progress["n_steps"] * processes.count + processes.rank,
        step=processes.count,
        n_workers=n_workers,
    )
    while True:
        share = budget.share_used(progress["elapsed_s"], progress["n_steps"])
        if should_stop is not None and should_stop():
            share = 1.0
        share = processes.first_says(share)
        if share >= 1:
            break
        n_steps = progress["n_steps"]
        for group in optimiser.param_groups:
            group["lr"] = outer.lr_at(share, n_steps)
        episodes = _to_device(next(stream), device)
        # what chance gives in a step depends on the step alone, so that training can resume
        chance.manual_seed((seed * 1_000_003 + n_steps) * processes.count + processes.rank)
        episodes = learner.draw_chance(episodes, chance)
        values = {name: param.detach() for name, param in params.items()}
        grads, loss = compute_gradient(values, episodes)
        grads = processes.mean(grads)
        for name, param in params.items():
            param.grad = grads[name]
        norm = outer.clip(params.values())
        if torch.isfinite(norm):
            optimiser.step()
        else:
            progress["n_skipped"] += 1
        keep = outer.keep_at(n_steps)
        with torch.no_grad():
            for name, param in params.items():
                average[name].lerp_(param, 1 - keep)
        progress["n_steps"] += 1
        now = time.monotonic()
        progress["elapsed_s"] = elapsed_before + now - started
        if now - last_checkpoint > checkpoint_every_s:
            checkpoint()
            last_checkpoint = time.monotonic()
        if on_progress is not None:
            on_progress({**progress, "loss": float(loss), "share": min(1.0, share)})
    checkpoint()
    if progress["n_skipped"] and processes.rank == 0:
        warnings.warn(_what_was_skipped(progress), stacklevel=2)
    return {name: value.cpu() for name, value in average.items()}, progress


def validate(learner, params, episodes):
    """Measure the mean query loss before and after adapting, for classes and for numbers.

    Learners that propose no weights have no loss before adapting.

    Returns
    -------
    dict of str to float
    """
    losses = {}
    for episode in episodes:
        kind = "numbers" if episode.is_regression else "classes"
        options = {"is_regression": episode.is_regression}
        device = next(iter(params.values())).device
        support, query = (
            {name: tensor.to(device) for name, tensor in rows.items()}
            for rows in (episode.support, episode.query)
        )
        states = {}
        if learner.proposes_weights:
            states["unadapted"] = learner.propose(params, support, **options)
        states["adapted"] = learner.adapt(params, support, **options)
        for stage, state in states.items():
            outputs = learner.predict(params, state, support, query, **options)
            loss = float(learner.loss(outputs, query, **options))
            losses.setdefault(f"{kind}_{stage}", []).append(loss)
    return {name: round(float(np.mean(values)), 4) for name, values in losses.items()}


def _take_over(params, start):
    """Replace parameters by those of the same name and shape."""
    found = {
        name: start[name].clone()
        for name, param in params.items()
        if name in start and start[name].shape == param.shape
    }
    logger.info("%d of %d tensors are taken over", len(found), len(params))
    return {**params, **found}


def _what_was_skipped(progress):
    return (
        f"{progress['n_skipped']} of {progress['n_steps']} outer steps were skipped: their "
        "gradients were not finite, so nothing was learned from their episodes. Most often inner "
        "steps are too long: give the learner smaller ones or fewer of them, or take another."
    )


def _check_description(found, wanted, folder):
    """Refuse to go on from the checkpoint of another training; one without a description passes."""
    if found is None or wanted is None:
        return
    wanted = json.loads(json.dumps(wanted))
    # what an earlier version did not note yet is not known to differ
    differing = [name for name in wanted if name in found and found[name] != wanted[name]]
    if differing:
        name = differing[0]
        raise InvalidInputError(
            f"{folder} holds checkpoints of a training with another {name}: {found.get(name)}, "
            f"now {wanted[name]}. Resume with the same, or name another folder."
        )


def _to_device(episodes, device):
    if device == "cpu":
        return episodes
    moved = (
        {name: tensor.to(device, non_blocking=True) for name, tensor in rows.items()}
        for rows in (episodes.support, episodes.query)
    )
    return type(episodes)(*moved, is_regression=episodes.is_regression)


def _snapshot(params, average, optimiser):
    tensors = {f"params.{name}": param for name, param in params.items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for name, param in params.items():
        for moment, value in optimiser.state[param].items():
            tensors[f"{moment}.{name}"] = value
    return tensors


def _restore(tensors, params, average, optimiser):
    with torch.no_grad():
        for name, param in params.items():
            param.copy_(tensors[f"params.{name}"])
            average[name].copy_(tensors[f"average.{name}"])
            moments = ("step", "exp_avg", "exp_avg_sq")
            optimiser.state[param] = {
                moment: tensors[f"{moment}.{name}"].to(param.device if moment != "step" else "cpu")
                for moment in moments
                if f"{moment}.{name}" in tensors
            }
