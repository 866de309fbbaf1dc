"""Small tasks to collect on, and a client of OpenML that asks nobody."""

import os

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def make_task():
    """Draw a task of numbers and text; ``n_classes=None`` gives regression."""

    def make(seed=0, n_rows=60, n_classes=2, n_columns=3):
        from autometa.tasks import task_from_arrays

        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(n_rows, n_columns)).round(3))
        X.columns = [f"column {j}" for j in range(n_columns)]
        X["colour"] = rng.choice(["red", "blue", "green"], n_rows)
        signal = X["column 0"] + (X["colour"] == "red") + 0.3 * rng.normal(size=n_rows)
        y = 50 * signal if n_classes is None else pd.qcut(signal, n_classes, labels=False)
        kind = "regression" if n_classes is None else "classification"
        provenance = {"family": f"family {seed}", "openml_data_id": 100 + seed}
        return task_from_arrays(X, y, kind, name=f"task-{seed}", provenance=provenance)

    return make


@pytest.fixture
def openml_server(tmp_path, monkeypatch):
    """A server of one suite, and the client pointed at it with an empty cache."""
    from openml_server import OpenMLServer

    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "OPENML_CACHE_DIR"):
        monkeypatch.setitem(os.environ, variable, str(tmp_path / "openml"))
    monkeypatch.setitem(os.environ, "no_proxy", "127.0.0.1")
    openml = pytest.importorskip("openml")
    before = openml.config.get_config_as_dict()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)).round(3), columns=["a", "b", "c"])
    frame["kind"] = pd.Categorical(np.where(frame["a"] + frame["b"] > 0, "yes", "no"))
    frame["same"] = pd.Categorical(["only"] * 60)
    datasets = {
        61: {"name": "kinds", "frame": frame, "target": "kind"},
        62: {"name": "numbers", "frame": frame, "target": "c", "task_type": 2},
        63: {"name": "constant", "frame": frame, "target": "same"},
    }
    with OpenMLServer(datasets, {"three": [1061, 1063, 1062]}) as running:
        openml.config.server, openml.config.apikey = running.url, "any"
        openml.config.set_retry_policy("human", 1)
        openml.config.set_root_cache_directory(str(tmp_path / "cache"))
        yield running
    openml.config.server, openml.config.apikey = before["server"], before["apikey"]
    openml.config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
    openml.config.set_root_cache_directory(before["cachedir"])
