"""Search: an Optuna study over the adaptation's hyperparameters, run in groups."""

from autometa.search.run import SearchResult, run_search
from autometa.search.study import SearchStudy, open_study

__all__ = ["SearchResult", "SearchStudy", "open_study", "run_search"]
