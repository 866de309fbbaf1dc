"""Search spaces: dictionaries of Optuna distributions, configurations as points for a kernel."""

import numbers
import warnings

import numpy as np
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.exceptions import InvalidInputError, SpaceWarning

_LOG_RATIO = 20  # a range this wide, centred in logarithms rather than plainly, is taken as log


def is_missing(value):
    """Tell whether a value is None or NaN, which is how a hyperparameter is inactive.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("None")
    (True, True, False)
    """
    return value is None or value is pd.NA or bool(value != value)


def is_inactive(value, distribution):
    """Tell whether a hyperparameter is inactive; where None is a category, None and NaN mean that.

    Examples
    --------
    >>> is_inactive(None, FloatDistribution(0.0, 1.0))
    True
    >>> is_inactive(None, CategoricalDistribution(["sqrt", None]))
    False
    """
    is_category = isinstance(distribution, CategoricalDistribution) and None in distribution.choices
    return is_missing(value) and not is_category


def plain_value(value):
    """Turn NumPy's scalars into Python's, which Optuna and JSON take.

    Examples
    --------
    >>> plain_value(np.float64(0.5)), plain_value(np.int64(3)), plain_value("rbf")
    (0.5, 3, 'rbf')
    """
    return value.item() if isinstance(value, np.generic) else value


def typed_value(value, distribution):
    """Give a value back its type, which it loses in a table with gaps; others stay as they are.

    Examples
    --------
    >>> typed_value(3.0, IntDistribution(1, 9)), typed_value(2.5, IntDistribution(1, 9))
    (3, 2.5)
    >>> typed_value(5.0, CategoricalDistribution([2, 5]))
    5
    """
    value = None if is_missing(value) else plain_value(value)
    if not isinstance(value, float):
        return value
    if isinstance(distribution, CategoricalDistribution):
        return next((choice for choice in distribution.choices if _are_same(choice, value)), value)
    is_whole = isinstance(distribution, IntDistribution) and value.is_integer()
    return int(value) if is_whole else value


def distinct_values(values):
    """Drop what is there before; equal numbers are the same whatever their type, booleans are none.

    Examples
    --------
    >>> distinct_values([1, True, 1.0, "a", "a"])
    [1, True, 'a']
    """
    found = {}
    for value in values:
        found.setdefault((isinstance(value, bool), value), value)
    return list(found.values())


def infer_distribution(values):
    """Guess the distribution that values of one hyperparameter come from.

    Numbers span their range, in whole numbers where all are whole; it is logarithmic where it is
    wide, positive, and the middle value lies nearer to its geometric middle. Booleans, texts and
    whatever else are categories. None and NaN mean inactive and count for nothing.

    Parameters
    ----------
    values : sequence

    Returns
    -------
    optuna distribution

    Examples
    --------
    >>> infer_distribution([0.01, 1.0, None, 100.0])
    FloatDistribution(high=100.0, log=True, low=0.01, step=None)
    >>> infer_distribution([2, 3, 5])
    IntDistribution(high=5, log=False, low=2, step=1)
    >>> infer_distribution(["rbf", "poly", float("nan")])
    CategoricalDistribution(choices=('poly', 'rbf'))
    """
    present = [plain_value(value) for value in values if not is_missing(value)]
    if not present:
        return CategoricalDistribution(("inactive",))
    is_number = all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in present)
    if not is_number:
        choices = [v if isinstance(v, (bool, int, float, str)) else str(v) for v in present]
        choices = distinct_values(choices)
        return CategoricalDistribution(tuple(sorted(choices, key=lambda v: (str(type(v)), str(v)))))
    numeric = np.array(present, dtype=float)
    if not np.isfinite(numeric).all():
        raise InvalidInputError(
            "A hyperparameter has infinite values; ranges must be finite. Give such values as "
            "text, or as NaN where the hyperparameter is inactive."
        )
    low, high = float(numeric.min()), float(numeric.max())
    is_log = False
    if low > 0 and high / low >= _LOG_RATIO:
        distinct = np.unique(numeric)
        middle = np.median(distinct)
        place = (middle - low) / (high - low)
        log_place = np.log(middle / low) / np.log(high / low)
        is_log = abs(log_place - 0.5) < abs(place - 0.5)
    if (numeric == np.round(numeric)).all() and not _holds_floats(values):
        return IntDistribution(int(low), int(high), log=bool(is_log))
    return FloatDistribution(low, high, log=bool(is_log))


