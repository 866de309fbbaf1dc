"""How meta-parameters follow the meta-gradient: optimiser, schedule, clipping, averaging."""

import math
from dataclasses import dataclass

import torch

from autometa.exceptions import InvalidInputError

OPTIMISERS = ("adamw", "sgd")
#: Of AdamW. With less, what held-out families lose grows again after some 2,000 steps.
WEIGHT_DECAY = 1e-2
SCHEDULES = ("cosine", "constant", "linear", "halving")


@dataclass(frozen=True)
class OuterStep:
    """One rule for the outer loop; the default is what trains the knowledge for tables.

    Attributes
    ----------
    optimiser : {"adamw", "sgd"}
        AdamW without weight decay is Adam.
    lr, weight_decay : float
    schedule : {"cosine", "constant", "linear", "halving"}
        How the step size falls until the budget's end; ``halving`` every ``halve_every`` steps.
    warm_up : int
        Steps during which it rises.
    max_norm : float or None
        Gradients are scaled down to it; None leaves them.
    averaging : float
        Factor of the running average of parameters that training returns; 0 returns the last.
    halve_every : int or None

    Examples
    --------
    >>> rule = OuterStep(lr=1.0, schedule="linear", warm_up=0)
    >>> rule.lr_at(share=0.25, n_steps=10)
    0.75
    """

    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = WEIGHT_DECAY
    schedule: str = "cosine"
    warm_up: int = 200
    max_norm: float | None = 1.0
    averaging: float = 0.999
    halve_every: int | None = None

    def __post_init__(self):
        for name, accepted in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in accepted:
                raise InvalidInputError(
                    f"{name} must be one of {list(accepted)}, got {getattr(self, name)!r}."
                )
        if self.schedule == "halving" and not self.halve_every:
            raise InvalidInputError('schedule="halving" needs halve_every, a number of steps.')

    def make_optimiser(self, params):
        """Make the optimiser of torch for some parameters."""
        if self.optimiser == "sgd":
            return torch.optim.SGD(params, lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.AdamW(params, lr=self.lr, weight_decay=self.weight_decay)

    def lr_at(self, share, n_steps):
        """Return the step size once ``share`` of the budget and ``n_steps`` are done."""
        factor = 1.0
        if self.schedule == "cosine":
            factor = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
        elif self.schedule == "linear":
            factor = max(0.0, 1 - share)
        elif self.schedule == "halving":
            factor = 0.5 ** (n_steps // self.halve_every)
        rise = min(1.0, (n_steps + 1) / self.warm_up) if self.warm_up else 1.0
        return self.lr * factor * rise

    def clip(self, params):
        """Scale gradients down where they are too long; return the length they had."""
        return torch.nn.utils.clip_grad_norm_(params, self.max_norm or math.inf)

    def keep_at(self, n_steps):
        """Return how much of the running average of parameters stays after a step."""
        return min(self.averaging, (n_steps + 1) / (n_steps + 10))
