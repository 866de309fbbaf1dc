"""Search: an Optuna study over the adaptation's hyperparameters, run in groups."""

from autometa.search._pace import Pace
from autometa.search.run import SearchResult, run_search
from autometa.search.study import SearchStudy, open_study

__all__ = ["Pace", "SearchResult", "SearchStudy", "open_study", "run_search"]
