"""Benchmarks of the package's parts."""

from autometa.bench.few_shot import few_shot, find_protocol

__all__ = ["few_shot", "find_protocol"]
