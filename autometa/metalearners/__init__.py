"""Meta-learners: what is learned across tasks, and how it adapts to one."""

from functools import partial

from autometa.metalearners._base import MetaLearner, query_loss, rows_loss
from autometa.metalearners._inner_loop import adamw_init, adamw_step, gradient_steps
from autometa.metalearners.maml import LOOKUP, MAML
from autometa.metalearners.random_weights import RandomWeights

#: Names as the command line and the artefacts use them, to constructors.
METALEARNERS = {
    "maml": MAML,
    "first_order_maml": partial(MAML, second_order=False),
    "random_weights": RandomWeights,
}

__all__ = [
    "LOOKUP",
    "MAML",
    "METALEARNERS",
    "MetaLearner",
    "RandomWeights",
    "adamw_init",
    "adamw_step",
    "gradient_steps",
    "query_loss",
    "rows_loss",
]
