"""Few-shot episodes of images and of functions: batch i is a function of the seed and i."""

import numpy as np
import torch

from autometa.episodes import Episode, make_array_rows
from autometa.exceptions import InvalidInputError
from autometa.tasks import Sinusoids


class ImageEpisodes(torch.utils.data.Dataset):
    """Batches of stacked N-way K-shot episodes from a task whose rows are images.

    The classes of an episode stand in random order, and so do its rows.

    Parameters
    ----------
    task : Task
        Its columns are the pixels, row by row, in [0, 255] or [0, 1].
    n_ways, n_shots, n_query : int
        Classes of an episode, and their support and query rows each.
    batch_size : int
    seed : int
    rotations : bool
        Whether a class turned by 90, 180 and 270 degrees counts as three others.
    image_shape : (int, int), default=None
        None for square images.

    Examples
    --------
    >>> import pandas as pd
    >>> from autometa.tasks import Task
    >>> X = pd.DataFrame(np.arange(24).reshape(6, 4), columns=list("abcd"))
    >>> task = Task("tiny", X, pd.Series(list("uuvvww")), "multiclass")
    >>> episodes = ImageEpisodes(task, n_ways=5, n_shots=1, n_query=1, batch_size=2, seed=0)
    >>> episodes.n_classes, episodes[0].support["X"].shape
    (12, torch.Size([2, 5, 1, 2, 2]))
    """

    def __init__(
        self, task, *, n_ways, n_shots, n_query, batch_size, seed, rotations=True, image_shape=None
    ):
        pixels = task.X.to_numpy()
        side = round(pixels.shape[1] ** 0.5)
        image_shape = tuple(image_shape or (side, side))
        if int(np.prod(image_shape)) != pixels.shape[1]:
            raise InvalidInputError(
                f"Task {task.name!r} has {pixels.shape[1]} columns, which are no image of shape "
                f"{image_shape}. Give image_shape."
            )
        if rotations and image_shape[0] != image_shape[1]:
            raise InvalidInputError(
                f"Images of shape {image_shape} cannot be turned. Give rotations=False."
            )
        self._scale = np.float32(255.0 if pixels.max() > 1 else 1.0)
        if pixels.dtype != np.uint8:
            pixels = pixels.astype(np.float32)
        codes = np.searchsorted(task.classes, task.y.to_numpy())
        self._rows = [np.flatnonzero(codes == code) for code in range(len(task.classes))]
        self._n_turns = 4 if rotations else 1
        images = pixels.reshape(-1, 1, *image_shape)
        turned = [np.rot90(images, n, axes=(2, 3)) for n in range(self._n_turns)]
        self._images = np.ascontiguousarray(np.concatenate(turned))
        fewest = min(len(rows) for rows in self._rows)
        if n_ways > self.n_classes or n_shots + n_query > fewest:
            raise InvalidInputError(
                f"An episode of {n_ways} classes with {n_shots} + {n_query} rows each cannot be "
                f"drawn from {self.n_classes} classes with {fewest} rows or more."
            )
        self.n_ways, self.n_shots, self.n_query = n_ways, n_shots, n_query
        self.batch_size, self.seed = batch_size, seed

    @property
    def n_classes(self):
        """Classes to draw from, turned ones included."""
        return len(self._rows) * self._n_turns

    def __getitem__(self, number):
        rng = np.random.default_rng([self.seed, number])
        drawn = [self._draw(rng) for _ in range(self.batch_size)]
        parts = []
        for episodes in zip(*drawn, strict=True):
            rows, y = (np.stack(found) for found in zip(*episodes, strict=True))
            X = self._images.take(rows, axis=0) / self._scale
            parts.append(make_array_rows(X, y, n_classes=self.n_ways))
        return Episode(*parts, is_regression=False)

    def _draw(self, rng):
        """Draw support and query, each as numbers of images and classes."""
        found, n_images = [], len(self._images) // self._n_turns
        for code in rng.choice(self.n_classes, self.n_ways, replace=False):
            code, turn = divmod(code, self._n_turns)
            rows = rng.permutation(self._rows[code])[: self.n_shots + self.n_query]
            found.append(rows + turn * n_images)
        found = np.stack(found)
        return [
            _shuffle(part, rng) for part in (found[:, : self.n_shots], found[:, self.n_shots :])
        ]


def _shuffle(rows, rng):
    """Put rows (n_ways, n_each) in random order; return them and their classes."""
    order = rng.permutation(rows.size)
    return rows.ravel()[order], order // rows.shape[1]


class SinusoidEpisodes(torch.utils.data.Dataset):
    """Batches of stacked episodes, each of one sinusoid; see :class:`~autometa.tasks.Sinusoids`.

    The rows are those of :func:`~autometa.tasks.sample_sinusoid_task`, drawn for a whole batch at
    once: to make 25 tasks takes twice as long as MAML's step on them.

    Parameters
    ----------
    n_shots, n_query : int
        Support and query rows of an episode.
    batch_size : int
    seed : int

    Examples
    --------
    >>> SinusoidEpisodes(n_shots=5, n_query=9, batch_size=25, seed=0)[3].query["target"].shape
    torch.Size([25, 9, 1])
    """

    def __init__(self, *, n_shots, n_query, batch_size, seed):
        self.n_shots, self.n_query = n_shots, n_query
        self.batch_size, self.seed = batch_size, seed

    def __getitem__(self, number):
        rng = np.random.default_rng([self.seed, number])
        functions = Sinusoids.sample(rng, self.batch_size)
        x = functions.sample_inputs(rng, self.n_shots + self.n_query)
        y = functions(x)
        split = (slice(None, self.n_shots), slice(self.n_shots, None))
        support, query = (make_array_rows(x[:, part, None], y[:, part]) for part in split)
        return Episode(support, query, is_regression=True)
