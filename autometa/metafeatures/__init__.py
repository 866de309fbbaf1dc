"""Numbers that describe a task: simple, statistical, information-theoretic and landmarking."""

from autometa.metafeatures._extractor import MetaFeatureExtractor, compute_metafeatures

__all__ = ["MetaFeatureExtractor", "compute_metafeatures"]
