"""A user's own estimator as a family among the others."""

from collections.abc import Collection
from difflib import get_close_matches

from optuna.distributions import CategoricalDistribution
from sklearn.base import clone, is_classifier, is_regressor

from autometa.exceptions import InvalidInputError
from autometa.families._own_models import OwnClassifier, OwnRegressor, takes_weights
from autometa.families._preparation import TablePreparation
from autometa.families._registry import NAMES, find_family
from autometa.families._table_model import TableModel
from autometa.space import check_space, closest_value, default_value

#: What an estimator is given, and the preparation that makes it.
TAKES = {"numbers": "filled", "frame": "frame"}


class Family:
    """A scikit-learn estimator of one's own with the hyperparameters to search.

    Parameters
    ----------
    name : str
        What the leaderboard calls it; letters, digits and underscores.
    estimator : classifier or regressor
        Unfitted; a pipeline too. It is cloned and never changed. A classifier needs
        ``predict_proba``. Where a ``random_state`` is None, the search's seed takes its place.
    space : dict of str to optuna distribution, default=None
        Names as in ``estimator.get_params()``, such as ``"svc__C"`` of a pipeline. The first
        trial is the estimator as it is given, as far as the space holds its values. Without
        hyperparameters there is one trial. Choices are None, bool, int, float, str or tuples of
        these (which no ``storage`` keeps): for two estimators of which one is to be chosen, give
        two families.
    takes : {"numbers", "frame"}, default="numbers"
        What the estimator is fitted on. "numbers": a float matrix without gaps; a category is 0/1
        columns, a date its parts, a gap the median of its column, and a column with gaps gets
        another that marks them. "frame": the DataFrame as it was given to `fit`, in plain pandas
        types, with text, dates and missing values: the estimator must cope with them.

    Notes
    -----
    Classes reach the estimator as 0, 1, ..., numbers in their own units. Row weights are passed to
    an estimator, or to the last step of a pipeline, whose ``fit`` takes ``sample_weight``; to
    another, rows of whole weights are given several times; other weights are not passed, with a
    warning. With scikit-learn's metadata routing on, a pipeline or an estimator of estimators takes
    weights where one of these requests them by ``set_fit_request(sample_weight=True)``.
    Rows that occur several times arrive as one of such a weight. Under a time limit, what a fit
    takes is guessed from some on a few hundred rows, then from the fits before; where all rows
    would take too long, some drawn at random are fitted on. A fit that has begun is not
    interrupted.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from autometa import AutoMetaClassifier
    >>> smoothing = {"var_smoothing": FloatDistribution(1e-9, 1.0, log=True)}
    >>> families = ["linear", Family("bayes", GaussianNB(), smoothing)]
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoMetaClassifier(n_trials=4, families=families).fit(X, y)
    >>> sorted(set(model.leaderboard_["family"]))
    ['bayes', 'linear']
    """

    CONDITIONS, STEPS_NAME, REPORT_STEPS = {}, None, ()

    def __init__(self, name, estimator, space=None, *, takes="numbers"):
        self.NAME = _check_name(name)
        self.estimator = _check_estimator(name, estimator)
        self._space = check_space({} if space is None else space)
        if takes not in TAKES:
            raise InvalidInputError(f"takes must be one of {list(TAKES)}, got {takes!r}.")
        self.takes = takes
        own = estimator.get_params(deep=True)
        for parameter, distribution in self._space.items():
            if parameter not in own:
                raise InvalidInputError(_describe_unknown(name, estimator, parameter, own))
            _check_choices(name, parameter, distribution)
        self.DEFAULT_CONFIG = {n: _first_value(own[n], d) for n, d in self._space.items()}

    def __repr__(self):
        return f"Family({self.NAME!r}, {self.estimator!r})"

    @property
    def is_regression(self):
        """Whether the estimator predicts numbers."""
        return is_regressor(self.estimator)

    def ignores(self, weight):
        """Whether row weights can neither be passed on nor become repeated rows.

        Parameters
        ----------
        weight : ndarray of shape (n_rows,)
            Above 0.
        """
        return not takes_weights(self.estimator, weight)

    def space(self, *, is_regression=None):
        """Return the search space; the estimator itself says what it predicts."""
        return dict(self._space)

    def make(self, config, *, is_regression=None, seed=0, n_threads=1, units=None):
        """Make an unfitted estimator for tables.

        Parameters
        ----------
        config : mapping
            What it lacks is as the estimator has it.
        is_regression : bool
        seed : int
        n_threads : int
            Limits the native thread pools; the estimator's ``n_jobs`` is the user's.
        units : object with ``center`` and ``scale``, optional
            Those that the target is brought back into.

        Returns
        -------
        TableModel
        """
        estimator = clone(self.estimator).set_params(**config)
        given = estimator.get_params(deep=True)
        seeds = {n: seed for n in given if n.rpartition("__")[2] == "random_state"}
        estimator.set_params(**{n: value for n, value in seeds.items() if given[n] is None})
        if not self.is_regression:
            model = OwnClassifier(estimator)
        elif units is None:
            model = OwnRegressor(estimator)
        else:
            model = OwnRegressor(estimator, units.center, units.scale)
        return TableModel(model, TablePreparation(TAKES[self.takes]), n_threads)


