"""Networks: the initialiser that proposes weights, and the trunk and heads that use them."""

from autometa.networks.initialiser import ColumnStatisticsInitialiser
from autometa.networks.trunk import embed, look_up, predict_from, predict_outputs

__all__ = [
    "ColumnStatisticsInitialiser",
    "embed",
    "look_up",
    "predict_from",
    "predict_outputs",
]
