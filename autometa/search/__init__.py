"""Search: Optuna studies that start from knowledge, and the batched one behind the estimators."""

from autometa.search._family_proposals import FamilyProposals
from autometa.search._pace import Pace
from autometa.search._replay import Proposal
from autometa.search.run import SearchResult, run_search
from autometa.search.sampler import MetaSampler
from autometa.search.study import SearchStudy, open_study
from autometa.search.suggestions import suggest, warm_start

__all__ = [
    "FamilyProposals",
    "MetaSampler",
    "Pace",
    "Proposal",
    "SearchResult",
    "SearchStudy",
    "open_study",
    "run_search",
    "suggest",
    "warm_start",
]
