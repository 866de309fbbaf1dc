"""Meta-learners: what is learned across tasks, and how it adapts to one."""

from functools import partial

from autometa.metalearners._base import MetaLearner, query_loss, rows_loss
from autometa.metalearners._inner_loop import adamw_init, adamw_step, gradient_steps
from autometa.metalearners.maml import MAML

#: Names as the command line and the artefacts use them, to constructors.
METALEARNERS = {
    "maml": MAML,
    "first_order_maml": partial(MAML, second_order=False),
}

__all__ = [
    "MAML",
    "METALEARNERS",
    "MetaLearner",
    "adamw_init",
    "adamw_step",
    "gradient_steps",
    "query_loss",
    "rows_loss",
]
