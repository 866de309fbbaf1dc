"""A task in halves: rows to train on, rows to test on; the same for every method."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.encoding import TableEncoder
from autometa.families import EncodedTask
from autometa.metatraining import is_meta_dev
from autometa.tasks import read_corpus, read_index


@dataclass(frozen=True)
class Halves:
    """Two halves of a table's rows.

    ``y_train`` and ``y_test`` are class indices or numbers; test rows of a class that the
    training half lacks are left out.
    """

    X_train: pd.DataFrame
    y_train: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray
    n_classes: int | None

    def encode(self, max_test_rows):
        """Return the training half as a network trains on it, and test rows with targets."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # identifiers are left out, as in `fit`
            encoder = TableEncoder().fit(self.X_train)
        X = encoder.transform(self.X_train).astype(np.float32)
        X_test = encoder.transform(self.X_test.iloc[:max_test_rows]).astype(np.float32)
        task = EncodedTask(X, self.y_train, np.ones(len(X)), self.n_classes)
        return task, X_test, self.y_test[:max_test_rows]


def halve(task, *, seed, max_rows, n_train=None):
    """Deal at most ``max_rows`` random rows of a task into halves, or ``n_train`` and the rest."""
    train, test = deal(task, seed=seed, max_rows=max_rows, n_train=n_train)
    X_train, X_test = task.X.iloc[train], task.X.iloc[test]
    if task.kind == "regression":
        y = task.y.to_numpy(float)
        return Halves(X_train, y[train], X_test, y[test], None)
    labels = task.y.astype(str)
    levels = np.unique(labels.iloc[train])
    codes = pd.Index(levels).get_indexer(labels)
    return Halves(X_train, codes[train], X_test, codes[test], len(levels))


def deal(task, *, seed, max_rows, n_train=None):
    """Deal rows as :func:`halve` does.

    Returns
    -------
    train, test : ndarray of int
        Row positions; none to test of a class that the training half lacks.
    """
    rng = np.random.default_rng([seed, *task.name.encode()])
    for _ in range(100):
        order = rng.permutation(task.n_rows)[:max_rows]
        train, test = np.split(order, [n_train or (len(order) + 1) // 2])
        if task.kind == "regression":
            return train, test
        labels = task.y.astype(str).to_numpy()
        levels = np.unique(labels[train])
        if len(levels) >= 2:
            return train, test[np.isin(labels[test], levels)]
    raise ValueError(f"No half of {task.name} holds two classes.")


def corpus_tasks(corpus, split, *, max_tasks=None, max_rows=None, max_columns=None):
    """Tasks of a split, in an order that has nothing to do with their sizes; kinds take turns.

    Parameters
    ----------
    corpus : path
    split : {"meta-valid", "meta-dev"}
        meta-dev: the families of meta-train that recipes are compared on.
    max_tasks : int, optional
    max_rows, max_columns : int, optional
        Leave out larger tables.
    """
    index = read_index(corpus)
    if split == "meta-dev":
        index = index[(index["split"] == "meta-train") & index["family"].map(is_meta_dev)]
    else:
        index = index[index["split"] == split]
    if max_rows is not None:
        index = index[index["n_rows"] <= max_rows]
    if max_columns is not None:
        index = index[index["n_features"] <= max_columns]
    index = index.sort_values("name").sample(frac=1, random_state=0)
    turn = index.groupby(index["task"] == "regression").cumcount()
    names = index["name"].iloc[np.argsort(turn, kind="stable")][:max_tasks].tolist()
    found = {task.name: task for task in read_corpus(corpus, names=names)} if names else {}
    return [found[name] for name in names]
