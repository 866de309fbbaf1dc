"""A stream of episode batches: batch i is a function of the seed and i, whoever makes it."""

import itertools
import signal

import numpy as np
import torch

from autometa.episodes import stack_episodes
from autometa.metatraining.sampler import sample_episode, sample_shape


class EpisodeBatches(torch.utils.data.Dataset):
    """Batches of stacked episodes, addressed by number.

    Parameters
    ----------
    tables : sequence of PreparedTable
    batch_size : int
        Episodes a batch.
    real_share : float
        Share of episodes from real tables.
    other_target_share : float
        Share of these that have any column of the table as their target.
    max_rows : int
        Rows of the longest episodes, at least 25.
    seed : int
    n_alike : int
        Batches in a row that have one shape, so that processes that take one each need not wait
        for the slowest.

    Examples
    --------
    >>> batches = EpisodeBatches([], batch_size=2, real_share=0.0, seed=0)
    >>> bool((batches[3].query["X"] == batches[3].query["X"]).all())
    True
    """

    def __init__(
        self,
        tables,
        *,
        batch_size,
        real_share,
        seed,
        other_target_share=0.4,
        max_rows=2_000,
        n_alike=1,
    ):
        self.tables = tables
        self.batch_size = batch_size
        self.real_share = real_share
        self.other_target_share = other_target_share
        self.max_rows = max_rows
        self.seed = seed
        self.n_alike = n_alike

    def __getitem__(self, number):
        chance = np.random.default_rng([self.seed, number // self.n_alike])
        shape = sample_shape(chance, max_rows=self.max_rows)
        rng = np.random.default_rng([self.seed, number, 1])
        return stack_episodes(
            [
                sample_episode(
                    self.tables,
                    shape,
                    rng=rng,
                    real_share=self.real_share,
                    other_target_share=self.other_target_share,
                )
                for _ in range(self.batch_size)
            ]
        )


def stream_batches(batches, *, start, n_workers, step=1):
    """Yield batches number ``start``, ``start + step``, … while workers prepare the next ones."""
    loader = torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        sampler=itertools.count(start, step),
        num_workers=n_workers,
        prefetch_factor=4 if n_workers else None,
        worker_init_fn=_ignore_ctrl_c,
    )
    return iter(loader)


def _ignore_ctrl_c(worker_id):
    """Leave Ctrl-C, which a terminal sends to workers too, to the process that trains."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
