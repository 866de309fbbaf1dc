"""Families: the candidate models that a search can choose from."""

from autometa.families._network_model import NetworkModel
from autometa.families._task import EncodedTask, Folds
from autometa.families.adapted_network import NetworkRun, adapt_model, propose_model, space

__all__ = [
    "EncodedTask",
    "Folds",
    "NetworkModel",
    "NetworkRun",
    "adapt_model",
    "propose_model",
    "space",
]
