"""Meta-learned networks for tables, refined by Optuna, behind scikit-learn's interface."""

from importlib import import_module

from autometa.estimators import AutoMetaClassifier, AutoMetaRegressor, load

__all__ = [
    "AutoMetaClassifier",
    "AutoMetaRegressor",
    "Family",
    "Knowledge",
    "MetaSampler",
    "load",
    "suggest",
    "warm_start",
]

# Imported when first used: they need packages that take long to load.
_LATER = {
    "Family": "autometa.families",
    "Knowledge": "autometa.knowledge",
    "MetaSampler": "autometa.search",
    "suggest": "autometa.search",
    "warm_start": "autometa.search",
}


def __getattr__(name):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
