"""The folds of a search: dealt on canonical rows, or as the user splits the rows given."""

import numbers
from inspect import signature

import numpy as np

from autometa.evaluation import make_folds
from autometa.exceptions import InvalidInputError
from autometa.families import Folds


def find_folds(cv, given, rows, *, n_classes, weight, rng):
    """Turn the user's ``cv`` into weights of canonical rows.

    Parameters
    ----------
    cv : None, int, splitter or iterable of (train, test)
        Splits refer to the rows as they were given to `fit`.
    given : GivenTable
    rows : CanonicalRows
    n_classes : int or None
    weight : ndarray of shape (n_rows,)
        Of the canonical rows, class weights included.
    rng : numpy.random.Generator

    Returns
    -------
    Folds
    """
    if cv is None or isinstance(cv, numbers.Number):
        common = {"n_classes": n_classes, "rng": rng, "n_folds": cv, "groups": rows.groups}
        return make_folds(rows.y, weight, counts=rows.counts, **common)
    train, valid = zip(*_split_given(cv, given), strict=True)
    factor = weight / rows.weight
    return Folds(
        np.stack([rows.weights_of(given_rows) * factor for given_rows in train]),
        np.stack([rows.weights_of(given_rows) * factor for given_rows in valid]),
    )


def _split_given(cv, given):
    """List the user's splits as positions among the rows of positive weight."""
    n_rows = given.n_given
    place = np.full(n_rows, -1)
    place[given.positions] = np.arange(len(given.positions))
    splits = []
    for number, split in enumerate(_list_splits(cv, given)):
        try:
            train, valid = (_positions(side, n_rows) for side in split)
        except (IndexError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"Split {number} of cv is no pair (train, test) of positions among the {n_rows} "
                f"rows given to fit: {error}."
            ) from error
        train, valid = (place[side][place[side] >= 0] for side in (train, valid))
        for name, side in (("train", train), ("test", valid)):
            if not len(side):
                raise InvalidInputError(
                    f"The {name} rows of split {number} of cv hold no row of positive weight."
                )
        splits.append((train, valid))
    if not splits:
        raise InvalidInputError("cv gave no split. Give at least one pair (train, test).")
    return splits


def _positions(side, n_rows):
    side = np.asarray(side)
    return np.arange(n_rows)[side if len(side) else side.astype(np.intp)]


def _list_splits(cv, given):
    accepted = "cv must be None, an int >= 2, a splitter or a list of (train, test)"
    if isinstance(cv, type):
        raise InvalidInputError(f"{accepted}, got the class {cv.__name__}. Give {cv.__name__}().")
    if isinstance(cv, str) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        raise InvalidInputError(f"{accepted}, got {cv!r}.")
    if not hasattr(cv, "split"):
        return cv
    X, y, groups, weight = given.as_given
    parameters = signature(cv.split).parameters
    takes_any = any(one.kind == one.VAR_KEYWORD for one in parameters.values())
    options = {"groups": groups} if takes_any or "groups" in parameters else {}
    if "sample_weight" in parameters and weight is not None:
        options["sample_weight"] = weight
    try:
        return list(cv.split(X, y, **options))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"cv={cv!r} cannot split these rows: {str(error).rstrip('.')}. "
            f"{_way_out(cv, given, str(error))}"
        ) from error


def _way_out(cv, given, error):
    """What to do about a splitter's error."""
    is_of_classes = "Stratified" in type(cv).__name__ or "target types" in error
    if given.task.kind == "regression" and is_of_classes:
        return "It is for classes, y are numbers: give one for any target, such as KFold."
    if given.groups is None and "group" in (type(cv).__name__ + error).lower():
        return "It needs groups: give fit one for each row by groups=."
    return "Give another splitter, or None for autometa's own folds."
