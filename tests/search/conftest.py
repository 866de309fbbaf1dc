"""Searches that take no time: short trials of a tiny network."""

from types import SimpleNamespace

import optuna
import pytest
from optuna.distributions import IntDistribution


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def short(monkeypatch):
    """Let trials end after a dozen steps at most, and groups have four of them."""
    from autometa.search import run

    space = run.space

    def short_space(**options):
        return {**space(**options), "n_steps": IntDistribution(3, 12)}

    monkeypatch.setattr(run, "space", short_space)
    monkeypatch.setitem(run.DEFAULT_CONFIG, "n_steps", 6)
    monkeypatch.setattr(run, "GROUP_SIZES", {"cpu": 4, "cuda": 4})


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
        found = run_search(task, make_thirds(task), study=study, n_trials=n_trials, **options)
        return SimpleNamespace(found=found, study=study, trials=study.trials)

    return search
