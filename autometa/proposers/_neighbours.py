"""How much each training task says about a new one, by a forest over meta-features."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidInputError
from autometa.proposers._distances import TaskDistances, familiarity
from autometa.space import is_missing

_N_TREES = 300
_N_TREES_OF_A_PART = 60  # of the forests that have not seen it; fewer tell tasks apart less well
_N_TARGETS = 20
_N_PARTS = 5
_MIN_TASKS = 8  # with fewer, no forest is grown and all tasks count alike


@dataclass(frozen=True)
class NewTask:
    """Where a new task stands among the known ones.

    Attributes
    ----------
    weights : ndarray of shape (n_tasks,)
        How much each known task counts; they add up to 1.
    near : ndarray of shape (n_tasks,)
        The same by likeness alone, as if it were wholly to be believed.
    trust : float
        Share of ``near`` in ``weights``; 0 without meta-features and far from everything.
    ood_score : float
        Out-of-distribution score, see :class:`~autometa.proposers._distances.TaskDistances`; NaN
        without meta-features.
    """

    weights: np.ndarray
    near: np.ndarray
    trust: float
    ood_score: float

    @property
    def portfolio_share(self):
        """How far proposals fade to the static portfolio."""
        return 1.0 - familiarity(self.ood_score)


class TaskNeighbours:
    """Weights of training tasks, from extra-trees that predict merits by meta-features.

    A prediction of the forest is a weighted mean over training tasks; the weights are all that is
    kept (Meinshausen, "Quantile regression forests", 2006). How far they are to be believed is
    found by cross-validation: ``trust`` is the slope of the true merits on the predicted ones,
    both apart from the plain mean, less the more it differs between tasks.

    Parameters
    ----------
    metafeatures : DataFrame of shape (n_tasks, n_metafeatures)
    merit : ndarray of shape (n_tasks, n_configs)

    Attributes
    ----------
    trust : float
        In [0, 1]; 0 without meta-features.
    crossed : ndarray of shape (n_tasks, n_tasks)
        Weights for each training task as if it were new: of forests that have not seen it.
    """

    def __init__(self, metafeatures, merit):
        self.n_tasks = len(merit)
        values = metafeatures.to_numpy(dtype=float)
        is_described = (
            np.isfinite(values).any(axis=1) if values.shape[1] else np.zeros(len(values), bool)
        )
        self.described = np.flatnonzero(is_described)
        self.uniform = np.full(self.n_tasks, 1.0 / self.n_tasks)
        self.trust = 0.0
        self.crossed = (1.0 - np.eye(self.n_tasks)) / max(self.n_tasks - 1, 1)
        if len(self.described) < _MIN_TASKS or merit.shape[1] < 2:
            self.forest = None
            return
        self._sorted = [np.sort(column[np.isfinite(column)]) for column in values.T]
        X = self._scale(values[self.described])
        self._distances = TaskDistances(values[self.described], self._scale)
        Y = _principal(merit[self.described])
        rng = np.random.default_rng(0)
        self._grow(X, Y)
        parts = _parts(Y, rng)
        crossed = np.zeros((len(X), len(X)))
        for part in np.unique(parts):
            inside, outside = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
            forest = _forest(_N_TREES_OF_A_PART).fit(X[inside], Y[inside])
            leaves = _leaves(forest, X)
            crossed[np.ix_(outside, inside)] = _weights(leaves[inside], leaves[outside])
        self.crossed[self.described] = 0.0
        self.crossed[np.ix_(self.described, self.described)] = crossed
        self.trust = self._believe(merit)

    def place(self, metafeatures):
        """Find out where a new task stands.

        Parameters
        ----------
        metafeatures : ndarray of shape (n_metafeatures,) or None
            As :func:`read_metafeatures` gives them.

        Returns
        -------
        NewTask
        """
        nowhere = NewTask(self.uniform, self.uniform, 0.0, float("nan"))
        if metafeatures is None or self.forest is None:
            return nowhere
        values = metafeatures
        if not np.isfinite(values).any():
            return nowhere
        near = np.zeros(self.n_tasks)
        leaves = _leaves(self.forest, self._scale(values[None]))
        near[self.described] = _weights(self._leaves, leaves, self._sizes)[0]
        ood_score = self._distances.score(values)
        trust = self.trust * familiarity(ood_score)
        return NewTask(trust * near + (1 - trust) * self.uniform, near, trust, ood_score)

    def _grow(self, X, Y):
        self.forest = _forest(_N_TREES).fit(X, Y)
        self._leaves = _leaves(self.forest, X)
        self._sizes = _leaf_sizes(self._leaves)

    def _scale(self, values):
        """Replace values by their ranks among the training tasks', about normally spread."""
        from scipy.special import ndtri

        scaled = np.zeros(values.shape)
        for j, known in enumerate(self._sorted):
            column = values[:, j]
            place = np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")
            share = (0.5 * place + 0.5) / (len(known) + 1.0)
            # What is missing counts as the middle.
            scaled[:, j] = np.where(np.isnan(column), 0.0, ndtri(np.clip(share, 0.005, 0.995)))
        return scaled

    def _believe(self, merit):
        rows = self.described
        plain = (merit.sum(axis=0) - merit[rows]) / (self.n_tasks - 1)
        step = self.crossed[rows] @ merit - plain
        target = merit[rows] - plain
        # A shift of all configurations alike orders nothing.
        step, target = (values - values.mean(axis=1, keepdims=True) for values in (step, target))
        return shrunk_slope((step * target).sum(axis=1), (step * step).sum(axis=1))


