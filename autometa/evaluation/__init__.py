"""Evaluation: configurations times folds become learning curves and scores."""

from importlib import import_module

from autometa.evaluation.evaluator import TableEvaluator
from autometa.evaluation.fold_models import FoldModels
from autometa.evaluation.folds import make_folds
from autometa.evaluation.table_folds import TableFolds

# These need torch, which evaluating other families than the network does not.
_OF_THE_NETWORK = ("FoldScorer", "evaluate_group")

__all__ = [
    "FoldModels",
    "FoldScorer",
    "TableEvaluator",
    "TableFolds",
    "evaluate_group",
    "make_folds",
]


def __getattr__(name):
    if name in _OF_THE_NETWORK:
        return getattr(import_module("autometa.evaluation.group"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
