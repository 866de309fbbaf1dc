"""Gradient boosting of XGBoost; needs the extra ``xgboost``."""

from optuna.distributions import FloatDistribution, IntDistribution

from autometa.families._configs import read_config
from autometa.families._growth import grow_xgboost
from autometa.families._preparation import TablePreparation
from autometa.families._registry import import_extra
from autometa.families._table_model import TableModel

NAME = "xgboost"

STEPS_NAME, REPORT_STEPS = "n_estimators", (10, 30, 100, 300)

CONDITIONS = {}

#: XGBoost's; its ``gamma=0`` and ``reg_alpha=0`` are the smallest values here.
DEFAULT_CONFIG = {
    "learning_rate": 0.3,
    "n_estimators": 100,
    "max_depth": 6,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "gamma": 1e-8,
    "reg_alpha": 1e-8,
    "reg_lambda": 1.0,
}


def space(*, is_regression):
    """Return the search space, in the names of XGBoost's scikit-learn interface.

    References
    ----------
    Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021, and Grinsztajn et
    al., "Why do tree-based models still outperform deep learning on tabular data?", 2022, with
    capped numbers of trees in the place of early stopping.

    Examples
    --------
    >>> space(is_regression=True)["max_depth"]
    IntDistribution(high=11, log=False, low=1, step=1)
    """
    return {
        "learning_rate": FloatDistribution(0.005, 0.7, log=True),
        "n_estimators": IntDistribution(20, 500, log=True),
        "max_depth": IntDistribution(1, 11),
        "min_child_weight": FloatDistribution(0.01, 100.0, log=True),
        "subsample": FloatDistribution(0.5, 1.0),
        "colsample_bytree": FloatDistribution(0.3, 1.0),
        "gamma": FloatDistribution(1e-8, 7.0, log=True),
        "reg_alpha": FloatDistribution(1e-8, 100.0, log=True),
        "reg_lambda": FloatDistribution(1e-3, 100.0, log=True),
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

    Raises
    ------
    MissingExtraError
        Where XGBoost is not installed.
    """
    xgboost = import_extra("xgboost", "xgboost")
    config = read_config(NAME, config, is_regression=is_regression)
    kind = xgboost.XGBRegressor if is_regression else xgboost.XGBClassifier
    model = kind(
        **config,
        tree_method="hist",
        enable_categorical=True,
        random_state=seed,
        n_jobs=n_threads,
        verbosity=0,
    )
    return TableModel(
        model,
        TablePreparation("codes"),
        n_threads,
        stage=_stage,
        n_steps=config["n_estimators"],
        grow=grow_xgboost,
    )


def _stage(model, Z, steps):
    predict = getattr(model, "predict_proba", model.predict)
    for step in steps:
        yield predict(Z, iteration_range=(0, step))
