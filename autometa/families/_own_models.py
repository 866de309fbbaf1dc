"""Estimators of users as `TableModel` takes them: weights passed on, numbers in their own units."""

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.validation import has_fit_parameter

from autometa._repeats import repeat_by_weight


class OwnClassifier(ClassifierMixin, BaseEstimator):
    """Fit a clone of a user's classifier, and check the probabilities that it gives."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, sample_weight=None):
        """Learn from classes 0, 1, ..."""
        self.classes_ = np.unique(y)
        self.estimator_ = fit_weighted(clone(self.estimator), X, y, sample_weight)
        return self

    def predict_proba(self, X):
        """Predict probabilities of shape (n_rows, n_classes)."""
        found = np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)
        shape = (len(X), len(self.classes_))
        if found.shape != shape or not np.isfinite(found).all() or (found < 0).any():
            raise ValueError(
                f"predict_proba must give finite numbers >= 0 of shape {shape}, "
                f"got shape {found.shape} from {self.estimator_}."
            )
        order = _order(getattr(self.estimator_, "classes_", self.classes_), self.classes_)
        found = found[:, order]
        sums = found.sum(axis=1, keepdims=True)
        return np.where(sums > 0, found, 1.0)  # a row of zeros: all classes alike


class OwnRegressor(RegressorMixin, BaseEstimator):
    """Fit a clone of a user's regressor on a target in the units that it was given in.

    Parameters
    ----------
    estimator : regressor
    center, scale : float
        What arrives is ``(target - center) / scale``.
    """

    def __init__(self, estimator, center=0.0, scale=1.0):
        self.estimator = estimator
        self.center = center
        self.scale = scale

    def fit(self, X, y, sample_weight=None):
        """Learn from numbers."""
        y = y * self.scale + self.center
        self.estimator_ = fit_weighted(clone(self.estimator), X, y, sample_weight)
        return self

    def predict(self, X):
        """Predict numbers."""
        found = np.asarray(self.estimator_.predict(X), dtype=np.float64)
        if found.shape != (len(X),) or not np.isfinite(found).all():
            raise ValueError(
                f"predict must give finite numbers of shape ({len(X)},), got shape {found.shape} "
                f"from {self.estimator_}."
            )
        return (found - self.center) / self.scale


def _order(given, classes):
    """Where an estimator has each class; its order is that of the classes unless it says so."""
    order = np.argsort(given)
    return order if np.array_equal(np.asarray(given)[order], classes) else slice(None)


def fit_weighted(estimator, X, y, weight):
    """Fit an estimator; one that takes no weights gets rows of whole weights several times.

    Parameters
    ----------
    estimator : estimator
        Of a pipeline, the last step takes the weights, or with metadata routing what requests them.
    X : ndarray or DataFrame of shape (n_rows, n_columns)
    y, weight : ndarray of shape (n_rows,)
        Without weights, None.
    """
    if weight is None:
        return estimator.fit(X, y)
    name = _name_of_weights(estimator)
    if name is not None:
        return estimator.fit(X, y, **{name: weight})
    rows = repeat_by_weight(weight)
    if rows is None:
        return estimator.fit(X, y)
    return estimator.fit(X.iloc[rows] if hasattr(X, "iloc") else X[rows], y[rows])


def takes_weights(estimator, weight):
    """Whether :func:`fit_weighted` makes use of weights above 0."""
    is_even = (weight == weight[0]).all()
    return (
        is_even or _name_of_weights(estimator) is not None or repeat_by_weight(weight) is not None
    )


def _name_of_weights(estimator):
    """The argument of ``fit`` that takes weights; None where there is none."""
    if get_config()["enable_metadata_routing"]:
        try:
            if isinstance(get_routing_for_object(estimator), MetadataRouter):
                process_routing(estimator, "fit", sample_weight=np.ones(1))
                return "sample_weight"
        except (NotImplementedError, TypeError, UnsetMetadataPassedError):
            return None  # so would a fit end: what it is made of does not request them
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if not isinstance(estimator, Pipeline):
        return None
    name, last = estimator.steps[-1]
    return f"{name}__sample_weight" if has_fit_parameter(last, "sample_weight") else None
