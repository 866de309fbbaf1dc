"""What forests have in common: the space, and predictions by the first trees alone."""

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.base import is_regressor

STEPS_NAME, REPORT_STEPS = "n_estimators", (10, 30, 100)

#: A share of rows is drawn for each tree only where trees see bootstrap samples at all.
CONDITIONS = {"max_samples": ("bootstrap", (True,))}
INACTIVE_DEFAULTS = {"max_samples": 1.0}


def forest_space(*, is_regression):
    """Return the search space, in the names of scikit-learn.

    References
    ----------
    Probst, Boulesteix and Bischl, "Tunability", 2019, for which parameters matter; Salinas and
    Erickson, "TabRepo", 2024, for ``max_features``.
    """
    distributions = {
        "n_estimators": IntDistribution(20, 300, log=True),
        "max_features": CategoricalDistribution(["sqrt", "log2", 0.3, 0.5, 0.75, 1.0]),
        "min_samples_leaf": IntDistribution(1, 50, log=True),
        "min_samples_split": IntDistribution(2, 50, log=True),
        "bootstrap": CategoricalDistribution([True, False]),
        "max_samples": FloatDistribution(0.2, 1.0),
    }
    if not is_regression:
        distributions["criterion"] = CategoricalDistribution(["gini", "entropy"])
    return distributions


def stage(model, Z, steps):
    """Yield what the first trees predict together, for each number of them."""
    cells = np.asarray(Z, dtype=np.float32)
    total, n_done = 0.0, 0
    for step in steps:
        for tree in model.estimators_[n_done:step]:
            total = total + (
                tree.predict(cells) if is_regressor(model) else tree.predict_proba(cells)
            )
        n_done = step
        yield total / n_done
