"""Whether there will be a place for what a command writes, found out before it works."""

import tempfile
from pathlib import Path

from autometa.exceptions import InvalidInputError


def check_folder(folder, option):
    """Refuse a folder that cannot be made or written to; leave everything as it was.

    Parameters
    ----------
    folder : Path
    option : str
        Of the command line, for the message.
    """
    folder = Path(folder)
    made = []
    try:
        for parent in reversed([folder, *folder.parents]):
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidInputError(
            f"Cannot write to {option} {folder}: {error.strerror or error}. "
            "Name a folder that can be written to."
        ) from error
    finally:
        for parent in reversed(made):
            parent.rmdir()


def check_file(path, option):
    """Refuse a file that cannot be written; leave everything as it was."""
    path = Path(path)
    if path.is_dir():
        raise InvalidInputError(f"{option} {path} is a folder. Name a file in it.")
    check_folder(path.parent, option)
