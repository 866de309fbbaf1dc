"""Searches that take no time: short trials of a tiny network; knowledge of a made-up family."""

from types import SimpleNamespace

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import IntDistribution

N_OTHERS = 6


def merit_of(size, C, kernel):
    """A smooth score: the best C grows with ``size``; the linear kernel is a little worse."""
    return 0.9 - 0.1 * (np.log10(C) - size) ** 2 - 0.05 * (kernel == "linear")


@pytest.fixture(scope="session")
def knowledge():
    """What 16 configurations scored on 30 tasks, of which one meta-feature tells all."""
    from autometa import Knowledge

    rng = np.random.default_rng(0)
    sizes = np.linspace(-1.5, 1.5, 30)
    kernels = rng.choice(["rbf", "linear"], 16)
    configs = pd.DataFrame({"hp_C": 10 ** rng.uniform(-2, 2, 16), "hp_kernel": kernels})
    gamma = 10 ** rng.uniform(-3, 1, 16)
    configs["hp_gamma"] = np.where(kernels == "rbf", gamma, np.nan)
    tables = []
    for task, size in enumerate(sizes):
        score = merit_of(size, configs["hp_C"], configs["hp_kernel"])
        score = score + rng.normal(scale=0.005, size=16)
        tables.append(configs.assign(task=f"t{task}", family="svm", score=score, cost_s=2.0))
    others = {f"other_{j}": rng.normal(size=30) for j in range(N_OTHERS)}
    metafeatures = pd.DataFrame({"size": sizes, "noise": rng.normal(size=30), **others})
    metafeatures.index = [f"t{task}" for task in range(30)]
    return Knowledge.from_evaluations(pd.concat(tables), metafeatures)


@pytest.fixture(scope="session")
def costly_knowledge():
    """The best kernel takes 100 times as long as the second best."""
    from autometa import Knowledge

    configs = pd.DataFrame({"hp_kernel": ["rbf", "linear", "poly"]})
    rows = configs.assign(family="svm", score=[0.9, 0.88, 0.5], cost_s=[100.0, 1.0, 1.0])
    tables = [rows.assign(task=f"t{task}") for task in range(9)]
    return Knowledge.from_evaluations(pd.concat(tables), None)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def short(monkeypatch):
    """Let trials end after a dozen steps at most, and groups have four of them."""
    from autometa.search import _network_trials as trials

    space = trials.space

    def short_space(**options):
        return {**space(**options), "n_steps": IntDistribution(3, 12)}

    monkeypatch.setattr(trials, "space", short_space)
    monkeypatch.setitem(trials.DEFAULT_CONFIG, "n_steps", 6)
    monkeypatch.setattr(trials, "GROUP_SIZES", {"cpu": 4, "cuda": 4})


@pytest.fixture
def search(make_encoded_task, make_thirds, tiny_initialisation):
    """Search on a small task; gives what was found and the study."""
    from autometa._deadline import Deadline
    from autometa._metrics import find_metric
    from autometa.search import Pace, open_study, run_search

    def search(n_trials=4, *, study=None, storage=None, study_name=None, **options):
        task = make_encoded_task(n_classes=options.pop("n_classes", 2))
        if study is None:
            study = open_study(
                task_description={"fingerprint": "f", "metric": "m", "folds": "g"},
                storage=storage,
                study_name=study_name,
                seed=0,
            )
        options = {
            "pace": Pace(Deadline(None)),
            "metric": find_metric(None, is_regression=task.is_regression),
            "initialisation": tiny_initialisation,
            **options,
        }
        folds = options.pop("folds", None) or make_thirds(task)
        found = run_search(task, folds, study=study, n_trials=n_trials, **options)
        return SimpleNamespace(found=found, study=study, trials=study.trials)

    return search
