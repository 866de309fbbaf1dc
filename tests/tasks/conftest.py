"""The openml client, pointed away from openml.org and from the user's cache."""

import os

import pytest


@pytest.fixture
def openml_client(tmp_path, monkeypatch):
    """The ``openml`` module with an empty cache, no retries and a server that nobody runs."""
    # The client reads its configuration, and makes its folders, on import.
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "OPENML_CACHE_DIR"):
        monkeypatch.setitem(os.environ, variable, str(tmp_path / "openml"))
    monkeypatch.setitem(os.environ, "no_proxy", "127.0.0.1")
    openml = pytest.importorskip("openml")
    before = openml.config.get_config_as_dict()
    openml.config.server = "http://127.0.0.1:9/api/v1/xml"
    openml.config.apikey = "any"
    openml.config.set_retry_policy("human", 1)
    openml.config.set_root_cache_directory(str(tmp_path / "cache"))
    yield openml
    openml.config.server, openml.config.apikey = before["server"], before["apikey"]
    openml.config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
    openml.config.set_root_cache_directory(before["cachedir"])
