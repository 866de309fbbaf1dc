"""The meta-learned initialisation as an artefact: safetensors, JSON provenance, no pickle."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from autometa.exceptions import ArtefactError
from autometa.knowledge._folder import read_description, write_files
from autometa.metalearners import METALEARNERS

FORMAT = "autometa-initialisation"
#: Version 3 had no ``others``; it is read too.
FORMAT_VERSION, OLDEST_VERSION = 4, 3
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
        A key of :data:`autometa.metalearners.METALEARNERS`.
    learner_config : dict
        JSON-able arguments of the learner.
    provenance : dict
        JSON-able: ``tasks`` (every task seen, with name, family, OpenML id and fingerprint),
        ``seed``, ``hours``, ``n_steps``, ``versions`` and whatever meta-training adds.
    others : tuple of Initialisation
        Learned apart from this one, see :meth:`join`. Their tasks are among this one's.
    """

    params: dict
    learner_name: str
    learner_config: dict
    provenance: dict = field(default_factory=dict)
    others: tuple = ()

    @cached_property
    def learner(self):
        return METALEARNERS[self.learner_name](**self.learner_config)

    @cached_property
    def members(self):
        """This one by itself and the others: a tuple of Initialisation."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @classmethod
    def join(cls, initialisations):
        """Make a committee: networks adapted from different members predict together.

        What the first proposes is there first; folds and bagged networks start from one member
        after another.

        Parameters
        ----------
        initialisations : sequence of Initialisation
            Their members, in this order.

        Returns
        -------
        Initialisation

        References
        ----------
        Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty
        Estimation using Deep Ensembles", 2017.

        Examples
        --------
        >>> one, two = (Initialisation({}, "random_weights", {"seed": i}) for i in range(2))
        >>> [member.learner_config for member in Initialisation.join([one, two]).members]
        [{'seed': 0}, {'seed': 1}]
        """
        first, *others = [member for one in initialisations for member in one.members]
        tasks = {}
        for one in initialisations:
            tasks |= {task["name"]: task for task in one.provenance.get("tasks", [])}
        provenance = {**first.provenance, "tasks": [*tasks.values()]}
        others = tuple(replace(one, provenance=_without_tasks(one), others=()) for one in others)
        return replace(first, provenance=provenance, others=others)

    @property
    def checksum(self):
        """SHA-256 of the parameters as they are stored."""
        return _checksum(self._content())

    def _content(self):
        return save(
            {
                f"{_prefix(number)}{name}": param.cpu().contiguous()
                for number, member in enumerate(self.members)
                for name, param in member.params.items()
            }
        )

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
            **self._describe(),
            "others": [one._describe() for one in self.others],
        }
        described["description_sha256"] = _checksum_of_description(described)
        text = json.dumps(described, indent=1, sort_keys=True)
        write_files(Path(folder), {TENSORS: tensors, PROVENANCE: text.encode()})

    def _describe(self):
        return {
            "learner": self.learner_name,
            "learner_config": self.learner_config,
            "provenance": self.provenance,
        }

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
            oldest_version=OLDEST_VERSION,
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
            found, *others = (
                cls(
                    _params_of(number, params),
                    one["learner"],
                    one["learner_config"],
                    one["provenance"],
                )
                for number, one in enumerate([described, *described.get("others", [])])
            )
            found = replace(found, others=tuple(others))
            for member in found.members:
                member.learner  # noqa: B018  an unknown name or argument shows here
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise ArtefactError(f"{folder} holds no complete initialisation: {error!r}.") from error
        if not is_whole:
            raise ArtefactError(
                f"{folder / TENSORS} is corrupted: its checksum differs from the one in "
                f"{PROVENANCE}. Copy or train it anew."
            )
        return found

    @classmethod
    def default(cls):
        """Return the initialisation that ships with the package (read once)."""
        return _load_shipped()


@cache
def _load_shipped():
    return Initialisation.load(Path(__file__).parent / "shipped")


def _prefix(number):
    """What the names of a member's tensors begin with; nothing for the first."""
    return f"{number}/" if number else ""


def _params_of(number, tensors):
    """The tensors of one member, by their own names."""
    if not number:
        return {name: tensor for name, tensor in tensors.items() if "/" not in name}
    start = _prefix(number)
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _without_tasks(initialisation):
    return {k: v for k, v in initialisation.provenance.items() if k != "tasks"}


def _checksum(content):
    return hashlib.sha256(content).hexdigest()


def _checksum_of_description(described):
    """SHA-256 of all other entries of the JSON file, however they are laid out."""
    others = {name: value for name, value in described.items() if name != "description_sha256"}
    as_read = json.loads(json.dumps(others))
    return _checksum(json.dumps(as_read, sort_keys=True).encode())
