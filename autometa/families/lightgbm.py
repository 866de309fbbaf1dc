"""Gradient boosting of LightGBM."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.families._configs import read_config
from autometa.families._growth import grow_lightgbm
from autometa.families._preparation import TablePreparation
from autometa.families._registry import import_extra
from autometa.families._table_model import TableModel

NAME = "lightgbm"

STEPS_NAME, REPORT_STEPS = "n_estimators", (10, 30, 100, 300)

CONDITIONS = {}

#: LightGBM's; its ``reg_alpha=0`` and ``reg_lambda=0`` are the smallest values here.
DEFAULT_CONFIG = {
    "learning_rate": 0.1,
    "n_estimators": 100,
    "num_leaves": 31,
    "min_child_samples": 20,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_alpha": 1e-8,
    "reg_lambda": 1e-8,
    "extra_trees": False,
}


def space(*, is_regression):
    """Return the search space, in the names of LightGBM's scikit-learn interface.

    ``subsample`` is meant with ``subsample_freq=1``; LightGBM ignores it otherwise.

    References
    ----------
    Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021, and Salinas and
    Erickson, "TabRepo", 2024, with capped numbers of trees in the place of early stopping.

    Examples
    --------
    >>> space(is_regression=False)["num_leaves"]
    IntDistribution(high=255, log=True, low=4, step=1)
    """
    return {
        "learning_rate": FloatDistribution(0.005, 0.5, log=True),
        "n_estimators": IntDistribution(20, 500, log=True),
        "num_leaves": IntDistribution(4, 255, log=True),
        "min_child_samples": IntDistribution(2, 200, log=True),
        "subsample": FloatDistribution(0.5, 1.0),
        "colsample_bytree": FloatDistribution(0.3, 1.0),
        "reg_alpha": FloatDistribution(1e-8, 10.0, log=True),
        "reg_lambda": FloatDistribution(1e-8, 100.0, log=True),
        "extra_trees": CategoricalDistribution([False, True]),
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
        Where LightGBM is not installed.
    """
    lightgbm = import_extra("lightgbm", "lightgbm")
    config = read_config(NAME, config, is_regression=is_regression)
    kind = lightgbm.LGBMRegressor if is_regression else lightgbm.LGBMClassifier
    model = kind(
        **config,
        subsample_freq=1,
        random_state=seed,
        n_jobs=n_threads,
        deterministic=True,
        force_col_wise=True,  # without it, two timings decide, and with them the last bits
        verbosity=-1,
    )
    return TableModel(
        model,
        TablePreparation("plain_codes"),  # what LightGBM makes of a DataFrame takes its time
        n_threads,
        stage=_stage,
        n_steps=config["n_estimators"],
        fit_options=_name_categories,
        grow=grow_lightgbm,
    )


def _name_categories(Z, preparation):
    return {"categorical_feature": preparation.code_columns_}


def _stage(model, Z, steps):
    predict = getattr(model, "predict_proba", model.predict)
    for step in steps:
        yield predict(Z, num_iteration=step)
