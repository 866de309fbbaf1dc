"""Several processes, started by ``torchrun``, that meta-train one set of parameters."""

import os
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """This process among those that share a meta-training; alone unless `torchrun` says more.

    Attributes
    ----------
    rank, count : int
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls):
        """Meet the other processes that ``torchrun`` started, if any.

        "cuda" then means a GPU of each process's own, as far as there are enough.
        """
        if int(os.environ.get("WORLD_SIZE", 1)) == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("gloo")
            if n_devices := torch.cuda.device_count():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % n_devices)
        return cls(distributed.get_rank(), distributed.get_world_size())

    def mean(self, tensors):
        """Average dictionaries of tensors over the processes."""
        if self.count == 1:
            return tensors
        flat = torch.cat([tensor.detach().cpu().flatten() for tensor in tensors.values()])
        distributed.all_reduce(flat)
        parts = (flat / self.count).split([tensor.numel() for tensor in tensors.values()])
        return {
            name: part.view_as(tensor).to(tensor.device)
            for (name, tensor), part in zip(tensors.items(), parts, strict=True)
        }

    def first_says(self, value):
        """Return the first process's number in all of them, so that none goes on alone."""
        if self.count == 1:
            return value
        told = torch.tensor(float(value), dtype=torch.float64)
        distributed.broadcast(told, src=0)
        return float(told)
