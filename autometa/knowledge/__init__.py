"""Knowledge: what was learned across tasks, with its provenance."""

from importlib import import_module

from autometa.knowledge._folder import read_description, versions, write_files
from autometa.knowledge.evaluations import Knowledge

__all__ = ["Initialisation", "Knowledge", "read_description", "versions", "write_files"]


def __getattr__(name):
    if name == "Initialisation":  # of networks: it needs torch
        return import_module("autometa.knowledge.initialisation").Initialisation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