def check_families(families, *, is_regression):
    """Refuse what is no list of families for classes, or for numbers.

    Parameters
    ----------
    families : list, array or other collection of str or Family
    is_regression : bool
    """
    is_collection = isinstance(families, Collection) and not isinstance(families, str)
    if not is_collection or len(families) == 0:
        raise InvalidInputError(
            f"families must be 'auto' or a list of {', '.join(NAMES)}, or of autometa.Family, "
            f"got {families!r}."
        )
    for family in families:
        _check_is_named(family)
    names = [find_family(family).NAME for family in families]
    for family in families:
        if not isinstance(family, Family):
            continue
        if names.count(family.NAME) > 1:
            raise InvalidInputError(
                f"families holds two of the name {family.NAME!r}. Give one of them another name."
            )
        if family.is_regression != is_regression:
            found, needed = "classifier", "regressor"
            if not is_regression:
                found, needed = needed, found
            raise InvalidInputError(
                f"The estimator of the family {family.NAME!r} is a {found} "
                f"({family.estimator!r}). Give a {needed}, or leave the family out."
            )


def _check_is_named(family):
    """Refuse an estimator that comes without a name."""
    if isinstance(family, Family) or not hasattr(family, "get_params"):
        return
    shown = f"{family.__name__}()" if isinstance(family, type) else repr(family)
    raise InvalidInputError(
        f"families holds {family!r}, which is no family yet. "
        f"Give autometa.Family('my_name', {shown})."
    )


def _check_name(name):
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidInputError(
            f"The name of a family must be letters, digits and underscores, got {name!r}."
        )
    if name in NAMES:
        raise InvalidInputError(
            f"The name {name!r} is taken by a family of autometa. Choose another, e.g. 'my_{name}'."
        )
    return name


def _check_estimator(name, estimator):
    if isinstance(estimator, type):
        raise InvalidInputError(
            f"The family {name!r} needs an estimator, got the class {estimator.__name__}. "
            f"Give {estimator.__name__}()."
        )
    if not all(hasattr(estimator, part) for part in ("get_params", "set_params", "fit", "predict")):
        raise InvalidInputError(
            f"The family {name!r} needs an estimator of scikit-learn's interface (fit, predict, "
            f"get_params, set_params), got {estimator!r}. Derive it from "
            "sklearn.base.BaseEstimator."
        )
    if not is_classifier(estimator) and not is_regressor(estimator):
        raise InvalidInputError(
            f"{estimator!r} is neither classifier nor regressor. Derive it from "
            "sklearn.base.ClassifierMixin or RegressorMixin."
        )
    if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
        raise InvalidInputError(
            f"The classifier of the family {name!r} has no predict_proba ({estimator!r}). Wrap it "
            "in sklearn.calibration.CalibratedClassifierCV, or switch probabilities on."
        )
    return clone(estimator)


def _describe_unknown(name, estimator, parameter, own):
    close = get_close_matches(parameter, own, n=3) or [n for n in own if n.endswith(parameter)][:3]
    which = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"It has {sorted(own)}."
    return (
        f"The space of the family {name!r} names {parameter!r}, which is no parameter of "
        f"{estimator!r}. {which}"
    )


def _check_choices(name, parameter, distribution):
    """Refuse choices that Optuna does not find again, such as estimators, which are copied."""
    for choice in getattr(distribution, "choices", ()):
        parts = choice if isinstance(choice, tuple) else (choice,)
        if not all(part is None or isinstance(part, (bool, int, float, str)) for part in parts):
            raise InvalidInputError(
                f"The space of {parameter!r} in the family {name!r} has the choice {choice!r}. "
                "Choices are None, bool, int, float, str or tuples of these. Give names, and an "
                "estimator of yours that knows what they stand for, or a family for each choice."
            )


def _first_value(value, distribution):
    """The estimator's own value where the space holds it, else one that it holds."""
    if isinstance(distribution, CategoricalDistribution) and value in distribution.choices:
        return value
    try:
        return closest_value(value, distribution)
    except (LookupError, TypeError):
        return default_value(distribution)
