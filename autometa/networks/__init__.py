"""Networks: the initialiser that proposes weights, and the trunk and heads that use them."""

from autometa.networks.initialiser import ColumnStatisticsInitialiser
from autometa.networks.trunk import embed, predict_outputs

__all__ = ["ColumnStatisticsInitialiser", "embed", "predict_outputs"]
