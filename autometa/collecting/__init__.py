"""Collecting: configurations evaluated on many tasks, for the knowledge to learn from."""

from autometa.collecting._collect import collect
from autometa.collecting._collected import Collected, read_collected
from autometa.collecting._designs import design_configs
from autometa.collecting._suite import collect_suite
from autometa.collecting._task import collect_task

__all__ = [
    "Collected",
    "collect",
    "collect_suite",
    "collect_task",
    "design_configs",
    "read_collected",
]
