"""Knowledge: what was learned across tasks, with its provenance."""

from autometa.knowledge._folder import write_files
from autometa.knowledge.initialisation import Initialisation, versions

__all__ = ["Initialisation", "versions", "write_files"]