def infer_space(configs):
    """Guess a search space from a table of configurations.

    Parameters
    ----------
    configs : DataFrame of shape (n_configs, n_hyperparameters)

    Returns
    -------
    dict of str to optuna distribution

    Examples
    --------
    >>> infer_space(pd.DataFrame({"C": [0.1, 10.0], "kernel": ["rbf", "linear"]}))["kernel"]
    CategoricalDistribution(choices=('linear', 'rbf'))
    """
    return {str(name): infer_distribution(list(column)) for name, column in configs.items()}


def check_space(space):
    """Refuse what is no dictionary of Optuna distributions.

    Examples
    --------
    >>> check_space({"C": (0.1, 10)})
    Traceback (most recent call last):
    autometa.exceptions.InvalidInputError: The space of 'C' must be an optuna distribution, got ...
    """
    if not isinstance(space, dict):
        raise InvalidInputError(
            f"space must be a dict of name to optuna distribution, got {type(space).__name__}."
        )
    for name, distribution in space.items():
        if not isinstance(distribution, BaseDistribution):
            raise InvalidInputError(
                f"The space of {name!r} must be an optuna distribution, got {distribution!r}. "
                "Use e.g. optuna.distributions.FloatDistribution(0.1, 10, log=True)."
            )
    return dict(space)


def default_value(distribution):
    """Middle of a range, or the first category.

    Examples
    --------
    >>> default_value(FloatDistribution(0.01, 100, log=True))
    1.0
    """
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    return _from_unit(0.5, distribution)


def closest_value(value, distribution):
    """Find the value of a distribution that comes closest.

    Among categories that are numbers, that is the nearest, by ratio where all are positive.

    Raises
    ------
    LookupError
        Where none corresponds: another category, or a text where a number is needed.

    Examples
    --------
    >>> closest_value(31.6, IntDistribution(10, 30)), closest_value("True", CategoricalDistribution(
    ...     [True, False]))
    (30, True)
    >>> closest_value(0.37, FloatDistribution(0.0, 1.0, step=0.25))
    0.25
    >>> closest_value(40, CategoricalDistribution([1, 10, 100, "all"]))
    100
    """
    value = plain_value(value)
    if isinstance(distribution, CategoricalDistribution):
        place = _place_of(value, distribution)
        if place is None:
            return _nearest_number(value, distribution)
        return distribution.choices[place]
    number = np.nan if isinstance(value, bool) else _as_number(value)
    if np.isnan(number):
        raise LookupError(f"{value!r} is no number")
    low, high, step = distribution.low, distribution.high, distribution.step
    number = min(max(number, low), high)
    if step is not None and not distribution.log:
        number = min(low + step * round((number - low) / step), high)
    return int(round(number)) if isinstance(distribution, IntDistribution) else float(number)


