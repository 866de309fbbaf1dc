"""The configurations that a search chooses from: given ones, or stored ones and new ones."""

import numbers

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution

from autometa.exceptions import InvalidInputError
from autometa.proposers._score_table import config_key, rounded_key
from autometa.space import is_inactive, typed_value

_N_CHANGED = 0.35  # chance of a hyperparameter to be drawn anew


class Pool:
    """Configurations, where they stand in the table, and whether they may still be asked.

    Parameters
    ----------
    table : ScoreTable
    candidates : DataFrame or None
        None: all that are stored, and new ones drawn from the space.
    rng : numpy.random.Generator
    n_new : int
        How many to draw from the space where no candidates are given.
    fit : callable, optional
        Brings a configuration into the space at hand, where no candidates are given.

    Attributes
    ----------
    configs : list of dict
    points : ndarray of shape (n_pool, n_dimensions)
    is_left : ndarray of bool, shape (n_pool,)
    places : ndarray of int, shape (n_pool,)
        In the table; -1 for configurations that nobody evaluated.
    n_stored : int
        The first ones are stored or given; those after them are drawn or were told.
    """

    def __init__(self, table, candidates, rng, n_new, fit=None):
        self.table, self.rng, self._fit = table, rng, fit or dict
        self.is_open = candidates is None
        self.configs, self.place_of = [], {}
        self.points = np.empty((0, table.points.shape[1]))
        self.is_left = np.empty(0, dtype=bool)
        self.places = np.empty(0, dtype=int)
        self.weights = np.empty((0, len(table.points)))  # rows of stored ones stay 0
        if self.is_open:
            stored = [_active(config, table.space) for config in table.configs.to_dict("records")]
            self.add([self._fit(config) for config in stored])
            self.n_stored = len(self)
            self.add(self.draw(n_new))
        else:
            self.add(_read_candidates(candidates, table.space))
            self.n_stored = len(self)

    def __len__(self):
        return len(self.configs)

    def add(self, configs, *, is_left=True):
        """Put configurations into the pool, those that are in it already aside.

        Returns
        -------
        int
            How many are new.
        """
        new = []
        for config in configs:
            key = config_key(config, self.table.space)
            name = self._name(key)
            if name not in self.place_of:
                self.place_of[name] = len(self.configs)
                self.configs.append(config)
                known = tuple(item for item in key if item[0] in self.table.space)
                new.append((config, self.table.find(known)))
        if not new:
            return 0
        places = np.array([place for _, place in new], dtype=int)
        points = self.table.encoder.encode([config for config, _ in new])
        weights = np.zeros((len(new), len(self.table.points)))
        if (places < 0).any():
            weights[places < 0] = self.table.interpolate(points[places < 0])
        self.points = np.vstack([self.points, points])
        self.places = np.r_[self.places, places]
        self.weights = np.vstack([self.weights, weights])
        self.is_left = np.r_[self.is_left, np.full(len(new), is_left)]
        return len(new)

    def spread(self, values, start=0, stop=None):
        """Carry values of the stored configurations over to those of the pool.

        Parameters
        ----------
        values : ndarray of shape (n_configs,) or (n_configs, n)
        start, stop : int
            Of the part of the pool to carry over to.
        """
        places = self.places[start:stop]
        carried = values[places]
        is_new = places < 0
        if is_new.any():
            # Interpolation falls back to the mean far away from everything.
            mean = values.mean(axis=0)
            carried[is_new] = mean + self.weights[start:stop][is_new] @ (values - mean)
        return carried

    def find(self, config):
        """Place of a configuration in the pool; a foreign one joins it, never to be asked."""
        config = _active(config, self.table.space)
        _check_finite(config, self.table.space)
        key = self._name(config_key(config, self.table.space))
        if key not in self.place_of:
            self.add([config], is_left=False)
        return self.place_of[key]

    def _name(self, key):
        """Name a configuration; what is drawn may be here already, but for rounding."""
        return rounded_key(key, self.table.space) if self.is_open else key

    def draw(self, n, near=()):
        """Draw configurations: stored ones, or those given, with some values changed."""
        table, rng = self.table, self.rng
        encoder, groups = table.encoder, table.encoder.groups
        if len(near):
            points = near[rng.integers(len(near), size=n)].copy()
        else:
            points = table.points[rng.integers(len(table.points), size=n)].copy()
        other = table.points[rng.integers(len(table.points), size=n)]
        for group in range(len(table.space)):
            block = np.flatnonzero(groups == group)
            is_number = len(block) == 2
            changed = rng.random(n) < _N_CHANGED
            # The active part stays: what is conditional stays where it belongs.
            if is_number:
                value = points[:, block[0]]
                if len(near):
                    value = np.clip(value + rng.normal(scale=0.15, size=n), 0, 1)
                else:
                    value = rng.random(n)
                points[changed, block[0]] = value[changed]
            elif not table.has_conditions:
                points[np.ix_(changed, block)] = other[np.ix_(changed, block)]
        return [self._fit(config) for config in encoder.decode(points)]


def _active(config, space):
    """What plays a part, in the types of the space, which a table with gaps does not hold."""
    active = {}
    for name, value in config.items():
        name = str(name).removeprefix("hp_")
        distribution = space.get(name)
        if is_inactive(value, distribution):
            continue
        active[name] = typed_value(value, distribution)
    return active


def _check_finite(config, space):
    for name in space.keys() & config.keys():
        value = config[name]
        is_category = isinstance(space[name], CategoricalDistribution)
        if not is_category and isinstance(value, numbers.Real) and np.isinf(value):
            raise InvalidInputError(
                f"{name}={value} is no value of a configuration. Numbers must be finite; NaN or "
                "None where a hyperparameter is inactive."
            )


def _read_candidates(candidates, space):
    if not isinstance(candidates, pd.DataFrame):
        raise InvalidInputError(
            "candidates must be a pandas DataFrame with one column a hyperparameter, or None, got "
            f"{type(candidates).__name__}."
        )
    if len(candidates) == 0:
        raise InvalidInputError("candidates are empty. Give at least one row, or None.")
    names = [str(name).removeprefix("hp_") for name in candidates.columns]
    columns = [candidates.iloc[:, j].tolist() for j in range(len(names))]
    if space and names and not set(names) & set(space):
        raise InvalidInputError(
            f"None of the candidates' columns ({', '.join(names[:5])}) is known. Known are "
            f"{', '.join(space)}: give the columns these names."
        )
    rows = zip(*columns, strict=True) if names else [()] * len(candidates)
    configs = [dict(zip(names, row, strict=True)) for row in rows]
    for config in configs:
        _check_finite(config, space)
    return configs
