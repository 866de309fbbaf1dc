"""All meta-features of a task, in one fixed order and within a given time."""

import time
import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from autometa._random import as_generator
from autometa.exceptions import InvalidInputError
from autometa.metafeatures import information, landmarking, simple, statistical
from autometa.metafeatures._columns import read_columns
from autometa.tasks import Task, task_from_arrays

GROUPS = {
    "simple": simple.FEATURES,
    "statistical": statistical.FEATURES,
    "information": information.FEATURES,
    "landmarking": landmarking.FEATURES,
}


def compute_metafeatures(X, y, kind=None, *, random_state=0, deadline_s=None):
    """Describe a table and its target by about 50 numbers.

    At most 5,000 rows and 100 columns are looked at (counts of rows, columns and classes aside), so
    time is bounded. Up to these sizes nothing depends on the order of rows and columns, nor on the
    names of columns.

    Parameters
    ----------
    X : table of shape (n_rows, n_features)
    y : target of shape (n_rows,)
    kind : {"binary", "multiclass", "regression", "classification"}, optional
        By default what the target looks like.
    random_state : None, int or numpy.random.Generator, default=0
        Draws the rows and columns of a larger table.
    deadline_s : float, optional
        After this many seconds no further group and no further landmarker is begun: their
        meta-features are NaN, with a warning. By default no clock is read.

    Returns
    -------
    dict of str to float
        NaN for what the task does not have, such as classes in regression. What each name means is
        in the ``FEATURES`` of the modules `simple`, `statistical`, `information`, `landmarking`.

    Examples
    --------
    >>> X = np.arange(40.0).reshape(20, 2)
    >>> metafeatures = compute_metafeatures(X, ["no"] * 10 + ["yes"] * 10)
    >>> metafeatures["n_classes"], metafeatures["correlation_mean"], metafeatures["landmark_stump"]
    (2.0, 1.0, 1.0)
    """
    extractor = MetaFeatureExtractor(random_state=random_state, deadline_s=deadline_s)
    extractor.fit(None)
    return extractor._describe(task_from_arrays(X, y, kind))


class MetaFeatureExtractor(TransformerMixin, BaseEstimator):
    """Turn tasks into rows of meta-features.

    Parameters
    ----------
    groups : sequence of str, default=("simple", "statistical", "information", "landmarking")
        Which meta-features to give.
    random_state : None, int or numpy.random.Generator, default=0
        Draws the rows and columns of large tables; an int describes every task by itself.
    deadline_s : float, optional
        Seconds a task, see `compute_metafeatures`.

    Examples
    --------
    >>> X = np.arange(40.0).reshape(20, 2)
    >>> extractor = MetaFeatureExtractor(groups=("simple",)).set_output(transform="pandas")
    >>> frame = extractor.fit_transform([(X, ["no"] * 10 + ["yes"] * 10), (X, X[:, 0] + 0.5)])
    >>> frame[["n_rows", "n_classes"]].to_numpy().tolist()
    [[20.0, 2.0], [20.0, nan]]
    """

    def __init__(
        self,
        groups=("simple", "statistical", "information", "landmarking"),
        random_state=0,
        deadline_s=None,
    ):
        self.groups = groups
        self.random_state = random_state
        self.deadline_s = deadline_s

    def fit(self, X, y=None):
        """Check the parameters; there is nothing to learn."""
        self._check()
        return self

    def transform(self, X):
        """Describe tasks.

        Parameters
        ----------
        X : sequence of Task, (X, y) or (X, y, kind)

        Returns
        -------
        ndarray of shape (n_tasks, n_metafeatures)
            NaN for what a task does not have; ``set_output(transform="pandas")`` gives a frame.
        """
        self._check()
        names = self.get_feature_names_out()
        tasks = (task if isinstance(task, Task) else task_from_arrays(*task) for task in X)
        rows = [list(self._describe(task).values()) for task in tasks]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))

    def _describe(self, task):
        groups, deadline_s = self.groups, self.deadline_s
        end_s = None if deadline_s is None else time.monotonic() + deadline_s
        left_out = []

        def is_over(name):
            if end_s is not None and time.monotonic() >= end_s:
                left_out.append(name)
            return bool(left_out)

        columns = read_columns(task, as_generator(self.random_state))
        result = {name: np.nan for group in groups for name in GROUPS[group]}
        if "simple" in groups:
            result |= simple.simple(task, columns)
        if "statistical" in groups and not is_over("statistical"):
            result |= statistical.statistical(task, columns)
        if "information" in groups and not is_over("information"):
            result |= information.information(task, columns)
        if "landmarking" in groups:
            result |= landmarking.landmarking(task, columns, is_over)
        if left_out:
            warnings.warn(
                f"Meta-features exceeded {deadline_s:g} s; those from {left_out[0]} on are NaN. "
                "Raise deadline_s, or leave it None so that no clock decides.",
                stacklevel=3,
            )
        return {name: float(value) for name, value in result.items()}

    def get_feature_names_out(self, input_features=None):
        """Name the columns of `transform`."""
        names = [name for group in self.groups for name in GROUPS[group]]
        return np.asarray(names, dtype=object)

    def _check(self):
        groups = list(self.groups)
        if not groups or not set(groups) <= set(GROUPS):
            raise InvalidInputError(f"groups must be some of {list(GROUPS)}, got {groups}.")
        if self.deadline_s is not None and not self.deadline_s >= 0:
            raise InvalidInputError(f"deadline_s must be >= 0 or None, got {self.deadline_s}.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags
