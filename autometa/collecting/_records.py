"""Files that collecting appends to: one JSON line for each thing finished, and what they are."""

import json
import os
from pathlib import Path

from autometa.exceptions import ArtefactError, InvalidInputError

FORMAT, FORMAT_VERSION = "autometa-collected", 1


class RecordFile:
    """Lines of JSON after a first one that describes them; a line cut short is as none.

    Parameters
    ----------
    path : Path
    description : dict
        JSON-able: what must be the same for lines to belong together. A file that is there with
        another one is refused.

    Attributes
    ----------
    records : list of dict
        The lines that were there, then those appended.
    """

    def __init__(self, path, description):
        self.path = Path(path)
        header = {"format": FORMAT, "format_version": FORMAT_VERSION, **description}
        header = json.loads(json.dumps(header))
        self.records = []
        if self.path.is_file() and self.path.stat().st_size:
            found, self.records = read_records(self.path)
            _check_same(self.path, found, header)
            self._drop_cut_line()
        else:
            self._write(header)

    def append(self, records):
        """Add records; they are on the disk when this returns."""
        self._write(*records)
        self.records += records

    def _write(self, *lines):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ArtefactError(
                f"Cannot write to {self.path}: {error}. Name a folder that can be written to."
            ) from error

    def _drop_cut_line(self):
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with open(self.path, "r+b") as file:
                file.truncate(len(whole))


def read_records(path):
    """Read a file of records.

    Returns
    -------
    description : dict
    records : list of dict

    Raises
    ------
    ArtefactError
        Where it is no such file, or a line in the middle is damaged.
    """
    path = Path(path)
    advice = "Name a folder written by `autometa collect`."
    try:
        lines = path.read_text("utf-8").split("\n")[:-1]  # what follows the last one was cut short
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} cannot be read ({error}). {advice}") from error
    try:
        header, *records = [json.loads(line) for line in lines]
    except ValueError as error:
        raise ArtefactError(
            f"{path} is damaged ({error}). Remove the line, or copy the file anew."
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ArtefactError(f"{path} holds nothing that was collected. {advice}")
    if header.get("format_version") != FORMAT_VERSION:
        raise ArtefactError(
            f"{path} has format version {header.get('format_version')}, this autometa reads "
            f"version {FORMAT_VERSION}. Collect into another folder."
        )
    # Two processes that begin a folder at once both write a first line.
    return header, [record for record in records if record != header]


def _check_same(path, found, wanted):
    found, wanted = _flat(found), _flat(wanted)
    differing = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    if differing:
        name = differing[0]
        raise InvalidInputError(
            f"{path} was collected with another {name} ({_short(found.get(name))} instead of "
            f"{_short(wanted.get(name))}). Collect with the same settings, or into another folder."
        )


def _flat(description):
    """What is described, with the parts of dictionaries apart: so that they can be named."""
    flat = {}
    for name, value in description.items():
        parts = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}: {part}" if part else name: v for part, v in parts.items()}
    return flat


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
