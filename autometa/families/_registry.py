"""The families by name, each imported when it is asked for."""

from collections.abc import Mapping
from importlib import import_module

from autometa.exceptions import InvalidInputError, MissingExtraError

NAMES = (
    "adapted_network",
    "hist_gradient_boosting",
    "lightgbm",
    "xgboost",
    "catboost",
    "random_forest",
    "extra_trees",
    "linear",
    "knn",
    "svm",
)


#: Those whose library, of the same name, may not be there: autometa installs LightGBM alone by
#: itself, and even that does without where its compiled part has no OpenMP.
EXTRAS = ("lightgbm", "xgboost", "catboost")
#: Those whose models grow step by step, so that a fit can end early.
GROWING = frozenset(NAMES) - {"adapted_network", "linear", "knn", "svm"}
#: Of these, those that more steps can make worse, so that the best number is looked for.
BOOSTING = GROWING - {"random_forest", "extra_trees"}


class _Families(Mapping):
    """Name to module; a module and its library are imported when it is taken."""

    def __getitem__(self, name):
        if name not in NAMES:
            raise KeyError(name)
        return import_module(f"autometa.families.{name}")

    def __contains__(self, name):
        return name in NAMES

    def __iter__(self):
        return iter(NAMES)

    def __len__(self):
        return len(NAMES)

    def __repr__(self):
        return f"<families: {', '.join(NAMES)}>"


#: What all modules have: ``NAME``, ``space(is_regression=...)``, ``DEFAULT_CONFIG`` and
#: ``CONDITIONS``; all but the adapted network have ``make(config, is_regression=..., ...)``.
FAMILIES = _Families()


def find_family(name):
    """Return the module of a family; a :class:`~autometa.families.Family` is one itself.

    Raises
    ------
    InvalidInputError
        Where there is none of that name.

    Examples
    --------
    >>> find_family("svm").NAME
    'svm'
    >>> find_family("forest")
    Traceback (most recent call last):
    autometa.exceptions.InvalidInputError: family must be one of adapted_network, ..., got ...
    """
    if hasattr(name, "NAME") and hasattr(name, "make"):
        return name
    if not isinstance(name, str) or name not in FAMILIES:
        raise InvalidInputError(
            f"family must be one of {', '.join(NAMES)}, or an autometa.Family, got {name!r}."
        )
    return FAMILIES[name]


def import_extra(package, extra):
    """Import a package that may not be there.

    Raises
    ------
    MissingExtraError
        Where it is not there; the message says what installs it.
    """
    try:
        return import_module(package)
    except (ImportError, OSError) as error:  # OSError: where a compiled part lacks OpenMP
        raise MissingExtraError(
            f"The family {extra!r} needs the package {package}, which cannot be imported "
            f"({error}). Install it with: pip install 'autometa[{extra}]'"
        ) from error
