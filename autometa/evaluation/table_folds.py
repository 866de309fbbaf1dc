"""The rows of a table that configurations are evaluated on, with their folds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from autometa.evaluation.folds import make_folds
from autometa.families import Folds


@dataclass(frozen=True, eq=False)
class TableFolds:
    """Rows of a table with the folds that every configuration is evaluated on.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
        Class indices, or numbers.
    n_classes : int or None
        None for regression.
    folds : Folds
    """

    X: pd.DataFrame
    y: np.ndarray
    n_classes: int | None
    folds: Folds

    @classmethod
    def from_task(cls, task, *, max_rows=2_000, n_folds=3, seed=0):
        """Draw at most so many rows of a task and deal them into folds.

        The draw depends on the task's name and on the seed. Classes of which no row is drawn are
        left out; those of one row are trained on in every fold.

        Parameters
        ----------
        task : Task
        max_rows, n_folds, seed : int
        """
        rng = np.random.default_rng([seed, *task.name.encode()])
        rows = np.arange(task.n_rows)
        if task.n_rows > max_rows:
            rows = np.sort(rng.permutation(task.n_rows)[:max_rows])
        X, y = task.X.iloc[rows].reset_index(drop=True), task.y.iloc[rows]
        n_classes = None
        if task.kind == "regression":
            y = y.to_numpy(dtype=np.float64)
        else:
            codes, labels = pd.factorize(y, sort=True)
            y, n_classes = codes.astype(np.int64), len(labels)
        folds = make_folds(y, np.ones(len(y)), n_classes=n_classes, rng=rng, n_folds=n_folds)
        return cls(X, y, n_classes, folds)

    @property
    def is_regression(self):
        return self.n_classes is None

    @cached_property
    def unit(self):
        """What errors are measured in: the standard deviation of the target, or 1."""
        return float(np.std(self.y)) or 1.0 if self.is_regression else 1.0
