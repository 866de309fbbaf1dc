"""Omniglot from a local file: handwritten characters, a task whose rows are images."""

import zipfile

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidInputError
from autometa.tasks._task import Task

SIDE = 28
SPLITS = ("train", "val", "test")


def read_omniglot(path, split, *, n_moved=0, antialiased=False):
    """Read the characters of one part of the published split.

    Parameters
    ----------
    path : path
        An ``.npz`` file with ``images`` (n_characters, n_drawings, 28, 28) of bytes, ink high,
        ``images_nn_packed`` (n_characters, n_drawings, 98), the same of one bit per pixel,
        ``alphabet``, ``character`` and ``vinyals_split``, each (n_characters,).
    split : {"train", "val", "test"}
        Of Vinyals et al., "Matching Networks for One Shot Learning", 2016, as published with the
        code of Snell, Swersky and Zemel: 1028, 172 and 423 characters.
    n_moved : int
        Characters of validation, always the same, that are trained on instead: with 72 there are
        1100 to train on and 100 to validate on, as in MAML's code.
    antialiased : bool
        Take the images of 16 grey levels instead of the black and white ones. Published code that
        resizes the original files without converting them first, such as MAML's, used the latter.

    Returns
    -------
    Task
        One column a pixel (28 x 28, row by row), one class a character.

    Raises
    ------
    InvalidInputError
        Where there is no such file or split, or not so many characters to move.
    """
    if split not in SPLITS:
        raise InvalidInputError(f"split must be one of {list(SPLITS)}, got {split!r}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images" if antialiased else "images_nn_packed"]
            names = np.char.add(np.char.add(file["alphabet"], "/"), file["character"])
            splits = file["vinyals_split"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInputError(
            f"{path} is no readable Omniglot file ({error}). It must be an .npz with images, "
            "images_nn_packed, alphabet, character and vinyals_split."
        ) from error
    is_kept = _move(splits, n_moved) == split
    images, names = images[is_kept], names[is_kept]
    if not antialiased:
        images = np.unpackbits(images, axis=-1)
    n_drawings = images.shape[1]
    columns = [f"pixel{i}" for i in range(SIDE**2)]
    return Task(
        f"omniglot/{split}",
        pd.DataFrame(images.reshape(-1, SIDE**2), columns=columns),
        pd.Series(np.repeat(names, n_drawings)),
        "multiclass" if len(names) > 2 else "binary",
        provenance={
            "source": "omniglot",
            "split": split,
            "n_moved": n_moved,
            "antialiased": antialiased,
        },
    )


def _move(splits, n_moved):
    """Give some characters of validation to training."""
    places = np.flatnonzero(splits == "val")
    if not 0 <= n_moved <= len(places):
        raise InvalidInputError(f"n_moved must be 0 to {len(places)}, got {n_moved}.")
    moved = np.random.default_rng(0).permutation(places)[:n_moved]
    return np.where(np.isin(np.arange(len(splits)), moved), "train", splits)
