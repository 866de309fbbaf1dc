"""Episodes: what a meta-learner learns from, as tensors, checked once at this door."""

from dataclasses import dataclass

import numpy as np
import torch

from autometa.exceptions import EmptyClassError, InvalidInputError

#: Centres, in normal scores, of the soft bins that describe a regression target.
TARGET_BIN_CENTRES = (-1.5, -0.75, 0.0, 0.75, 1.5)
#: Tensors that have an entry a row.
PER_ROW = ("X", "weight", "target", "membership")


@dataclass(frozen=True)
class Episode:
    """One draw of support and query rows from a task.

    Both are dictionaries of tensors, see :func:`make_rows`; the query's targets are in the
    units of the support's.

    Attributes
    ----------
    support, query : dict of Tensor
    is_regression : bool
    """

    support: dict
    query: dict
    is_regression: bool


def make_rows(X, y, weight=None, *, n_classes=None, require_all_classes=False):
    """Put encoded rows and their targets into the tensors that learners read.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns, 3)
        Normal score, standardised value and missingness of every cell, as
        :class:`autometa.encoding.TableEncoder` gives them.
    y : array of shape (n_rows,)
        Class indices, or numbers for regression.
    weight : array of shape (n_rows,), default=None
        Row weights >= 0; a row of weight 0 has no influence. None weighs every row 1.
    n_classes : int, default=None
        None means regression.
    require_all_classes : bool, default=False
        Refuse a class without a row of positive weight.

    Returns
    -------
    dict of Tensor
        ``X`` (n_rows, n_columns, 3), ``weight`` (n_rows,), ``column_mask`` (n_columns,),
        ``target`` (n_rows, n_outputs): one-hot classes or the standardised number,
        ``membership`` (n_rows, n_bins): the classes, or soft bins of the number,
        ``class_mask`` (n_outputs,), ``target_mean`` and ``target_scale`` ().

    Examples
    --------
    >>> rows = make_rows(np.zeros((3, 2, 3)), [0, 1, 1], n_classes=2)
    >>> rows["target"].tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    X = torch.as_tensor(np.asarray(X), dtype=torch.float32)
    if X.ndim != 3 or X.shape[2] != 3:
        raise InvalidInputError(f"X must have shape (n_rows, n_columns, 3), got {tuple(X.shape)}.")
    n_rows = X.shape[0]
    weight = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)
    y = np.asarray(y)
    if y.shape != (n_rows,) or weight.shape != (n_rows,):
        raise InvalidInputError(
            f"y and weight must have one entry for each of the {n_rows} rows, "
            f"got {y.shape} and {weight.shape}."
        )
    if not torch.isfinite(X).all() or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise InvalidInputError("X and y must be finite. Encode the table; drop rows without y.")
    if not (weight >= 0).all() or not weight.any() or not np.isfinite(weight).all():
        raise InvalidInputError("weight must be >= 0 and finite, with at least one row above 0.")
    if n_classes is None:
        targets = _number_targets(y.astype(np.float64), weight)
    else:
        targets = _class_targets(y, weight, n_classes, require_all_classes)
    tensors = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in targets.items()}
    return {
        "X": X,
        "weight": torch.as_tensor(weight, dtype=torch.float32),
        "column_mask": torch.ones(X.shape[1]),
        **tensors,
    }


def _check_classes(y, n_classes):
    if not y.size:
        return
    if y.min() < 0 or y.max() >= n_classes:
        raise InvalidInputError(f"Class indices must lie in [0, {n_classes}).")
    if y.dtype.kind == "f" and (y % 1).any():
        raise InvalidInputError(f"Class indices must be whole numbers, got {y[y % 1 > 0].flat[0]}.")


def _class_targets(y, weight, n_classes, require_all_classes):
    _check_classes(y, n_classes)
    one_hot = np.zeros((len(y), n_classes), dtype=np.float32)
    one_hot[np.arange(len(y)), y.astype(np.int64)] = 1.0
    if require_all_classes:
        empty = np.flatnonzero(weight @ one_hot == 0).tolist()
        if empty:
            raise EmptyClassError(
                f"Classes {empty} have no support row. Draw at least one row per class."
            )
    return {
        "target": one_hot,
        "membership": one_hot,
        "class_mask": np.ones(n_classes),
        "target_mean": 0.0,
        "target_scale": 1.0,
    }


def _number_targets(y, weight):
    mean = np.average(y, weights=weight)
    scale = np.sqrt(np.average((y - mean) ** 2, weights=weight))
    scale = scale if scale > 1e-12 * max(1.0, abs(mean)) else 1.0
    centres = np.array(TARGET_BIN_CENTRES)
    scores = np.clip(_normal_scores(y, weight), centres[0], centres[-1])
    # Hat functions: neighbouring bins share a value in proportion to nearness.
    hats = np.clip(1 - np.abs(scores[:, None] - centres) / 0.75, 0, 1)
    return {
        "target": ((y - mean) / scale)[:, None],
        "membership": hats,
        "class_mask": np.ones(1),
        "target_mean": mean,
        "target_scale": scale,
    }


def _normal_scores(values, weight):
    from scipy.special import ndtri

    unique, inverse = np.unique(values, return_inverse=True)
    mass = np.bincount(inverse, weights=weight, minlength=len(unique))
    ranks = (np.cumsum(mass) - mass / 2) / mass.sum()
    return ndtri(np.clip(ranks, 1e-3, 1 - 1e-3))[inverse]


def make_array_rows(X, y, weight=None, *, n_classes=None):
    """Put rows that are arrays, such as images or inputs of a function, into tensors.

    Parameters
    ----------
    X : array of shape (n_rows, ...)
        Kept as it is. The rows of many tasks, (n_tasks, n_rows, ...), come out stacked.
    y : array of shape (n_rows,) or (n_tasks, n_rows)
        Class indices, or numbers, which also stay in their units.
    weight : array of the shape of y, default=None
        As in :func:`make_rows`.
    n_classes : int, default=None
        None means regression.

    Returns
    -------
    dict of Tensor
        As from :func:`make_rows`, without ``column_mask``; ``X`` has the shape given.

    Examples
    --------
    >>> rows = make_array_rows(np.zeros((2, 1, 28, 28)), [0, 1], n_classes=2)
    >>> rows["X"].shape, rows["target"].tolist()
    (torch.Size([2, 1, 28, 28]), [[1.0, 0.0], [0.0, 1.0]])
    """
    X, y = torch.as_tensor(np.asarray(X), dtype=torch.float32), torch.as_tensor(np.asarray(y))
    weight = torch.ones(y.shape) if weight is None else torch.as_tensor(np.asarray(weight))
    if y.ndim not in (1, 2) or X.ndim <= y.ndim or X.shape[: y.ndim] != y.shape:
        raise InvalidInputError(
            "y must have shape (n_rows,) or (n_tasks, n_rows) and X the same with more "
            f"dimensions, got {tuple(y.shape)} and {tuple(X.shape)}."
        )
    is_accepted = (weight >= 0) & weight.isfinite()
    if weight.shape != y.shape or not is_accepted.all() or not (weight > 0).any(-1).all():
        raise InvalidInputError(
            "weight must have the shape of y and be >= 0 and finite, with at least one row above 0."
        )
    if not torch.isfinite(X).all() or not torch.isfinite(y.double()).all():
        raise InvalidInputError("X and y must be finite.")
    if n_classes is None:
        target, n_outputs = y.unsqueeze(-1), 1
    else:
        _check_classes(y.numpy(), n_classes)
        target, n_outputs = torch.nn.functional.one_hot(y.long(), n_classes), n_classes
    lead = y.shape[:-1]
    return {
        "X": X,
        "weight": weight.float(),
        "target": target.float(),
        "membership": target.float(),
        "class_mask": torch.ones(*lead, n_outputs),
        "target_mean": torch.zeros(lead),
        "target_scale": torch.ones(lead),
    }


def query_rows(support, X, y, weight=None, *, n_classes=None):
    """Make the query's rows, its targets expressed in the support's units.

    Parameters and return value are those of :func:`make_rows`.
    """
    rows = make_rows(X, y, weight, n_classes=n_classes)
    if n_classes is None:
        target = (np.asarray(y, dtype=np.float64) - float(support["target_mean"])) / float(
            support["target_scale"]
        )
        rows["target"] = torch.as_tensor(target[:, None], dtype=torch.float32)
        rows["target_mean"], rows["target_scale"] = support["target_mean"], support["target_scale"]
    return rows


def take_rows(rows, places):
    """Pick rows by their places, in that order, out of every tensor that has an entry a row."""
    return {name: t[places] if name in PER_ROW else t for name, t in rows.items()}


def first_rows(rows, n_rows):
    """Keep at most so many rows: the first of those whose weight is not 0."""
    if len(rows["weight"]) <= n_rows:
        return rows
    return take_rows(rows, first_places(rows["weight"], n_rows))


def spread_rows(rows, n_rows):
    """Keep at most so many rows, spread over the table, in their order; see :func:`spread_places`.

    A table may be sorted, and its first rows be of one class.
    """
    if len(rows["weight"]) <= n_rows:
        return rows
    return take_rows(rows, spread_places(rows["weight"], n_rows))


def first_places(weight, n_rows=None):
    """Tell where the first rows stand whose weight is not 0; others follow where these are few.

    Examples
    --------
    >>> first_places(torch.tensor([0.0, 1, 0, 2, 1]), 2).tolist()
    [1, 3]
    """
    return torch.argsort((weight <= 0).long(), stable=True)[:n_rows]


def spread_places(weight, n_rows):
    """Tell where rows stand that are spread over all whose weight is not 0.

    The golden ratio spreads them evenly, and in step with nothing that recurs in the table.

    Examples
    --------
    >>> spread_places(torch.ones(100), 5).tolist()
    [0, 13, 34, 68, 89]
    """
    is_there = weight > 0
    # multiples of the golden ratio, the digits behind the point alone, as integers
    digits = (is_there.cumsum(0) - 1) * 2654435769 % 2**32
    order = torch.argsort(torch.where(is_there, digits, 2**32), stable=True)
    return order[:n_rows].sort().values


def pool_rows(support, query):
    """Join labelled rows of one task into one set, in the units of the first.

    Returns
    -------
    dict of Tensor
    """
    return {
        name: torch.cat([tensor, query[name]]) if name in PER_ROW else tensor
        for name, tensor in support.items()
    }


def pad_rows(rows, *, n_rows, n_columns, n_classes=None):
    """Pad with rows of weight 0, masked columns and masked classes.

    Padding changes no prediction for the real rows, so episodes of unlike shape can share one
    batch.

    Parameters
    ----------
    rows : dict of Tensor
        As from :func:`make_rows`.
    n_rows, n_columns : int
        Sizes to reach; at least those of ``rows``. Arrays have no columns to pad.
    n_classes : int, default=None
        Number of classes to reach; None for regression.
    """
    pad = torch.nn.functional.pad
    X, more_rows = rows["X"], n_rows - rows["X"].shape[0]
    more_classes = 0 if n_classes is None else n_classes - rows["target"].shape[1]
    if "column_mask" in rows:
        more_columns = n_columns - X.shape[1]
        padded = {
            "X": pad(X, (0, 0, 0, more_columns, 0, more_rows)),
            "column_mask": pad(rows["column_mask"], (0, more_columns)),
        }
    else:
        padded = {"X": pad(X, (*[0] * (2 * X.ndim - 1), more_rows))}
    return {
        **rows,
        **padded,
        "weight": pad(rows["weight"], (0, more_rows)),
        "target": pad(rows["target"], (0, more_classes, 0, more_rows)),
        "membership": pad(rows["membership"], (0, more_classes, 0, more_rows)),
        "class_mask": pad(rows["class_mask"], (0, more_classes)),
    }


def stack_episodes(episodes):
    """Stack episodes of one kind along a new first dimension, padding to the largest.

    Returns
    -------
    Episode
        Its tensors have a leading dimension ``n_episodes``, ready for ``torch.func.vmap``.
    """
    if not episodes:
        raise InvalidInputError("There is no episode to stack. Give at least one.")
    if len({episode.is_regression for episode in episodes}) != 1:
        raise InvalidInputError("Episodes of classification and regression cannot be stacked.")
    is_regression = episodes[0].is_regression
    n_columns = max(episode.support["X"].shape[1] for episode in episodes)
    n_classes = None
    if not is_regression:
        n_classes = max(episode.support["target"].shape[1] for episode in episodes)

    def stack(parts):
        n_rows = max(rows["X"].shape[0] for rows in parts)
        padded = [
            pad_rows(rows, n_rows=n_rows, n_columns=n_columns, n_classes=n_classes)
            for rows in parts
        ]
        return {name: torch.stack([rows[name] for rows in padded]) for name in padded[0]}

    return Episode(
        support=stack([episode.support for episode in episodes]),
        query=stack([episode.query for episode in episodes]),
        is_regression=is_regression,
    )
