"""Meta-training: episodes, the outer loop, and the artefact that comes out."""

from autometa.metatraining.build import build_initialisation, half_split
from autometa.metatraining.checkpoint import load_checkpoint
from autometa.metatraining.few_shot import ImageEpisodes, SinusoidEpisodes
from autometa.metatraining.outer import OuterStep
from autometa.metatraining.processes import Processes
from autometa.metatraining.replay import ReplayedGradient
from autometa.metatraining.sampler import PreparedTable, is_meta_dev
from autometa.metatraining.stream import EpisodeBatches
from autometa.metatraining.train import Budget, meta_train

__all__ = [
    "Budget",
    "EpisodeBatches",
    "ImageEpisodes",
    "OuterStep",
    "PreparedTable",
    "Processes",
    "ReplayedGradient",
    "SinusoidEpisodes",
    "build_initialisation",
    "half_split",
    "is_meta_dev",
    "load_checkpoint",
    "meta_train",
]
