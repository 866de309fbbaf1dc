"""Families: the candidate models that a search can choose from."""

from importlib import import_module

from autometa.families._configs import (
    default_config,
    drop_inactive,
    library_defaults,
    read_config,
    suggest_config,
)
from autometa.families._network_model import NetworkModel
from autometa.families._own import Family, check_families
from autometa.families._preparation import TablePreparation
from autometa.families._registry import (
    BOOSTING,
    EXTRAS,
    FAMILIES,
    GROWING,
    find_family,
    import_extra,
)
from autometa.families._table_model import TableModel, spread_classes
from autometa.families._task import EncodedTask, Folds

# These need torch, which other families do not.
_OF_THE_NETWORK = ("NetworkRun", "adapt_model", "first_config", "propose_model", "space")

__all__ = [
    "BOOSTING",
    "EXTRAS",
    "EncodedTask",
    "FAMILIES",
    "Family",
    "Folds",
    "GROWING",
    "NetworkModel",
    "NetworkRun",
    "TableModel",
    "TablePreparation",
    "adapt_model",
    "check_families",
    "default_config",
    "drop_inactive",
    "find_family",
    "first_config",
    "import_extra",
    "library_defaults",
    "propose_model",
    "read_config",
    "space",
    "spread_classes",
    "suggest_config",
]


def __getattr__(name):
    if name in _OF_THE_NETWORK:
        return getattr(import_module("autometa.families.adapted_network"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
