"""Checkpoints of meta-training that survive a killed process."""

import json
import os
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from autometa.exceptions import ArtefactError


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
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(
        {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()},
        partial / "tensors.safetensors",
    )
    with open(partial / "progress.json", "w") as file:
        json.dump(progress, file)
        file.flush()
        os.fsync(file.fileno())
    final = folder / f"checkpoint-{progress['n_steps']:09d}"
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    for old in _checkpoints(folder)[:-2]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder):
    """Read the newest complete checkpoint of a folder; None where there is none.

    Returns
    -------
    tensors : dict of Tensor
    progress : dict
    """
    found = _checkpoints(Path(folder))
    if not found:
        return None
    try:
        progress = json.loads((found[-1] / "progress.json").read_text())
        return load_file(found[-1] / "tensors.safetensors"), progress
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{found[-1]} cannot be read ({error}). Remove it to resume from the one before."
        ) from error


def _checkpoints(folder):
    return sorted(path for path in folder.glob("checkpoint-*") if path.is_dir())
