"""What a proposer knows of a family: every task's merit of every stored configuration.

Where tasks have their own configurations, the cells that nobody evaluated are filled by a Gaussian
whose mean and covariance over configurations come from all tasks (Schwaighofer, Tresp and Yu,
"Learning Gaussian process kernels via hierarchical Bayes", 2004), with the kernel as their prior.
"""

import math
import weakref
from functools import cached_property

import numpy as np
from optuna.distributions import FloatDistribution
from scipy.linalg import cho_factor, cho_solve

from autometa.exceptions import InvalidInputError
from autometa.knowledge import Knowledge
from autometa.proposers._kernel import fit_kernel
from autometa.proposers._neighbours import TaskNeighbours
from autometa.proposers._normalise import (
    task_scale,
    to_merit,
    to_regret,
    to_regret_of_merit,
)
from autometa.proposers._task_residuals import task_signal
from autometa.space import SpaceEncoder, is_inactive, is_missing, plain_value

_MAX_SHARED = 1000  # configurations kept where tasks share them
_MAX_SPARSE = 300  # where every task has its own
_MAX_OF_A_TASK = 300
_N_ROUNDS = 3
_made = weakref.WeakKeyDictionary()
_KERNEL_WEIGHT = 10.0  # tasks that the kernel counts for while cells are filled


class ScoreTable:
    """Merits of stored configurations on all tasks of one family.

    Attributes
    ----------
    space : dict of str to optuna distribution
    encoder : SpaceEncoder
    configs : DataFrame of shape (n_configs, n_hyperparameters)
    points : ndarray of shape (n_configs, n_dimensions)
    merit : ndarray of shape (n_tasks, n_configs)
        See :func:`~autometa.proposers._normalise.to_merit`; higher is better.
    uncertainty : ndarray of shape (n_configs, n_configs)
        Mean covariance over tasks of what was filled in; 0 where all was evaluated.
    best, spread : ndarray of shape (n_tasks,)
        Where all scores of a task are equal, the median spread of the others.
    signal : ndarray of shape (n_tasks,)
        See :func:`~autometa.proposers._task_residuals.task_signal`.
    tells : ndarray of bool, shape (n_tasks,)
        Whether a task tells which configurations are better, as it does not where all its scores
        are equal.
    log_cost : ndarray of shape (n_tasks, n_configs) or None
        Of seconds; None where no cost is known.
    kernel : ConfigKernel
    metafeatures : DataFrame of shape (n_tasks, n_metafeatures)
    """

    def __init__(self, knowledge, family):
        if not isinstance(knowledge, Knowledge):
            raise InvalidInputError(
                f"knowledge must be a Knowledge, got {type(knowledge).__name__}. Use "
                "Knowledge.from_evaluations or Knowledge.load."
            )
        if family not in knowledge.tables:
            raise InvalidInputError(
                f"Nothing is known of the family {family!r}; known are {knowledge.families}."
            )
        rng = np.random.default_rng(0)
        self.space = knowledge.spaces[family]
        self.encoder = SpaceEncoder(self.space)
        rows = _last_steps(knowledge.tables[family], self.space)
        observed = rows.pivot(index="task", columns="config", values="score")
        observed = observed[observed.notna().any(axis=1)]
        if observed.empty:
            raise InvalidInputError(f"Every score of the family {family!r} is missing.")
        tasks = observed.index
        self.metafeatures = knowledge.metafeatures.reindex(tasks)
        configs = rows.drop_duplicates("config").set_index("config")[list(self.space)]
        scales = np.array([task_scale(scores) for scores in observed.to_numpy()])
        self.best, spread = scales[:, 0], scales[:, 1]
        self.signal = task_signal(spread)
        self.spread = np.where(np.isnan(spread), _median(spread), spread)
        merit = to_merit(to_regret(observed.to_numpy(), self.best[:, None], self.spread[:, None]))
        # What failed is as bad as the worst of its task, and poor where only equal ones ran; what
        # nobody tried stays unknown.
        tried = rows.pivot(index="task", columns="config", values="tried").reindex(tasks)
        failed = (tried == 1).to_numpy() & np.isnan(merit)
        worst = np.minimum(np.nanmin(merit, axis=1, keepdims=True), to_merit(1.0))
        merit = np.where(failed, worst, merit)
        tells = np.isfinite(spread) | failed.any(axis=1)
        if not tells.any():
            tells[:] = True
        all_points = self.encoder.encode(configs.loc[observed.columns])
        kept = _choose_support(merit, all_points, rng)
        names = observed.columns[kept]
        self.configs = configs.loc[names].reset_index(drop=True)
        self.points = self.encoder.encode(self.configs)
        self.kernel = _fit(all_points, self.encoder.groups, merit[tells], rng)
        filled, uncertainty = _fill(merit[tells], all_points, kept, self.kernel, rng)
        # Tasks that tell nothing have the mean of the others.
        self.merit = np.tile(filled.mean(axis=0), (len(tells), 1))
        self.merit[tells], self.uncertainty, self.tells = filled, uncertainty, tells
        self.log_cost = _costs(rows, tasks, names)

    @classmethod
    def of(cls, knowledge, family):
        """Make the table of a family, or find the one made of the same evaluations before."""
        if not isinstance(knowledge, Knowledge) or family not in knowledge.tables:
            return cls(knowledge, family)
        made_of = (knowledge.tables[family], knowledge.spaces[family], knowledge.metafeatures)
        made = _made.setdefault(knowledge, {})
        if family not in made or any(
            one is not other for one, other in zip(made[family][0], made_of, strict=True)
        ):
            made[family] = made_of, cls(knowledge, family)
        return made[family][1]

    @cached_property
    def neighbours(self):
        """Weights of tasks by meta-features, learned once."""
        return TaskNeighbours(self.metafeatures, self.merit)

    @property
    def n_tasks(self):
        return len(self.merit)

    @property
    def tasks(self):
        """Names of the tasks."""
        return [str(name) for name in self.metafeatures.index]

    @cached_property
    def score(self):
        """Scores of shape (n_tasks, n_configs), in their own units; partly filled in."""
        regret = np.clip(to_regret_of_merit(self.merit), 0.0, 2.0)
        return self.best[:, None] - self.spread[:, None] * regret

    def interpolate(self, points):
        """Express points that nobody evaluated by the stored configurations.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_dimensions)

        Returns
        -------
        ndarray of shape (n_points, n_configs)
        """
        return cho_solve(self._factor, self.kernel(self.points, points)).T

    @cached_property
    def _factor(self):
        return cho_factor(self.kernel.full(self.points), lower=True)

    @cached_property
    def has_conditions(self):
        """Whether some hyperparameter is inactive somewhere; then categories are left together."""
        return any(
            is_inactive(value, distribution)
            for name, distribution in self.space.items()
            for value in self.configs[name]
        )

    def find(self, key):
        """Place of a stored configuration by its key, exact or else rounded; -1 without one."""
        if key in self._place_of:
            return self._place_of[key]
        return self._rounded_place_of.get(rounded_key(key, self.space), -1)

    @cached_property
    def _place_of(self):
        rows = self.configs.to_dict("records")
        return {config_key(config, self.space): place for place, config in enumerate(rows)}

    @cached_property
    def _rounded_place_of(self):
        return {rounded_key(key, self.space): place for key, place in self._place_of.items()}


