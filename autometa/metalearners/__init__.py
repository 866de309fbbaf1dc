"""Meta-learners: what is learned across tasks, and how it adapts to one."""

from functools import partial

from autometa.metalearners._base import MetaLearner, query_loss, rows_loss
from autometa.metalearners._inner_loop import adamw_init, adamw_step, gradient_steps
from autometa.metalearners.anil import ANIL
from autometa.metalearners.gnn import GraphNetwork
from autometa.metalearners.leo import LEO
from autometa.metalearners.lstm import LSTMLearner
from autometa.metalearners.maml import MAML
from autometa.metalearners.matching import MatchingNetwork
from autometa.metalearners.meta_networks import MetaNetworks
from autometa.metalearners.meta_sgd import MetaSGD
from autometa.metalearners.proto_maml import ProtoMAML
from autometa.metalearners.protonet import ProtoNet
from autometa.metalearners.random_weights import RandomWeights
from autometa.metalearners.reptile import Reptile
from autometa.metalearners.snail import SNAIL
from autometa.networks import LOOKUP

#: Names as the command line and the artefacts use them, to constructors.
METALEARNERS = {
    "maml": MAML,
    "first_order_maml": partial(MAML, second_order=False),
    "reptile": Reptile,
    "meta_sgd": MetaSGD,
    "anil": ANIL,
    "protonet": ProtoNet,
    "proto_maml": ProtoMAML,
    "matching": MatchingNetwork,
    "leo": LEO,
    "lstm": LSTMLearner,
    "snail": SNAIL,
    "meta_networks": MetaNetworks,
    "gnn": GraphNetwork,
}
#: What proposes weights without having learned anything; artefacts may name these too.
BASELINES = {"random_weights": RandomWeights}

__all__ = [
    "ANIL",
    "BASELINES",
    "GraphNetwork",
    "LEO",
    "LOOKUP",
    "LSTMLearner",
    "MAML",
    "METALEARNERS",
    "MatchingNetwork",
    "MetaLearner",
    "MetaNetworks",
    "MetaSGD",
    "ProtoMAML",
    "ProtoNet",
    "RandomWeights",
    "Reptile",
    "SNAIL",
    "adamw_init",
    "adamw_step",
    "gradient_steps",
    "query_loss",
    "rows_loss",
]
