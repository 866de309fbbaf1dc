"""Gradient boosting on histograms, of scikit-learn."""

from itertools import islice

from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.base import is_regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from autometa.families._configs import read_config
from autometa.families._growth import grow_iterations
from autometa.families._preparation import TablePreparation
from autometa.families._table_model import TableModel

NAME = "hist_gradient_boosting"

#: The hyperparameter that counts steps; after these, a learning curve has a point.
STEPS_NAME, REPORT_STEPS = "max_iter", (10, 30, 100, 300)

CONDITIONS = {}

#: scikit-learn's; its ``l2_regularization=0`` is the smallest value here.
DEFAULT_CONFIG = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1e-10,
    "max_features": 1.0,
}


def space(*, is_regression):
    """Return the search space, in the names of scikit-learn.

    References
    ----------
    Feurer et al., "Auto-Sklearn 2.0", 2022, with smaller trees at the upper end and capped
    iterations in the place of early stopping.

    Examples
    --------
    >>> space(is_regression=True)["max_leaf_nodes"]
    IntDistribution(high=255, log=True, low=3, step=1)
    """
    return {
        "learning_rate": FloatDistribution(0.01, 0.5, log=True),
        "max_iter": IntDistribution(20, 500, log=True),
        "max_leaf_nodes": IntDistribution(3, 255, log=True),
        "min_samples_leaf": IntDistribution(1, 200, log=True),
        "l2_regularization": FloatDistribution(1e-10, 100.0, log=True),
        "max_features": FloatDistribution(0.2, 1.0),
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
    model = (Regressor if is_regression else Classifier)(
        **config, early_stopping=False, categorical_features="from_dtype", random_state=seed
    )
    return TableModel(
        model,
        TablePreparation("codes"),
        n_threads,
        stage=_stage,
        n_steps=config["max_iter"],
        grow=grow_iterations,
    )


class _TakesEmptyColumns:
    """Fit columns without any value, as rows of a fold may have them; scikit-learn 1.9 fails."""

    def fit(self, X, y, sample_weight=None):
        is_empty = X.isna().all() & (X.dtypes != "category")
        X = X.assign(**dict.fromkeys(X.columns[is_empty], 0.0))  # no tree can split there
        return super().fit(X, y, sample_weight)


class Classifier(_TakesEmptyColumns, HistGradientBoostingClassifier):
    """scikit-learn's; its ``fit`` takes DataFrames."""


class Regressor(_TakesEmptyColumns, HistGradientBoostingRegressor):
    """scikit-learn's; its ``fit`` takes DataFrames."""


def _stage(model, Z, steps):
    staged = model.staged_predict(Z) if is_regressor(model) else model.staged_predict_proba(Z)
    before = 0
    for step in steps:
        yield next(islice(staged, step - before - 1, None))
        before = step