def config_key(config, space):
    """Name a configuration by its active values; equal numbers are equal whatever their type.

    Examples
    --------
    >>> config_key({"b": 2.0, "a": None}, {}) == config_key({"b": 2}, {})
    True
    """
    active = [
        (str(name), _comparable(value))
        for name, value in config.items()
        if not is_inactive(value, space.get(name))
    ]
    return tuple(sorted(active))


def rounded_key(key, space):
    """Name a configuration alike where its floats differ by rounding, be it to single precision."""
    return tuple(
        (name, (kind, _rounded(value) if isinstance(space.get(name), FloatDistribution) else value))
        for name, (kind, value) in key
    )


def _rounded(value):
    """The first 24 bits of a number, all that single precision holds, and its exponent."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    part, exponent = math.frexp(value)
    part = round(part * 2**24)
    return (part, exponent) if abs(part) < 2**24 else (part // 2, exponent + 1)


def _comparable(value):
    if is_missing(value):
        return "none", ""
    value = plain_value(value)
    if isinstance(value, (bool, str)):
        return type(value).__name__, value
    try:
        return "number", float(value)
    except (TypeError, ValueError):
        return "text", str(value)


def _last_steps(table, space):
    """One row a task and configuration: the mean of its scores at the last step."""
    names = list(space)
    configs = table[[f"hp_{name}" for name in names]].copy()
    configs.columns = names
    if names:
        # pandas holds True and 1 for equal.
        mixed = [column.map(_is_bool) for _, column in configs.items() if column.dtype == object]
        by = [*(configs[name] for name in names), *mixed]
        config = configs.groupby(by, dropna=False, sort=False).ngroup().to_numpy()
    else:
        config = np.zeros(len(configs), dtype=int)
    _, first = np.unique(config, return_index=True)
    distinct = configs.iloc[first].to_dict("records")
    # Equal numbers of different types are one configuration.
    keys = [config_key(one, space) for one in distinct]
    # The order of rows has no say in what is drawn, or in ties.
    number = {key: place for place, key in enumerate(sorted(set(keys)))}
    config = np.array([number[key] for key in keys])[config]
    rows = configs.assign(
        config=config,
        **{name: table[name].to_numpy() for name in ("task", "step", "score", "cost_s")},
        tried=1.0,
    )
    step = rows["step"].fillna(np.inf)
    last = step.groupby([rows["task"], rows["config"]]).transform("max")
    rows = rows[step == last]
    first = rows.groupby(["task", "config"], sort=False)
    means = first[["score", "cost_s", "tried"]].mean()
    kept = first[names].head(1) if names else rows.loc[first.head(1).index, []]
    head = rows.loc[kept.index, ["task", "config", *names]]
    return head.merge(means, left_on=["task", "config"], right_index=True)


def _is_bool(value):
    return isinstance(value, (bool, np.bool_))


def _choose_support(merit, points, rng):
    """Choose the configurations to keep: all if tasks share them and they are few."""
    n_configs = merit.shape[1]
    is_shared = np.isfinite(merit).mean() > 0.3
    most = _MAX_SHARED if is_shared else _MAX_SPARSE
    if n_configs <= most:
        return np.arange(n_configs)
    if is_shared:
        order = np.argsort(-np.nanmean(merit, axis=0), kind="stable")
        return np.sort(np.r_[order[: most // 2], rng.choice(order[most // 2 :], most // 2, False)])
    chosen = dict.fromkeys(int(best) for best in np.nanargmax(merit, axis=1))
    chosen = list(chosen)[: most // 2]
    some = rng.choice(n_configs, min(n_configs, 4000), replace=False)
    nearest = np.full(len(some), np.inf)
    for place in range(most):  # then the farthest from all that are kept, one after another
        if place >= len(chosen):
            chosen.append(int(some[nearest.argmax()]))
        gap = ((points[some] - points[chosen[place]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, gap)
    return np.sort(np.unique(chosen))


def _fit(points, groups, merit, rng):
    known = np.isfinite(merit)
    if known.all():
        return fit_kernel([points], groups, [merit - merit.mean(axis=0)], rng=rng)
    blocks, residuals = [], []
    for task in rng.permutation(len(merit))[:20]:
        places = np.flatnonzero(known[task])
        places = rng.choice(places, min(len(places), 100), replace=False)
        values = merit[task, places]
        blocks.append(points[places])
        residuals.append((values - values.mean())[None])
    return fit_kernel(blocks, groups, residuals, rng=rng)


def _fill(merit, points, kept, kernel, rng):
    """Fill in what a task's own evaluations say of the kept configurations."""
    known = np.isfinite(merit)
    if known[:, kept].all():
        return merit[:, kept], np.zeros((len(kept), len(kept)))
    support = points[kept]
    prior = kernel.full(support)
    factor = cho_factor(prior, lower=True)
    place_of = {int(config): place for place, config in enumerate(kept)}
    seen = []
    for task in range(len(merit)):
        places = np.flatnonzero(known[task])
        if len(places) > _MAX_OF_A_TASK:
            places = rng.choice(places, _MAX_OF_A_TASK, replace=False)
        across = kernel(points[places], support)
        weights = cho_solve(factor, across.T).T
        left = kernel.amplitude + kernel.own - (weights * across).sum(axis=1)
        for row, config in enumerate(places):
            if int(config) in place_of:
                weights[row], left[row] = 0.0, 0.0
                weights[row, place_of[int(config)]] = 1.0
        seen.append((weights, merit[task, places], np.maximum(left, 0.0) + 1e-6))
    mean = np.full(len(kept), np.nanmean(merit))
    covariance = prior
    for _ in range(_N_ROUNDS):
        filled = np.empty((len(merit), len(kept)))
        left_open = np.zeros_like(prior)
        for task, (weights, values, noise) in enumerate(seen):
            across = weights @ covariance
            inner = cho_factor(across @ weights.T + np.diag(noise), lower=True)
            filled[task] = mean + across.T @ cho_solve(inner, values - weights @ mean)
            left_open += covariance - across.T @ cho_solve(inner, across)
        mean = filled.mean(axis=0)
        away = filled - mean
        scatter = away.T @ away + left_open
        covariance = (scatter + _KERNEL_WEIGHT * prior) / (len(merit) + _KERNEL_WEIGHT)
    return filled, left_open / len(merit)


def _median(spread):
    known = spread[np.isfinite(spread)]
    return np.median(known) if len(known) else 1.0


def _costs(rows, tasks, names):
    table = rows.pivot(index="task", columns="config", values="cost_s").reindex(tasks)
    if not table.notna().any(axis=None):
        return None
    logs = np.log(np.maximum(table.to_numpy(dtype=float), 1e-3))
    # Cells that are unknown: a task's level plus a configuration's, both relative to the rest.
    level = np.nanmean(logs)
    of_config = _mean_or(logs - level, 0)
    of_task = _mean_or(logs - level - of_config, 1)
    filled = np.where(np.isnan(logs), level + of_config + of_task[:, None], logs)
    return filled[:, table.columns.get_indexer(names)]


def _mean_or(values, axis):
    """Mean without NaN; 0 where there is nothing else."""
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=axis) / np.maximum(known.sum(axis=axis), 1)
