"""Folds of a task's rows, as weights: what to train on and what to validate on."""

import numbers

import numpy as np

from autometa.exceptions import InvalidInputError
from autometa.families import Folds

#: By default: folds up to a number of rows, above which fewer say enough.
DEFAULT_FOLDS = {1_000: 5, 5_000: 3}
#: Up to so many rows, which folds they fall into is much of what scores differ by: they are dealt
#: so many times.
REPEATED_ROWS, N_REPEATS = 100, 3
#: One in so many rows is held out.
HOLDOUT_PART = 4
#: Of equal rows, so many for each part are dealt one by one.
MOST_DEALT = 4


def make_folds(y, weight, *, n_classes, rng, n_folds=None, groups=None, counts=None):
    """Deal the rows of a task into folds, every class and every group as evenly as they allow.

    A class of one row is always trained on; without groups, every fold trains on all classes.
    Where no row can be held out, the rows trained on are scored. A row that stands for several
    equal ones has them dealt one by one: as among new rows, some have been seen before.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class indices, or numbers.
    weight : ndarray of shape (n_rows,)
    n_classes : int or None
        None means regression.
    rng : numpy.random.Generator
    n_folds : int, optional
        Capped by the number of rows or groups. By default 5, above 1,000 rows 3, above 5,000 a
        quarter of the rows held out once; up to 100 rows without groups 5, dealt three times.
    groups : ndarray of shape (n_rows,), optional
        Codes. No group is on both sides of a fold.
    counts : ndarray of int of shape (n_rows,), optional
        How many equal rows each row stands for; by default one.

    Returns
    -------
    Folds

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> rng = np.random.default_rng(0)
    >>> folds = make_folds(y, np.ones(6), n_classes=2, rng=rng, n_folds=3)
    >>> folds.valid_weight.sum(axis=1).tolist(), (folds.valid_weight @ y).tolist()
    ([2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
    """
    n_rows = len(y)
    is_holdout = n_folds is None and n_rows > max(DEFAULT_FOLDS)
    n_parts = HOLDOUT_PART if is_holdout else _check_n_folds(n_folds, n_rows)
    is_repeated = n_folds is None and groups is None and n_parts < n_rows <= REPEATED_ROWS
    if groups is not None:
        parts, counts = [_deal_groups(groups, n_parts, rng)], np.ones(n_rows, dtype=np.intp)
    else:
        counts = np.minimum(1 if counts is None else counts, MOST_DEALT * n_parts)
        counts = np.broadcast_to(counts, n_rows)
        each = np.repeat(y, counts)
        n_repeats = N_REPEATS if is_repeated else 1
        parts = [_deal_rows(each, n_classes, n_parts, rng) for _ in range(n_repeats)]
    share = np.concatenate([_shares(part, counts) for part in parts])[: 1 if is_holdout else None]
    share = share[(share > 0).any(axis=1) & (share < 1).any(axis=1)]
    if not len(share):
        return Folds(weight[None].copy(), weight[None].copy())
    return Folds(weight * (1 - share), weight * share)


def _shares(part, counts):
    """Of each row, what is in each part; an array of shape (n_parts, n_rows)."""
    row_of = np.repeat(np.arange(len(counts)), counts)
    share = np.zeros((part.max() + 1, len(counts)))
    is_dealt = part >= 0
    np.add.at(share, (part[is_dealt], row_of[is_dealt]), 1.0)
    return share / counts


def _check_n_folds(n_folds, n_rows):
    if n_folds is None:
        return next(n for most, n in DEFAULT_FOLDS.items() if n_rows <= most)
    if not isinstance(n_folds, numbers.Integral) or n_folds < 2:
        raise InvalidInputError(
            f"cv must be None, an int >= 2, a splitter or a list of (train, test), got {n_folds!r}."
        )
    return int(n_folds)


def _deal_rows(y, n_classes, n_parts, rng):
    """Number the part of every row, -1 for rows that are never held out."""
    order = rng.permutation(len(y))
    part = np.full(len(y), -1)
    if n_classes is None:
        if len(y) > 1:
            part[order] = np.arange(len(y)) % n_parts
        return part
    order = order[np.argsort(y[order], kind="stable")]
    is_dealt = np.bincount(y, minlength=n_classes)[y[order]] > 1
    dealt = order[is_dealt]
    part[dealt] = np.arange(len(dealt)) % n_parts
    return part


def _deal_groups(groups, n_parts, rng):
    sizes = np.bincount(groups)
    if len(sizes) < 2:
        raise InvalidInputError(
            "groups holds one group only; folds need at least 2. Leave groups out, or name others."
        )
    part_of, part_sizes = np.empty(len(sizes), dtype=int), np.zeros(min(n_parts, len(sizes)))
    order = rng.permutation(len(sizes))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        part_of[group] = part_sizes.argmin()
        part_sizes[part_of[group]] += sizes[group]
    return part_of[groups]