def fit_to_space(config, space, *, defaults=None):
    """Make a foreign configuration one of a space; every change is warned of.

    Parameters
    ----------
    config : mapping
        None and NaN mean inactive and stay.
    space : dict of str to optuna distribution
    defaults : mapping, optional
        Values of parameters that ``config`` lacks, fitted like its own; by default the middle of
        each range.

    Returns
    -------
    dict
        The parameters of ``space``, in its order.

    Warns
    -----
    SpaceWarning
        Missing parameters filled, values clipped, categories mapped, unknown parameters dropped.

    Examples
    --------
    >>> space = {"C": FloatDistribution(0.1, 10.0), "kernel": CategoricalDistribution(["rbf"])}
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     fit_to_space({"C": 50, "gamma": 1.0}, space)
    {'C': 10.0, 'kernel': 'rbf'}
    >>> print(*[warning.message for warning in caught], sep=chr(10))
    C=50 is out of range and was clipped to 10.0 (0.1 to 10.0).
    'kernel' is missing and was filled with its default, 'rbf'.
    'gamma' is not in the space and was dropped.
    """
    fitted, defaults = {}, defaults or {}
    for name, distribution in space.items():
        if name in config:
            value = config[name]
        else:
            value = defaults[name] if name in defaults else default_value(distribution)
            _warn(f"{name!r} is missing and was filled with its default, {value!r}.")
        if is_inactive(value, distribution):
            fitted[name] = None
        else:
            fitted[name] = _fit_value(name, plain_value(value), distribution, defaults)
    for name in config:
        if name not in space:
            _warn(f"{name!r} is not in the space and was dropped.")
    return fitted


class SpaceEncoder:
    """Configurations as points: numbers in [0, 1], a column a category, one for being active.

    Parameters
    ----------
    space : dict of str to optuna distribution

    Attributes
    ----------
    groups : ndarray of shape (n_dimensions,)
        Which parameter, by its place in ``space``, each dimension belongs to.

    Examples
    --------
    >>> encoder = SpaceEncoder({"C": FloatDistribution(0.01, 100, log=True)})
    >>> encoder.encode(pd.DataFrame({"C": [0.01, 1.0, None]})).tolist()
    [[0.0, 1.0], [0.5, 1.0], [0.5, 0.0]]
    """

    def __init__(self, space):
        self.space = dict(space)
        sizes = [
            1 + (len(d.choices) if isinstance(d, CategoricalDistribution) else 1)
            for d in self.space.values()
        ]
        self.groups = np.repeat(np.arange(len(sizes)), sizes)

    def encode(self, configs):
        """Turn configurations into points; values outside their range lie beyond [0, 1].

        Parameters
        ----------
        configs : DataFrame of shape (n_configs, n_hyperparameters), or list of dict
            What is missing counts as inactive.

        Returns
        -------
        ndarray of shape (n_configs, n_dimensions)
        """
        blocks = [np.empty((len(configs), 0))]
        is_frame = isinstance(configs, pd.DataFrame)
        for name, distribution in self.space.items():
            if is_frame:
                values = list(configs[name]) if name in configs else [None] * len(configs)
            else:
                values = [config.get(name) for config in configs]
            blocks.append(_encode_column(values, distribution))
        return np.hstack(blocks)

    def decode(self, points):
        """Turn points back into configurations: dictionaries without what is inactive.

        Examples
        --------
        >>> encoder = SpaceEncoder({"n": IntDistribution(1, 9), "k": CategoricalDistribution("ab")})
        >>> encoder.decode([[0.5, 1, 0.2, 0.7, 1], [0.5, 0, 0.7, 0.2, 1]])
        [{'n': 5, 'k': 'b'}, {'k': 'a'}]
        """
        points = np.asarray(points, dtype=float)
        configs = [{} for _ in points]
        for group, (name, distribution) in enumerate(self.space.items()):
            block = points[:, self.groups == group]
            for config, values in zip(configs, block, strict=True):
                if values[-1] < 0.5:
                    continue
                if isinstance(distribution, CategoricalDistribution):
                    config[name] = distribution.choices[int(values[:-1].argmax())]
                else:
                    config[name] = _from_unit(values[0], distribution)
        return configs


def _holds_floats(values):
    """Whether values are floats by intention, not only because NaN is among them."""
    has_missing = any(is_missing(value) for value in values)
    return not has_missing and any(isinstance(value, (float, np.floating)) for value in values)


