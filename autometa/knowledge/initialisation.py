"""The meta-learned initialisation as an artefact: safetensors, JSON provenance, no pickle."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from autometa.exceptions import ArtefactError
from autometa.knowledge._folder import read_description, write_files
from autometa.metalearners import BASELINES, METALEARNERS

FORMAT = "autometa-initialisation"
FORMAT_VERSION = 3
TENSORS, PROVENANCE = "initialisation.safetensors", "initialisation.json"


@dataclass(frozen=True)
class Initialisation:
    """Meta-learned parameters, the learner that reads them, and where they come from.

    Attributes
    ----------
    params : dict of Tensor
    learner : MetaLearner
        Made from the two below.
    learner_name : str
        A key of :data:`autometa.metalearners.METALEARNERS`, or of ``BASELINES`` there.
    learner_config : dict
        JSON-able arguments of the learner.
    provenance : dict
        JSON-able: ``tasks`` (every task seen, with name, family, OpenML id and fingerprint),
        ``seed``, ``hours``, ``n_steps``, ``versions`` and whatever meta-training adds.
    """

    params: dict
    learner_name: str
    learner_config: dict
    provenance: dict = field(default_factory=dict)

    @cached_property
    def learner(self):
        return {**METALEARNERS, **BASELINES}[self.learner_name](**self.learner_config)

    @property
    def checksum(self):
        """SHA-256 of the parameters as they are stored."""
        return _checksum(self._content())

    def _content(self):
        return save({name: param.cpu().contiguous() for name, param in self.params.items()})

    def save(self, folder):
        """Write the artefact into ``folder``, which is made if need be; wholly or not at all.

        Raises
        ------
        ArtefactError
            Where the folder cannot be written to.
        """
        tensors = self._content()
        described = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "sha256": _checksum(tensors),
            "learner": self.learner_name,
            "learner_config": self.learner_config,
            "provenance": self.provenance,
        }
        described["description_sha256"] = _checksum_of_description(described)
        text = json.dumps(described, indent=1, sort_keys=True)
        write_files(Path(folder), {TENSORS: tensors, PROVENANCE: text.encode()})

    @classmethod
    def load(cls, folder):
        """Read an artefact, checking its format, version and checksum.

        Raises
        ------
        ArtefactError
            Where the folder holds no artefact, or a foreign, corrupted or unreadable one.

        Examples
        --------
        >>> Initialisation.load("no/such/folder")
        Traceback (most recent call last):
        autometa.exceptions.ArtefactError: no/such/folder holds no readable initialisation.json...
        """
        folder = Path(folder)
        described = read_description(
            folder / PROVENANCE,
            format=FORMAT,
            format_version=FORMAT_VERSION,
            written_by="`autometa meta-train`",
        )
        # Those written by hand, or before there was this entry, lack it.
        if described.pop("description_sha256", None) not in (
            None,
            _checksum_of_description(described),
        ):
            raise ArtefactError(
                f"{folder / PROVENANCE} is corrupted: its content does not match its checksum. "
                "Copy or train it anew."
            )
        try:
            content = (folder / TENSORS).read_bytes()
            is_whole = _checksum(content) == described["sha256"]
            params = load(content) if is_whole else {}
            found = cls(
                params, described["learner"], described["learner_config"], described["provenance"]
            )
            found.learner  # noqa: B018  an unknown name or argument shows here
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise ArtefactError(f"{folder} holds no complete initialisation: {error!r}.") from error
        if not is_whole:
            raise ArtefactError(
                f"{folder / TENSORS} is corrupted: its checksum differs from the one in "
                f"{PROVENANCE}. Copy or train it anew."
            )
        _check_params(found, folder)
        return found

    @classmethod
    def default(cls):
        """Return the initialisation that ships with the package (read once)."""
        return _load_shipped()


@cache
def _load_shipped():
    return Initialisation.load(Path(__file__).parent / "shipped")


def _check_params(found, folder):
    """Refuse an artefact that lacks what its learner reads, or has it in other shapes."""
    for name, wanted in found.learner.init_params(0).items():
        if name not in found.params or found.params[name].shape != wanted.shape:
            what = f"of shape {tuple(found.params[name].shape)}" if name in found.params else "none"
            raise ArtefactError(
                f"{folder / TENSORS} does not fit its learner {found.learner_name!r}, which reads "
                f"{name!r} of shape {tuple(wanted.shape)}: it holds {what}. Train it anew."
            )


def _checksum(content):
    return hashlib.sha256(content).hexdigest()


def _checksum_of_description(described):
    """SHA-256 of all other entries of the JSON file, however they are laid out."""
    others = {name: value for name, value in described.items() if name != "description_sha256"}
    as_read = json.loads(json.dumps(others))
    return _checksum(json.dumps(as_read, sort_keys=True).encode())
