"""Evaluation: configurations times folds become learning curves and scores."""

from autometa.evaluation.folds import make_folds
from autometa.evaluation.group import FoldScorer, evaluate_group

__all__ = ["FoldScorer", "evaluate_group", "make_folds"]
