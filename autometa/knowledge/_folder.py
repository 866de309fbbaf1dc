"""The folder of an artefact: written wholly or not at all, read only where it is ours."""

import contextlib
import importlib.metadata
import json
import os
import platform

from autometa.exceptions import ArtefactError


def write_files(folder, contents):
    """Write files into a folder, which is made if need be; where that fails, leave it as it was.

    Parameters
    ----------
    folder : Path
    contents : dict of str to bytes
        File names and what they shall hold.

    Raises
    ------
    ArtefactError
    """
    partial = {folder / name: folder / f"{name}.partial" for name in contents}
    made = []
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(partial.values(), contents.values(), strict=True):
            path.write_bytes(content)
        for path, written in partial.items():
            os.replace(written, path)
    except OSError as error:
        for path in partial.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()
        raise ArtefactError(
            f"Cannot write to {folder}: {error}. Name a folder that can be written to."
        ) from error


def read_description(path, *, format, format_version, written_by, oldest_version=None):
    """Read the JSON file of an artefact, checking what and of which version it is.

    Parameters
    ----------
    path : Path
    format : str
        What its entry ``format`` must be.
    format_version : int
        The newest version that is read here.
    written_by : str
        What writes such folders, for the message.
    oldest_version : int, optional
        The oldest version that is read here; by default none but the newest is.

    Returns
    -------
    dict

    Raises
    ------
    ArtefactError
    """
    try:
        described = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path.parent} holds no readable {path.name} ({error}). "
            f"Name a folder written by {written_by}."
        ) from error
    if not isinstance(described, dict) or described.get("format") != format:
        raise ArtefactError(
            f"{path} does not describe an {format}. Name a folder written by {written_by}."
        )
    version = described.get("format_version")
    oldest_version = format_version if oldest_version is None else oldest_version
    if version not in range(oldest_version, format_version + 1):
        read = " to ".join(map(str, sorted({oldest_version, format_version})))
        writer, reader = _writer_of(described), version_of("autometa")
        way_out = f"The autometa that wrote it reads it: pip install autometa=={writer}."
        if writer in (None, reader):  # formats may change between two releases
            way_out = "Make it anew with this one, or take what ships with the package."
        raise ArtefactError(
            f"{path.parent} has format version {version}, this autometa ({reader}) reads version "
            f"{read}. {way_out}"
        )
    return described


def _writer_of(described):
    """The version of autometa that wrote an artefact; None where it does not say."""
    provenance = described.get("provenance")
    for part in (described, provenance if isinstance(provenance, dict) else {}):
        if isinstance(part.get("versions"), dict):
            return part["versions"].get("autometa")
    return None


def version_of(package):
    """Version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from its source folder
        return "of unknown version"


def versions():
    """Name the versions that an artefact was made with; JSON-able."""
    names = ("autometa", "torch", "numpy", "scikit-learn", "pandas")
    found = {name: version_of(name) for name in names}
    return {"python": platform.python_version(), **found}
