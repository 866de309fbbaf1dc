"""Linear models: logistic regression and ridge regression, of scikit-learn."""

from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge

from autometa.families._configs import read_config
from autometa.families._preparation import TablePreparation
from autometa.families._table_model import TableModel

NAME = "linear"

STEPS_NAME, REPORT_STEPS = None, ()

CONDITIONS = {}

#: scikit-learn's; ``C`` is for classes, ``alpha`` for numbers.
DEFAULT_CONFIG = {"C": 1.0, "alpha": 1.0, "scaling": "standardised"}

#: L-BFGS steps; what has not converged by then is scored as it is.
MAX_STEPS = 300


def space(*, is_regression):
    """Return the search space: scikit-learn's penalty, and how columns are scaled.

    ``C`` and ``alpha`` are scikit-learn's own names and units; ``scaling`` is ours.

    References
    ----------
    Ranges of ``C`` and ``alpha`` as in scikit-learn's ``LogisticRegressionCV`` and beyond.

    Examples
    --------
    >>> list(space(is_regression=True))
    ['alpha', 'scaling']
    """
    penalty = FloatDistribution(1e-4, 1e4, log=True)
    return {
        "alpha" if is_regression else "C": penalty,
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
    if is_regression:
        model = Ridge(alpha=config["alpha"])
    else:
        model = LogisticRegression(C=config["C"], max_iter=MAX_STEPS)
    return TableModel(model, TablePreparation(config["scaling"]), n_threads)
