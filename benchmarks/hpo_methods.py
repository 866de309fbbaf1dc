"""Ways to search for hyperparameters, from knowledge or from nothing: each makes a study."""

import os
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from urllib.request import urlopen

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import CmaEsSampler, GPSampler, RandomSampler, TPESampler

from autometa import Knowledge, MetaSampler, warm_start
from autometa.exceptions import NothingLeftError
from autometa.families import default_config, find_family
from autometa.proposers import NearestTasksProposer, PortfolioProposer
from autometa.space import closest_value, is_missing

#: Configurations that are put into a study before its own sampler takes over.
N_FIRST = 10
#: Known trials that CMA-ES starts from; it takes the best tenth of them.
MIN_SOURCE = 10
META_LEARN_TPE = "samplers/meta_learn_tpe"


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

    Its first trial is TPE's, since Optuna does not know the space before. Where one known task has
    too few trials, those of the next ones join, ranked within each. Where none resembles the new
    one, it starts cold.

    References
    ----------
    Nomura et al., "Warm Starting CMA-ES for Hyperparameter Optimization", 2021.
    """
    trials = []
    for own in _near_trials(problem, _numbers(problem)):
        if len(trials) < MIN_SOURCE:
            trials += own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _study(
            CmaEsSampler(
                source_trials=trials if len(trials) >= MIN_SOURCE else None,
                independent_sampler=TPESampler(seed=seed),
                warn_independent_sampling=False,
                seed=seed,
            )
        )


def meta_learning_tpe(problem, seed):
    """TPE with those of the most similar known tasks; cold, where no known task resembles it.

    References
    ----------
    Watanabe et al., "Speeding Up Multi-Objective Hyperparameter Optimization by Task
    Similarity-Based Meta-Learning for the Tree-Structured Parzen Estimator", 2023.
    """
    sources = []
    for trials in _near_trials(problem, problem.space):
        sources.append(_study(None))
        sources[-1].add_trials(trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if not sources:
            return _study(TPESampler(multivariate=True, seed=seed))
        sampler, _ = load_meta_learn_tpe()
        return _study(sampler(source_studies=sources, seed=seed))


@cache
def load_meta_learn_tpe():
    """Load a sampler from OptunaHub, which is GitHub.

    Returns
    -------
    sampler : type or None
    reason : str or None
        Why there is none.
    """
    os.environ.setdefault("OPTUNAHUB_NO_ANALYTICS", "1")  # else it asks at the keyboard
    try:
        with urlopen("https://api.github.com", timeout=10):  # OptunaHub itself tries for minutes
            pass
        module = import_module("optunahub").load_module(META_LEARN_TPE)
        return module.MetaLearnTPESampler, None
    except Exception as error:  # of the network, of GitHub, or of a file made for another Optuna
        return None, f"OptunaHub cannot load {META_LEARN_TPE} from GitHub: {error}"


METHODS = {
    "sampler": meta_sampler,
    "warm start, TPE": warm_start_tpe,
    "portfolio, TPE": portfolio_tpe,
    "default, TPE": default_tpe,
    "TPE": cold_tpe,
    "GP": cold_gp,
    "random": random,
    "warm CMA-ES": warm_cma_es,
    "meta-learning TPE": meta_learning_tpe,
}
#: What depends on knowledge.
WARM = ("sampler", "warm start, TPE", "portfolio, TPE", "warm CMA-ES", "meta-learning TPE")


def why_not(method, family):
    """Tell why a method cannot tune a family, or return None where it can.

    Examples
    --------
    >>> why_not("TPE", "linear")
    """
    if method == "meta-learning TPE":
        is_there = find_spec("optunahub") is not None
        return load_meta_learn_tpe()[1] if is_there else "the package optunahub is not installed"
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


def _near_trials(problem, space):
    """List the trials of each of the most similar known tasks.

    Parameters
    ----------
    problem : Problem
    space : dict of str to optuna distribution

    Returns
    -------
    list of list of FrozenTrial
        The nearest task first; of value 1 where the score at the last step is the task's best, and
        nearly 0 where it is the worst.
    """
    known = problem.alike()
    near = NearestTasksProposer(known, problem.family).start(problem.metafeatures).neighbours
    rows = known.tables[problem.family].dropna(subset="score")
    names = ["task", *(name for name in rows if name.startswith("hp_"))]
    rows = rows.sort_values("step", kind="stable").drop_duplicates(names, keep="last").sort_index()
    rows = rows.assign(rank=rows.groupby("task")["score"].rank(pct=True))
    by_task = [rows[rows["task"] == name] for name in near]
    return [[_as_trial(row, space) for row in own.to_dict("records")] for own in by_task]


def _as_trial(row, space):
    active = {n: d for n, d in space.items() if not is_missing(row.get(f"hp_{n}"))}
    return optuna.create_trial(
        params={name: closest_value(row[f"hp_{name}"], d) for name, d in active.items()},
        distributions=active,
        value=row["rank"],
    )


def _enqueued(configs, sampler):
    study = _study(sampler)
    for config in configs:
        study.enqueue_trial(config)
    return study


def _study(sampler):
    return optuna.create_study(direction="maximize", sampler=sampler)
