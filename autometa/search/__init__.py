"""Search: Optuna studies that start from knowledge, and the batched one behind the estimators."""

from importlib import import_module

from autometa.search._replay import Proposal
from autometa.search.sampler import MetaSampler
from autometa.search.study import SearchStudy, open_study
from autometa.search.suggestions import suggest, warm_start

# The estimators' own search needs torch, which users' studies do not.
_OF_THE_NETWORK = {
    "Candidate": "autometa.search._library",
    "FamilyProposals": "autometa.search._family_proposals",
    "Pace": "autometa.search._pace",
    "SearchResult": "autometa.search.run",
    "best_trial": "autometa.search._stored",
    "has_failed": "autometa.search._stored",
    "run_search": "autometa.search.run",
}

__all__ = [
    "Candidate",
    "FamilyProposals",
    "MetaSampler",
    "Pace",
    "Proposal",
    "SearchResult",
    "SearchStudy",
    "best_trial",
    "has_failed",
    "open_study",
    "run_search",
    "suggest",
    "warm_start",
]


def __getattr__(name):
    if name in _OF_THE_NETWORK:
        return getattr(import_module(_OF_THE_NETWORK[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
