"""The knowledge that the estimators' tests start from."""

import pytest


@pytest.fixture(scope="session")
def untrained():
    """An initialisation of a small network, as drawn: it has learned nothing."""
    from autometa.knowledge import Initialisation
    from autometa.metalearners import MAML

    config = {"network": {"n_hidden": 32, "n_token": 16, "n_layers": 1, "n_key": 8}}
    return Initialisation(MAML(**config).init_params(0), "maml", config, {"tasks": []})


@pytest.fixture(scope="session")
def knowledge(tmp_path_factory, untrained):
    """A folder that knowledge can be loaded from."""
    folder = tmp_path_factory.mktemp("knowledge")
    untrained.save(folder)
    return str(folder)


@pytest.fixture
def short_adaptation(monkeypatch):
    """Let all configurations take a few steps only, where their quality does not matter."""
    from optuna.distributions import IntDistribution

    from autometa.families.adapted_network import DEFAULT_CONFIG
    from autometa.search import _network_trials as trials

    space = trials.space

    def short_space(**options):
        return {**space(**options), "n_steps": IntDistribution(3, 12)}

    monkeypatch.setattr(trials, "space", short_space)
    monkeypatch.setitem(DEFAULT_CONFIG, "n_steps", 6)