def read_metafeatures(metafeatures, names):
    """Bring what is known of a new task into the order of the known meta-features.

    Parameters
    ----------
    metafeatures : Series, mapping, array of the known length, or None
    names : sequence of str
        Of the known meta-features; where there are none, whatever is named is left out.

    Returns
    -------
    ndarray of shape (n_metafeatures,) or None
        NaN where unknown.

    Examples
    --------
    >>> read_metafeatures({"n_rows": 150}, ["n_rows", "n_features"]).tolist()
    [150.0, nan]
    """
    if metafeatures is None:
        return None
    if isinstance(metafeatures, pd.DataFrame):
        raise InvalidInputError(
            "metafeatures must be a mapping or Series of one task, got a DataFrame. Give one of "
            "its rows: frame.loc[name]."
        )
    if isinstance(metafeatures, pd.Series):
        metafeatures = metafeatures.to_dict()
    try:
        if isinstance(metafeatures, Mapping):
            given = {str(name): value for name, value in metafeatures.items()}
            _check_names(given, names)
            given = {name: value for name, value in given.items() if not is_missing(value)}
            values = np.array([float(given.get(name, np.nan)) for name in names])
        else:
            values = np.asarray(metafeatures, dtype=float).ravel()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"Meta-features must be numbers or NaN by name: {error}. Give a mapping or a Series."
        ) from error
    if len(values) != len(names):
        raise InvalidInputError(
            f"Got {len(values)} meta-features without names, the knowledge has {len(names)}. Give "
            "a mapping of names to values."
        )
    return np.where(np.isinf(values), np.nan, values)


def _check_names(given, names):
    if given and len(names) and not set(given) & set(names):
        raise InvalidInputError(
            f"None of the meta-features given ({', '.join(list(given)[:5])}) is known; the "
            f"knowledge has {', '.join(names[:5])}, ... Give those, or None."
        )


def shrunk_slope(products, squares):
    """Slope of a regression through 0, in [0, 1], shrunk by its own uncertainty over tasks.

    Parameters
    ----------
    products, squares : ndarray of shape (n_tasks,)
        Sums of x·y and x·x of each task.

    Examples
    --------
    >>> shrunk_slope(np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    1.0
    >>> shrunk_slope(np.array([3.0, -1.0, -2.0]), np.array([1.0, 1.0, 1.0]))
    0.0
    """
    total = squares.sum()
    if total <= 0 or len(products) < 2:
        return 0.0
    slope = products.sum() / total
    away = products - slope * squares
    variance = (away**2).sum() * len(away) / (len(away) - 1) / total**2
    return float(np.clip(slope * (1.0 - variance / max(slope**2, 1e-12)), 0.0, 1.0))


def _principal(merit):
    """The directions in which tasks differ most; they carry what trees split by."""
    centred = merit - merit.mean(axis=0)
    centred = centred - centred.mean(axis=1, keepdims=True)
    U, S, _ = np.linalg.svd(centred, full_matrices=False)
    targets = (U * S)[:, :_N_TARGETS]
    return targets if targets.shape[1] > 1 else np.repeat(targets, 2, axis=1)


def _parts(Y, rng):
    """Deal tasks into parts; copies of one task, with the same merits, stay together."""
    _, group = np.unique(Y.round(6), axis=0, return_inverse=True)
    group = group.ravel()
    if group.max() + 1 < len(Y) / 2:  # merits take few values: equal ones mean nothing
        group = np.arange(len(Y))
    order = rng.permutation(group.max() + 1)
    return order[group] % min(_N_PARTS, len(order))


def _forest(n_trees):
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(
        n_trees, min_samples_leaf=2, max_features=0.4, random_state=0, n_jobs=1
    )


def _leaves(forest, X):
    X = np.ascontiguousarray(X, dtype=np.float32)
    return np.column_stack([tree.tree_.apply(X) for tree in forest.estimators_])


def _leaf_sizes(leaves):
    """For each task and tree, how many tasks share its leaf."""
    sizes = np.empty(leaves.shape)
    for tree, column in enumerate(leaves.T):
        sizes[:, tree] = np.bincount(column)[column]
    return sizes


def _weights(known, new, sizes=None):
    """Share of each known task in the forest's prediction for each new one."""
    sizes = _leaf_sizes(known) if sizes is None else sizes
    return np.array([((known == row) / sizes).mean(axis=1) for row in new])
