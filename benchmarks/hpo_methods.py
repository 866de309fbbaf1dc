"""Ways to search for hyperparameters, from knowledge or from nothing: each makes a study."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import CmaEsSampler, GPSampler, RandomSampler, TPESampler

from autometa import Knowledge, MetaSampler, warm_start
from autometa.exceptions import NothingLeftError
from autometa.families import default_config, find_family
from autometa.proposers import NearestTasksProposer, PortfolioProposer

#: Configurations that are put into a study before its own sampler takes over.
N_FIRST = 10
#: Of a task that CMA-ES starts from, which takes the best tenth of its trials.
MIN_SOURCE = 10


@dataclass(frozen=True)
class Problem:
    """A family to be tuned on a task, and what is known of both.

    Attributes
    ----------
    family : str
    is_regression : bool
    metafeatures : dict
    knowledge : Knowledge
        Without the task and its relatives.
    """

    family: str
    is_regression: bool
    metafeatures: dict
    knowledge: Knowledge

    @property
    def space(self):
        """The family's search space for this kind of target."""
        return find_family(self.family).space(is_regression=self.is_regression)

    def alike(self):
        """What is known of the family on tasks of this kind."""
        return self.knowledge.filter(families=[self.family], is_regression=self.is_regression)


def meta_sampler(problem, seed):
    """The sampler that asks the knowledge at every trial."""
    return _study(
        MetaSampler(
            family=problem.family,
            metafeatures=problem.metafeatures,
            knowledge=problem.knowledge,
            seed=seed,
        )
    )


def warm_start_tpe(problem, seed):
    """Ten proposals made at once, then TPE, which learns from them."""
    study = _study(TPESampler(seed=seed))
    warm_start(
        study,
        family=problem.family,
        n=N_FIRST,
        metafeatures=problem.metafeatures,
        knowledge=problem.knowledge,
        space=problem.space,
    )
    return study


def portfolio_tpe(problem, seed):
    """The ten configurations that serve all known tasks best, then TPE."""
    search = PortfolioProposer(problem.alike(), problem.family).start()
    configs = []
    for _ in range(N_FIRST):
        try:
            configs.append(search.ask())
        except NothingLeftError:
            break
    return _enqueued(configs, TPESampler(seed=seed))


def default_tpe(problem, seed):
    """The library's defaults, then TPE: what knows nothing but that."""
    config = default_config(problem.family, is_regression=problem.is_regression)
    return _enqueued([config], TPESampler(seed=seed))


def cold_tpe(problem, seed):
    """Optuna's default sampler."""
    return _study(TPESampler(seed=seed))


def cold_gp(problem, seed):
    """Optuna's Gaussian process."""
    return _study(GPSampler(seed=seed))


def random(problem, seed):
    """Independent draws."""
    return _study(RandomSampler(seed=seed))


def warm_cma_es(problem, seed):
    """CMA-ES from the trials of the most similar known task; TPE draws the categories.

    Its first trial is TPE's, since Optuna does not know the space before. Where no known task
    resembles the new one, or the one that does has too few trials, it starts cold.

    References
    ----------
    Nomura et al., "Warm Starting CMA-ES for Hyperparameter Optimization", 2021.
    """
    numeric = _numbers(problem)
    known = problem.alike()
    near = NearestTasksProposer(known, problem.family).start(problem.metafeatures).neighbours
    rows = known.tables[problem.family].dropna(subset="score")
    rows = rows[rows["task"].isin(near[:1])]
    if len(rows) < MIN_SOURCE:
        rows = rows[:0]
    trials = [
        optuna.create_trial(
            params={name: _as_in(d, row[f"hp_{name}"]) for name, d in numeric.items()},
            distributions=numeric,
            value=row["score"],
        )
        for row in rows.to_dict("records")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _study(
            CmaEsSampler(
                source_trials=trials or None,
                independent_sampler=TPESampler(seed=seed),
                warn_independent_sampling=False,
                seed=seed,
            )
        )


METHODS = {
    "sampler": meta_sampler,
    "warm start, TPE": warm_start_tpe,
    "portfolio, TPE": portfolio_tpe,
    "default, TPE": default_tpe,
    "TPE": cold_tpe,
    "GP": cold_gp,
    "random": random,
    "warm CMA-ES": warm_cma_es,
}
#: What depends on knowledge.
WARM = ("sampler", "warm start, TPE", "portfolio, TPE", "warm CMA-ES")


def why_not(method, family):
    """Tell why a method cannot tune a family, or return None where it can.

    Examples
    --------
    >>> why_not("TPE", "linear")
    """
    if method != "warm CMA-ES":
        return None
    if find_spec("cmaes") is None:
        return "the package cmaes is not installed"
    for is_regression in (False, True):
        numeric = _numbers(Problem(family, is_regression, {}, Knowledge()))
        conditional = sorted(set(numeric) & set(find_family(family).CONDITIONS))
        if conditional:
            return f"its space is conditional: {', '.join(conditional)}"
        if len(numeric) < 2:
            return f"its space has {len(numeric)} numeric hyperparameter, it needs 2"
    return None


def _numbers(problem):
    return {n: d for n, d in problem.space.items() if not isinstance(d, CategoricalDistribution)}


def _as_in(distribution, value):
    return distribution.to_external_repr(float(value))


def _enqueued(configs, sampler):
    study = _study(sampler)
    for config in configs:
        study.enqueue_trial(config)
    return study


def _study(sampler):
    return optuna.create_study(direction="maximize", sampler=sampler)