def _encode_column(values, distribution):
    if isinstance(distribution, CategoricalDistribution):
        columns = np.zeros((len(values), len(distribution.choices) + 1))
        places = {}
        for row, value in enumerate(values):
            if is_inactive(value, distribution):
                continue
            columns[row, -1] = 1.0
            value = None if is_missing(value) else plain_value(value)
            key = (type(value), value)
            if key not in places:
                places[key] = _place_of(value, distribution)
            if places[key] is not None:
                columns[row, places[key]] = np.sqrt(0.5)  # two categories are 1 apart
        return columns
    numeric = np.array([np.nan if v is None else _as_number(v) for v in values], dtype=float)
    is_active = ~np.isnan(numeric)
    unit = np.full(len(values), 0.5)
    unit[is_active] = _to_unit(numeric[is_active], distribution)
    return np.column_stack([unit, is_active])


def _to_unit(values, distribution):
    low, high = float(distribution.low), float(distribution.high)
    if high <= low:
        return np.full(values.shape, 0.5)
    if distribution.log:
        values = np.maximum(values, low * 1e-3)
        return np.log(values / low) / np.log(high / low)
    return (values - low) / (high - low)


def _from_unit(unit, distribution):
    low, high = distribution.low, distribution.high
    unit = min(max(float(unit), 0.0), 1.0)
    value = low * (high / low) ** unit if distribution.log else low + unit * (high - low)
    step = distribution.step
    if step is not None and not distribution.log:
        value = low + step * round((value - low) / step)
    if isinstance(distribution, IntDistribution):
        return int(min(max(round(value), low), high))
    return float(min(max(value, low), high))


def _as_number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _place_of(value, distribution):
    """Find a category, by its text where it is not there as it is."""
    value = None if is_missing(value) else value
    for place, choice in enumerate(distribution.choices):
        if _are_same(choice, value):
            return place
    texts = [str(choice).casefold() for choice in distribution.choices]
    text = str(value).casefold()
    return texts.index(text) if text in texts else None


def _nearest_number(value, distribution):
    """Find the category that is the nearest number."""
    choices = [c for c in distribution.choices if _is_number(c) and np.isfinite(c)]
    if not choices or not _is_number(value):
        raise LookupError(f"{value!r} is none of {distribution.choices}")
    candidates = np.array([*choices, value], dtype=float)
    scaled = np.log(candidates) if (candidates > 0).all() else candidates
    return choices[int(np.abs(scaled[:-1] - scaled[-1]).argmin())]


def _are_same(one, other):
    """Whether two values are equal; numbers may be of different types, booleans are none."""
    is_alike = type(one) is type(other) or (_is_number(one) and _is_number(other))
    return is_alike and one == other


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _fit_value(name, value, distribution, defaults):
    """Find the value of a distribution to take in the place of another; a change is warned of."""
    try:
        fitted = closest_value(value, distribution)
    except LookupError:
        is_category = isinstance(distribution, CategoricalDistribution)
        what = "known category" if is_category else "number"
        default = defaults.get(name, default_value(distribution))
        fitted = (
            None if is_inactive(default, distribution) else closest_value(default, distribution)
        )
        _warn(f"{name}={value!r} is no {what} and was mapped to the default, {fitted!r}.")
        return fitted
    if isinstance(distribution, CategoricalDistribution):
        if not _are_same(fitted, value):
            _warn(f"{name}={value!r} was mapped to the category {fitted!r}.")
    elif not distribution.low <= (number := _as_number(value)) <= distribution.high:
        _warn(
            f"{name}={value!r} is out of range and was clipped to {fitted!r} "
            f"({distribution.low} to {distribution.high})."
        )
    elif fitted != number:
        _warn(f"{name}={value!r} was rounded to {fitted!r}.")
    return fitted


def _warn(message):
    warnings.warn(message, SpaceWarning, stacklevel=4)
