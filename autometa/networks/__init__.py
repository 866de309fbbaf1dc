"""Networks: for tables those whose weights are proposed; for arrays some with their own."""

from autometa.networks._draws import uniform
from autometa.networks._plain import slots_of
from autometa.networks.convolutional import Convolutional
from autometa.networks.heads import ridge_head
from autometa.networks.initialiser import ColumnStatisticsInitialiser
from autometa.networks.kinds import NETWORKS, make_network
from autometa.networks.mlp import MLP
from autometa.networks.tabular import LOOKUP, ColumnsNetwork, LookUpNetwork
from autometa.networks.trunk import embed, look_up, predict_from, predict_outputs

__all__ = [
    "ColumnStatisticsInitialiser",
    "ColumnsNetwork",
    "Convolutional",
    "LOOKUP",
    "LookUpNetwork",
    "MLP",
    "NETWORKS",
    "embed",
    "look_up",
    "make_network",
    "predict_from",
    "predict_outputs",
    "ridge_head",
    "slots_of",
    "uniform",
]
