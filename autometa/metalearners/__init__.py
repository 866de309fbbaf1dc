"""Meta-learners: what is learned across tasks, and how it adapts to one."""

from functools import partial

from autometa.metalearners._base import MetaLearner, query_loss, rows_loss
from autometa.metalearners._inner_loop import adamw_init, adamw_step, gradient_steps
from autometa.metalearners.anil import ANIL
from autometa.metalearners.maml import MAML
from autometa.metalearners.meta_sgd import MetaSGD
from autometa.metalearners.random_weights import RandomWeights
from autometa.metalearners.reptile import Reptile
from autometa.networks import LOOKUP

#: Names as the command line and the artefacts use them, to constructors.
METALEARNERS = {
    "maml": MAML,
    "first_order_maml": partial(MAML, second_order=False),
    "reptile": Reptile,
    "meta_sgd": MetaSGD,
    "anil": ANIL,
    "random_weights": RandomWeights,
}

__all__ = [
    "ANIL",
    "LOOKUP",
    "MAML",
    "METALEARNERS",
    "MetaLearner",
    "MetaSGD",
    "RandomWeights",
    "Reptile",
    "adamw_init",
    "adamw_step",
    "gradient_steps",
    "query_loss",
    "rows_loss",
]
