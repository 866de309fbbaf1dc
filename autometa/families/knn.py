"""k nearest neighbours, by scikit-learn's search; rows vote by their weights."""

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.neighbors import NearestNeighbors

from autometa.families._configs import read_config
from autometa.families._preparation import TablePreparation
from autometa.families._table_model import TableModel

NAME = "knn"

STEPS_NAME, REPORT_STEPS = None, ()

CONDITIONS = {}

#: scikit-learn's.
DEFAULT_CONFIG = {"n_neighbors": 5, "weights": "uniform", "p": 2, "scaling": "standardised"}


def space(*, is_regression):
    """Return the search space: scikit-learn's parameters, and how columns are scaled.

    ``n_neighbors``, ``weights`` and ``p`` are scikit-learn's own; ``scaling`` is ours.

    References
    ----------
    Feurer et al., "Efficient and Robust Automated Machine Learning", 2015.

    Examples
    --------
    >>> space(is_regression=False)["n_neighbors"]
    IntDistribution(high=100, log=True, low=1, step=1)
    """
    return {
        "n_neighbors": IntDistribution(1, 100, log=True),
        "weights": CategoricalDistribution(["uniform", "distance"]),
        "p": IntDistribution(1, 2),
        "scaling": CategoricalDistribution(["standardised", "ranked"]),
    }


def make(config, *, is_regression, seed=0, n_threads=1):
    """Make an unfitted estimator for tables.

    Parameters
    ----------
    config : mapping
        What it lacks is as in ``DEFAULT_CONFIG``.
    is_regression : bool
    seed : int
    n_threads : int

    Returns
    -------
    TableModel
    """
    config = read_config(NAME, config, is_regression=is_regression)
    scaling = config.pop("scaling")
    kind = NeighboursRegressor if is_regression else NeighboursClassifier
    return TableModel(kind(**config, n_jobs=n_threads), TablePreparation(scaling), n_threads)


class _Neighbours(BaseEstimator):
    """What scikit-learn's neighbours do, with sample weights and never more rows than there are."""

    def __init__(self, n_neighbors=5, weights="uniform", p=2, n_jobs=None):
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.p = p
        self.n_jobs = n_jobs

    def fit(self, X, y, sample_weight=None):
        self.search_ = NearestNeighbors(
            n_neighbors=min(self.n_neighbors, len(y)), p=self.p, n_jobs=self.n_jobs
        ).fit(X)
        self.y_ = np.asarray(y)
        self.weight_ = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self._set_classes()
        return self

    def _set_classes(self):
        pass

    def _find(self, X):
        """Neighbours' rows and the shares of their votes, both of shape (n_rows, n_neighbors)."""
        distance, rows = self.search_.kneighbors(X)
        votes = self.weight_[rows]
        if self.weights == "distance":
            is_same = distance == 0
            has_same = is_same.any(axis=1, keepdims=True)
            with np.errstate(divide="ignore"):
                votes = votes * np.where(has_same, is_same, 1 / distance)
        return rows, votes / votes.sum(axis=1, keepdims=True)


class NeighboursRegressor(RegressorMixin, _Neighbours):
    """Predict the mean of the nearest rows."""

    def predict(self, X):
        rows, votes = self._find(X)
        return (votes * self.y_[rows]).sum(axis=1)


class NeighboursClassifier(ClassifierMixin, _Neighbours):
    """Predict the shares of the classes among the nearest rows."""

    def _set_classes(self):
        self.classes_, self.y_ = np.unique(self.y_, return_inverse=True)

    def predict_proba(self, X):
        rows, votes = self._find(X)
        probabilities = np.zeros((len(rows), len(self.classes_)))
        for code in range(len(self.classes_)):
            probabilities[:, code] = (votes * (self.y_[rows] == code)).sum(axis=1)
        return probabilities

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
