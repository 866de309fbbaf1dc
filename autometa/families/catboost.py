"""Gradient boosting of CatBoost; needs the extra ``catboost``."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.families._configs import read_config
from autometa.families._growth import grow_catboost
from autometa.families._preparation import TablePreparation
from autometa.families._registry import import_extra
from autometa.families._table_model import TableModel

NAME = "catboost"

STEPS_NAME, REPORT_STEPS = "iterations", (10, 30, 100, 300)

CONDITIONS = {}

#: CatBoost's, its learning rate aside: by itself CatBoost guesses one from the numbers of rows and
#: iterations, and falls back to this one.
DEFAULT_CONFIG = {
    "learning_rate": 0.03,
    "iterations": 1000,
    "depth": 6,
    "l2_leaf_reg": 3.0,
    "random_strength": 1.0,
    "rsm": 1.0,
    "grow_policy": "SymmetricTree",
}


def space(*, is_regression):
    """Return the search space, in CatBoost's names.

    References
    ----------
    Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021, and Salinas and
    Erickson, "TabRepo", 2024, with capped iterations in the place of early stopping.

    Examples
    --------
    >>> space(is_regression=True)["depth"]
    IntDistribution(high=8, log=False, low=2, step=1)
    """
    return {
        "learning_rate": FloatDistribution(0.005, 0.3, log=True),
        "iterations": IntDistribution(20, 1000, log=True),
        "depth": IntDistribution(2, 8),
        "l2_leaf_reg": FloatDistribution(0.5, 30.0, log=True),
        "random_strength": FloatDistribution(0.01, 10.0, log=True),
        "rsm": FloatDistribution(0.3, 1.0),
        "grow_policy": CategoricalDistribution(["SymmetricTree", "Depthwise"]),
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
        Where CatBoost is not installed.
    """
    catboost = import_extra("catboost", "catboost")
    config = read_config(NAME, config, is_regression=is_regression)
    kind = catboost.CatBoostRegressor if is_regression else catboost.CatBoostClassifier
    model = kind(
        **config,
        random_seed=seed,
        thread_count=n_threads,
        allow_writing_files=False,
        verbose=False,
    )
    return TableModel(
        model,
        TablePreparation("filled_codes"),
        n_threads,
        stage=_stage,
        n_steps=config["iterations"],
        fit_options=_name_categories,
        grow=grow_catboost,
    )


def _name_categories(Z, preparation):
    return {"cat_features": Z.columns[Z.dtypes == "int64"].tolist()}


def _stage(model, Z, steps):
    predict = getattr(model, "predict_proba", model.predict)
    for step in steps:
        yield predict(Z, ntree_end=step)
