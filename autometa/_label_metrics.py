"""Metrics of labels alone, computed from weighted counts of true and predicted classes."""

import numpy as np


def count_pairs(y, predicted, weight, n_classes):
    """Sum the weights of rows by true and by predicted class; (n_classes, n_classes).

    Examples
    --------
    >>> count_pairs(np.array([0, 1, 1]), np.array([0, 0, 1]), np.ones(3), 2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    pairs = y * n_classes + predicted
    counts = np.bincount(pairs, weights=weight, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def accuracy(counts, positive):
    return np.trace(counts) / counts.sum()


def balanced_accuracy(counts, positive):
    """Mean recall of the classes that have rows."""
    has_rows = counts.sum(axis=1) > 0
    return (np.diag(counts)[has_rows] / counts.sum(axis=1)[has_rows]).mean()


def precision(counts, positive):
    return _ratio(counts[positive, positive], counts[:, positive].sum())


def recall(counts, positive):
    return _ratio(counts[positive, positive], counts[positive].sum())


def f1(counts, positive):
    return _f1_of_classes(counts)[positive]


def f1_macro(counts, positive):
    """Mean over the classes that occur, or are predicted."""
    occurs = counts.sum(axis=0) + counts.sum(axis=1) > 0
    return _f1_of_classes(counts)[occurs].mean()


def f1_weighted(counts, positive):
    return np.average(_f1_of_classes(counts), weights=counts.sum(axis=1))


def _f1_of_classes(counts):
    return _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def _ratio(part, whole):
    """0 where nothing is there to divide by, as scikit-learn does by default."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


#: By the names of scikit-learn's scorers.
LABEL_METRICS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "f1_macro": f1_macro,
    "f1_micro": accuracy,
    "f1_weighted": f1_weighted,
    "precision": precision,
    "recall": recall,
}
#: Those about one of two classes.
BINARY = ("f1", "precision", "recall")
