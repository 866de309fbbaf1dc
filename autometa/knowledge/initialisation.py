"""The meta-learned initialisation as an artefact: safetensors, JSON provenance, no pickle."""

import hashlib
import importlib.metadata
import json
import platform
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from autometa.exceptions import ArtefactError
from autometa.metalearners import METALEARNERS

FORMAT = "autometa-initialisation"
FORMAT_VERSION = 1
TENSORS, PROVENANCE = "initialisation.safetensors", "initialisation.json"


@dataclass(frozen=True)
class Initialisation:
    """Meta-learned parameters, the learner that reads them, and where they come from.

    Attributes
    ----------
    params : dict of Tensor
    learner : MetaLearner
    learner_name : str
        A key of :data:`autometa.metalearners.METALEARNERS`.
    provenance : dict
        JSON-able: ``tasks`` (every task seen, with name, family, OpenML id and fingerprint),
        ``seed``, ``hours``, ``n_steps``, ``versions`` and whatever meta-training adds.
    """

    params: dict
    learner_name: str
    learner_config: dict
    provenance: dict = field(default_factory=dict)

    @property
    def learner(self):
        return METALEARNERS[self.learner_name](**self.learner_config)

    def save(self, folder):
        """Write the artefact into ``folder``, which is made if need be."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(
                {name: param.contiguous() for name, param in self.params.items()},
                folder / TENSORS,
            )
            described = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "sha256": _checksum(folder / TENSORS),
                "learner": self.learner_name,
                "learner_config": self.learner_config,
                "provenance": self.provenance,
            }
            (folder / PROVENANCE).write_text(json.dumps(described, indent=1, sort_keys=True))
        except (OSError, SafetensorError) as error:
            raise ArtefactError(
                f"Cannot write to {folder}: {error}. Name a folder that can be written to."
            ) from error

    @classmethod
    def load(cls, folder):
        """Read an artefact, checking its format, version and checksum.

        Raises
        ------
        ArtefactError
            Where the folder holds no artefact, or a foreign, corrupted or unreadable one.
        """
        folder = Path(folder)
        try:
            described = json.loads((folder / PROVENANCE).read_text())
        except (OSError, ValueError) as error:
            raise ArtefactError(
                f"{folder} holds no readable {PROVENANCE} ({error}). "
                "Name a folder written by `autometa meta-train`."
            ) from error
        if not isinstance(described, dict) or described.get("format") != FORMAT:
            raise ArtefactError(f"{folder / PROVENANCE} is not an initialisation of autometa.")
        version = described.get("format_version")
        if version != FORMAT_VERSION:
            raise ArtefactError(
                f"{folder} has format version {version}, this autometa "
                f"({importlib.metadata.version('autometa')}) reads version {FORMAT_VERSION}. "
                "Install the autometa named under 'versions' in its JSON file."
            )
        try:
            if _checksum(folder / TENSORS) != described["sha256"]:
                raise ArtefactError(
                    f"{folder / TENSORS} is corrupted: its checksum differs from the one in "
                    f"{PROVENANCE}. Copy or train it anew."
                )
            params = load_file(folder / TENSORS)
            return cls(
                params, described["learner"], described["learner_config"], described["provenance"]
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise ArtefactError(f"{folder} holds no complete initialisation: {error!r}.") from error

    @classmethod
    def default(cls):
        """Return the initialisation that ships with the package (read once)."""
        return _load_shipped()


def versions():
    """Name the versions that an artefact was made with; JSON-able."""
    names = ("autometa", "torch", "numpy", "scikit-learn", "pandas")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found}


@cache
def _load_shipped():
    return Initialisation.load(Path(__file__).parent / "shipped")


def _checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
