"""Write the files of an artefact so that either all of them are there or none."""

import contextlib
import os

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
