"""Checkpoints of meta-training that survive a killed process."""

import json
import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from autometa.exceptions import ArtefactError

TENSORS, PROGRESS = "tensors.safetensors", "progress.json"


def save_checkpoint(folder, tensors, progress):
    """Write a checkpoint beside the older ones, then drop all but the newest two.

    A checkpoint gets its name only when it is complete, so a process killed at any time leaves
    the one before untouched.

    Parameters
    ----------
    folder : Path
    tensors : dict of Tensor
    progress : dict
        JSON-able, with ``n_steps``.
    """
    folder = Path(folder)
    partial = folder / "checkpoint.partial"
    final = folder / f"checkpoint-{progress['n_steps']:09d}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file(
            {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()},
            partial / TENSORS,
        )
        with open(partial / PROGRESS, "w") as file:
            json.dump(progress, file)
        for name in (TENSORS, PROGRESS):
            with open(partial / name, "rb") as file:
                os.fsync(file.fileno())
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise ArtefactError(
            f"Cannot write a checkpoint to {folder}: {error}. Name a folder that can be written to."
        ) from error
    for old in _checkpoints(folder)[:-2]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder):
    """Read the newest complete checkpoint of a folder; None where there is none.

    Returns
    -------
    tensors : dict of Tensor
    progress : dict
    """
    found = [path for path in _checkpoints(Path(folder)) if _is_complete(path)]
    if not found:
        return None
    try:
        progress = json.loads((found[-1] / PROGRESS).read_text())
        return load_file(found[-1] / TENSORS), progress
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtefactError(
            f"{found[-1]} cannot be read ({error}). Remove it to resume from the one before."
        ) from error


def _checkpoints(folder):
    return sorted(path for path in folder.glob("checkpoint-*") if path.is_dir())


def _is_complete(path):
    """Whether a checkpoint holds all files; removing one may have been cut short."""
    return all((path / name).is_file() for name in (TENSORS, PROGRESS))
