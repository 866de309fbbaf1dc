"""Proposers: knowledge in, configurations to try out, by ask and tell."""

from autometa.proposers._base import Forecast, Proposer, Search
from autometa.proposers.nearest_tasks import NearestTasksProposer
from autometa.proposers.portfolio import PortfolioProposer
from autometa.proposers.surrogate import SurrogateProposer

__all__ = [
    "Forecast",
    "NearestTasksProposer",
    "PortfolioProposer",
    "Proposer",
    "Search",
    "SurrogateProposer",
]
