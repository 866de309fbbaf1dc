"""What families train on: canonical rows, encoded, with weights in the place of folds."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EncodedTask:
    """A table ready for a network.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_columns, 3)
        As :class:`autometa.encoding.TableEncoder` gives it.
    y : ndarray of shape (n_rows,)
        Class indices, or numbers.
    weight : ndarray of shape (n_rows,)
        Above 0.
    n_classes : int or None
        None for regression.
    reading_share : float
        Of what a network reads at most of a large table, and of what trials are scored on, what
        there is time for; up to 1.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    n_classes: int | None
    reading_share: float = 1.0

    @property
    def is_regression(self):
        return self.n_classes is None


@dataclass(frozen=True)
class Folds:
    """Splits of a task's rows; a row that plays no part in a fold has weight 0 there.

    Attributes
    ----------
    train_weight, valid_weight : ndarray of shape (n_folds, n_rows)
    """

    train_weight: np.ndarray
    valid_weight: np.ndarray

    @property
    def are_bagged(self):
        """Whether the folds' models may predict together: at least half of them know each row.

        Of a single fold and of splits that are ordered in time, they do not.
        """
        n_models = (self.train_weight > 0).sum(axis=0)
        return bool((2 * n_models >= len(self.train_weight)).all())
