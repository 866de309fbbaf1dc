"""Synthetic prior tasks: tables whose target is made by random causes, without limit.

A table is drawn in five steps: columns and hidden variables from a random source (mostly a
structural causal model), nuisance columns beside them, categories and coarse numbers, a target
from the hidden variables or from a random function of the columns (mostly an ensemble of trees),
and at last what measuring does to columns. Everything is NumPy, so that a stream of tables keeps
up with meta-training; memory grows linearly in rows.

References
----------
Hollmann, Müller, Eggensperger and Hutter, "TabPFN: A Transformer That Solves Small Tabular
Classification Problems in a Second", 2023; Breejen, Bae, Cha and Yun, "Fine-tuned In-Context
Learning Transformers are Excellent Tabular Data Classifiers", 2024; Qu, Holzmüller, Varoquaux and
Le Morvan, "TabICL: A Tabular Foundation Model for In-Context Learning on Large Data", 2025. We
mix their two kinds of priors within one table and add clusters, factors and additive functions.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidInputError
from autometa.tasks._prior_causes import sample_causes
from autometa.tasks._prior_columns import add_nuisance, coarsen, dress
from autometa.tasks._prior_draws import share_of_columns, standardise
from autometa.tasks._prior_scores import sample_scores
from autometa.tasks._prior_targets import sample_labels, sample_numbers
from autometa.tasks._task import KINDS, Task


@dataclass(frozen=True, eq=False)
class PriorTable:
    """A synthetic table as arrays.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where a value is missing; categories are codes 0, 1, ...
    is_categorical : ndarray of bool of shape (n_columns,)
    y : ndarray of shape (n_rows,)
        Labels 0..n_classes-1, each at least twice, or numbers.
    origin : str
        Where columns and target come from, as ``"structural/trees"``.
    """

    values: np.ndarray
    is_categorical: np.ndarray
    y: np.ndarray
    origin: str


def sample_prior_table(rng, *, n_rows, n_columns, kind, n_classes=None):
    """Draw a synthetic table with its target.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same state gives the same table.
    n_rows : int
        At least 4, and two for every class.
    n_columns : int
    kind : {"binary", "multiclass", "regression"}
    n_classes : int, optional
        For ``"multiclass"`` any number from 3 on; drawn from 3 to 10 if not given.

    Returns
    -------
    PriorTable

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = sample_prior_table(rng, n_rows=60, n_columns=5, kind="multiclass", n_classes=4)
    >>> table.values.shape, np.unique(table.y).tolist()
    ((60, 5), [0, 1, 2, 3])
    """
    n_classes = _check_sizes(rng, n_rows, n_columns, kind, n_classes)
    is_ordered = kind != "multiclass" or rng.random() < 0.25
    n_scores = 1 if is_ordered else n_classes
    n_nuisance = int(share_of_columns(rng, p_none=0.5, mean=0.3) * n_columns)
    causes, hidden, source = sample_causes(rng, n_rows, n_columns - n_nuisance, n_scores)
    columns, is_informative = add_nuisance(rng, causes, n_nuisance)
    coarse, codes, is_categorical = coarsen(rng, columns)
    if hidden is not None and rng.random() < 0.55:
        scores, function = hidden, "hidden"
    else:
        # The target mostly depends on what is observed, at times on what lies behind it.
        known = coarse if rng.random() < 0.7 else standardise(columns)
        scores, function = sample_scores(rng, known[:, is_informative], n_scores)
    y = sample_numbers(rng, scores) if n_classes is None else sample_labels(rng, scores, n_classes)
    values = dress(rng, coarse, codes, is_categorical)
    return PriorTable(values, is_categorical, y, f"{source}/{function}")


def sample_prior_task(rng, *, n_rows, n_columns, kind, n_classes=None):
    """Draw a synthetic task: :func:`sample_prior_table` as a data frame.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_rows, n_columns : int
    kind : {"binary", "multiclass", "regression"}
    n_classes : int, optional

    Returns
    -------
    Task
        Columns ``x0``, ``x1``, ...; those with categories have pandas' category dtype.

    Examples
    --------
    >>> sample_prior_task(np.random.default_rng(0), n_rows=50, n_columns=4, kind="regression")
    <Task 'prior-...': 50 x 4, regression>
    """
    table = sample_prior_table(
        rng, n_rows=n_rows, n_columns=n_columns, kind=kind, n_classes=n_classes
    )
    X = pd.DataFrame(table.values, columns=[f"x{j}" for j in range(n_columns)])
    for j in np.flatnonzero(table.is_categorical):
        codes = np.nan_to_num(table.values[:, j], nan=-1).astype(int)
        levels = [f"level{code}" for code in range(codes.max() + 1)]
        X[f"x{j}"] = pd.Categorical.from_codes(codes, levels)
    return Task(
        name=f"prior-{rng.integers(2**32):08x}",
        X=X,
        y=pd.Series(table.y, name="target"),
        kind=kind,
        provenance={"source": "synthetic", "origin": table.origin},
    )


def _check_sizes(rng, n_rows, n_columns, kind, n_classes):
    if kind not in KINDS:
        raise InvalidInputError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    if n_columns < 1:
        raise InvalidInputError(f"n_columns must be >= 1, got {n_columns}.")
    fewest, most = {"binary": (2, 2), "multiclass": (3, None), "regression": (None, None)}[kind]
    if kind == "regression" and n_classes is not None:
        raise InvalidInputError(f"A regression target has no classes, got n_classes={n_classes}.")
    if n_classes is None and kind != "regression":
        n_classes = most or int(rng.integers(3, max(4, min(10, n_rows // 2) + 1)))
    if n_classes is not None and (n_classes < fewest or (most and n_classes > most)):
        wanted = f"{fewest}" if most else f">= {fewest}"
        raise InvalidInputError(f"n_classes must be {wanted} for kind={kind!r}, got {n_classes}.")
    n_least = max(4, 2 * (n_classes or 0))
    if n_rows < n_least:
        raise InvalidInputError(
            f"n_rows must be >= {n_least} here (two rows for every class), got {n_rows}."
        )
    return n_classes
