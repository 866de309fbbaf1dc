"""Knowledge: what was learned across tasks, with its provenance."""

from autometa.knowledge._folder import read_description, write_files
from autometa.knowledge.evaluations import Knowledge
from autometa.knowledge.initialisation import Initialisation, versions

__all__ = ["Initialisation", "Knowledge", "read_description", "versions", "write_files"]
