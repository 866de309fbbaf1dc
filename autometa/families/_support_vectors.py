"""Support vector machines that give probabilities, and that take targets of any scale."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, SVR

#: Steps of the solver, so that no fit runs without end.
MAX_STEPS = 100_000
#: Folds whose held-out decision values the probabilities are learned from.
N_FOLDS = 3


class CalibratedSVC(ClassifierMixin, BaseEstimator):
    """A support vector classifier whose held-out decision values become probabilities.

    A multinomial logistic regression reads the decision values of all classes; for two classes it
    is Platt's scaling. scikit-learn's own ``probability=True`` is on its way out and fits five
    folds.

    References
    ----------
    Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """

    def __init__(self, C=1.0, kernel="rbf", gamma=1.0, degree=3, coef0=0.0, seed=0):
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.seed = seed

    def fit(self, X, y, sample_weight=None):
        """Learn from labels of at least two classes."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight)
        self.machine_ = self._machine().fit(X, codes, weight)
        decisions = self._decide(self.machine_, X)  # for rows that are never held out
        part = _deal(codes, np.random.default_rng(self.seed))
        for fold in range(N_FOLDS):
            is_held_out = part == fold
            if is_held_out.any() and len(np.unique(codes[~is_held_out])) == len(self.classes_):
                machine = self._machine().fit(
                    X[~is_held_out], codes[~is_held_out], weight[~is_held_out]
                )
                decisions[is_held_out] = self._decide(machine, X[is_held_out])
        self.scaling_ = LogisticRegression(max_iter=300).fit(decisions, codes, weight)
        return self

    def _machine(self):
        return SVC(
            C=self.C,
            kernel=self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            coef0=self.coef0,
            max_iter=MAX_STEPS,
        )

    @staticmethod
    def _decide(machine, X):
        decisions = machine.decision_function(X)
        return decisions[:, None] if decisions.ndim == 1 else decisions

    def predict_proba(self, X):
        """Predict probabilities of shape (n_rows, n_classes)."""
        return self.scaling_.predict_proba(self._decide(self.machine_, X))

    def predict(self, X):
        """Predict the most probable label."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class StandardisedSVR(RegressorMixin, BaseEstimator):
    """A support vector regressor whose ``C`` and ``epsilon`` mean standard deviations of ``y``."""

    def __init__(self, C=1.0, kernel="rbf", gamma=1.0, degree=3, coef0=0.0, epsilon=0.1):
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.epsilon = epsilon

    def fit(self, X, y, sample_weight=None):
        """Learn from numbers."""
        self.center_ = float(np.average(y, weights=sample_weight))
        self.scale_ = float(np.sqrt(np.average((y - self.center_) ** 2, weights=sample_weight)))
        self.scale_ = self.scale_ or 1.0
        options = {**self.get_params(deep=False), "max_iter": MAX_STEPS}
        self.machine_ = SVR(**options).fit(X, (y - self.center_) / self.scale_, sample_weight)
        return self

    def predict(self, X):
        """Predict numbers in the units of ``y``."""
        return self.machine_.predict(X) * self.scale_ + self.center_


def _deal(codes, rng):
    """Deal rows to folds, class by class; -1 for the only row of a class."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    order = order[np.bincount(codes)[codes[order]] > 1]
    part = np.full(len(codes), -1)
    part[order] = np.arange(len(order)) % N_FOLDS
    return part
