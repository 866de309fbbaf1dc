"""Support vector machines with kernels, of scikit-learn."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.families._configs import read_config
from autometa.families._preparation import TablePreparation
from autometa.families._support_vectors import CalibratedSVC, StandardisedSVR
from autometa.families._table_model import TableModel

NAME = "svm"

STEPS_NAME, REPORT_STEPS = None, ()

CONDITIONS = {
    "degree": ("kernel", ("poly",)),
    "coef0": ("kernel", ("poly", "sigmoid")),
}

#: scikit-learn's; ``epsilon`` is for numbers, in standard deviations of the target.
DEFAULT_CONFIG = {
    "kernel": "rbf",
    "C": 1.0,
    "gamma": 1.0,
    "epsilon": 0.1,
    "scaling": "standardised",
}
#: Of what plays no part there.
INACTIVE_DEFAULTS = {"degree": 3, "coef0": 0.0}


def space(*, is_regression):
    """Return the search space: scikit-learn's parameters, and how columns are scaled.

    All names but ``scaling``, which is ours, are scikit-learn's own, some in other units: ``gamma``
    is a multiple of what scikit-learn calls ``gamma="scale"``, one over the number of columns
    times their variance; for numbers, ``C`` and ``epsilon`` are in standard deviations of the
    target.

    References
    ----------
    Feurer et al., "Efficient and Robust Automated Machine Learning", 2015, without the largest
    ``C``, whose fits do not end.

    Examples
    --------
    >>> list(space(is_regression=False))
    ['kernel', 'C', 'gamma', 'degree', 'coef0', 'scaling']
    """
    distributions = {
        "kernel": CategoricalDistribution(["rbf", "poly", "sigmoid"]),
        "C": FloatDistribution(0.01, 1000.0, log=True),
        "gamma": FloatDistribution(1e-3, 30.0, log=True),
        "degree": IntDistribution(2, 5),
        "coef0": FloatDistribution(-1.0, 1.0),
        "scaling": CategoricalDistribution(["standardised", "ranked"]),
    }
    if is_regression:
        distributions["epsilon"] = FloatDistribution(1e-3, 1.0, log=True)
    return distributions


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
    preparation = TablePreparation(config.pop("scaling"), unit_variance=True)
    model = StandardisedSVR(**config) if is_regression else CalibratedSVC(**config, seed=seed)
    return TableModel(model, preparation, n_threads)
