"""Extremely randomised trees, of scikit-learn."""

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from autometa.families._configs import read_config
from autometa.families._forest import (
    CONDITIONS,
    INACTIVE_DEFAULTS,
    REPORT_STEPS,
    STEPS_NAME,
    forest_space,
    stage,
)
from autometa.families._growth import grow_trees
from autometa.families._preparation import TablePreparation
from autometa.families._table_model import TableModel

__all__ = [
    "CONDITIONS",
    "DEFAULT_CONFIG",
    "INACTIVE_DEFAULTS",
    "NAME",
    "REGRESSION_DEFAULTS",
    "REPORT_STEPS",
    "STEPS_NAME",
    "make",
    "space",
]

NAME = "extra_trees"

#: scikit-learn's, for classification.
DEFAULT_CONFIG = {
    "n_estimators": 100,
    "max_features": "sqrt",
    "min_samples_leaf": 1,
    "min_samples_split": 2,
    "bootstrap": False,
    "criterion": "gini",
}
#: What differs for regression.
REGRESSION_DEFAULTS = {"max_features": 1.0}


def space(*, is_regression):
    """Return the search space, in the names of scikit-learn; ``max_samples`` may be inactive.

    Examples
    --------
    >>> space(is_regression=True)["max_features"].choices
    ('sqrt', 'log2', 0.3, 0.5, 0.75, 1.0)
    """
    return forest_space(is_regression=is_regression)


def make(config, *, is_regression, seed=0, n_threads=1):
    """Make an unfitted estimator for tables.

    Parameters
    ----------
    config : mapping
        What it lacks is as in ``DEFAULT_CONFIG`` and ``REGRESSION_DEFAULTS``.
    is_regression : bool
    seed : int
    n_threads : int

    Returns
    -------
    TableModel
    """
    config = read_config(NAME, config, is_regression=is_regression)
    kind = ExtraTreesRegressor if is_regression else ExtraTreesClassifier
    model = kind(**config, random_state=seed, n_jobs=n_threads)
    return TableModel(
        model,
        TablePreparation("indicators"),
        n_threads,
        stage=stage,
        n_steps=config["n_estimators"],
        grow=grow_trees,
    )
