"""Random first values of parameters, from a seed and nothing else."""

import torch


def uniform(generator, *shape, fan_in):
    """Draw within 1 / sqrt(fan_in) of 0, as ``torch.nn.Linear`` and ``torch.nn.Conv2d`` do."""
    return (2 * torch.rand(shape, generator=generator) - 1) / fan_in**0.5


def truncated_normal(generator, *shape, std):
    """Draw from a normal distribution, anew where further than two ``std`` from 0."""
    return torch.nn.init.trunc_normal_(
        torch.empty(shape), std=std, a=-2 * std, b=2 * std, generator=generator
    )
