"""An estimator of a library together with the preparation of tables that it needs."""

import warnings

import numpy as np
from joblib import cpu_count
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, has_fit_parameter
from threadpoolctl import threadpool_limits

from autometa.exceptions import InvalidInputError


class TableModel(BaseEstimator):
    """Fit a library's estimator on any table, with labels of any type.

    Whoever fits many models on the same rows prepares them once and calls ``fit_prepared`` and
    ``predict_prepared``.

    Parameters
    ----------
    model : estimator
        Of scikit-learn's interface. Classes reach it as 0, 1, ...
    preparation : TablePreparation
    n_threads : int, default=1
        Limit of the native thread pools while it is fitted and while it predicts; where it
        predicts on a machine of fewer processors, theirs.
    stage : callable, default=None
        ``stage(model, Z, steps)`` yields what ``model`` predicted after each number of steps.
    n_steps : int, default=None
        The steps that ``model`` takes, such as its trees; None where it has none.
    fit_options : callable, default=None
        ``fit_options(Z, preparation)`` returns further arguments for ``model.fit``.
    grow : callable, default=None
        ``grow(model, Z, y, should_stop, options, is_stale)`` fits step by step until
        ``should_stop()`` or ``is_stale(n_steps, predict)``, and returns the steps taken.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        For classification only.
    model_, preparation_
        What was fitted; ``model_`` is None where the rows have one class only.
    n_steps_ : int or None
        The steps taken: fewer than ``n_steps`` where fitting was stopped, or where :meth:`cut`
        has left fewer to predict with.
    """

    def __init__(
        self,
        model,
        preparation,
        n_threads=1,
        stage=None,
        n_steps=None,
        fit_options=None,
        grow=None,
    ):
        self.model = model
        self.preparation = preparation
        self.n_threads = n_threads
        self.stage = stage
        self.n_steps = n_steps
        self.fit_options = fit_options
        self.grow = grow

    @property
    def _is_regression(self):
        return is_regressor(self.model)

    def fit(self, X, y, sample_weight=None):
        """Learn from a table.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        sample_weight : array-like of shape (n_rows,), optional
            A row of weight 0 is as none.
        """
        self.preparation_ = clone(self.preparation).fit(X, sample_weight=sample_weight)
        return self.fit_prepared(self.preparation_.transform(X), y, sample_weight)

    def fit_prepared(self, Z, y, sample_weight=None, should_stop=None, is_stale=None):
        """Learn from rows that the preparation has transformed.

        Parameters
        ----------
        Z : ndarray or DataFrame of shape (n_rows, n_columns)
        y, sample_weight
            As of `fit`.
        should_stop : callable, optional
            Asked between steps; where it is true, a family that grows ends with what it has.
        is_stale : callable, optional
            ``is_stale(n_steps, predict)``, asked between steps of boosting: ``predict(Z)`` gives
            what the model predicts so far, with a column for each of ``classes_``.
        """
        y, self.n_steps_, self.is_cut_ = np.asarray(y), self.n_steps, False
        options = {}
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
            if weight.shape != y.shape or not (weight >= 0).all() or not weight.any():
                raise InvalidInputError(
                    f"sample_weight must be {len(y)} numbers >= 0, one of them above 0."
                )
            kept = weight > 0
            Z, y, weight = Z[kept], y[kept], weight[kept]
            if (weight != weight[0]).any() and has_fit_parameter(self.model, "sample_weight"):
                options["sample_weight"] = weight / weight.mean()
        if self._is_regression:
            y = y.astype(np.float64)
        else:
            self.classes_, y = np.unique(y, return_inverse=True)
            if len(self.classes_) == 1:
                self.model_ = None
                return self
        if _is_constant(Z) or (self._is_regression and (y == y[0]).all()):  # some refuse these
            blank = DummyRegressor() if self._is_regression else DummyClassifier(strategy="prior")
            self.model_ = blank.fit(Z, y, **options)
            return self
        if self.fit_options is not None:
            options |= self.fit_options(Z, getattr(self, "preparation_", self.preparation))
        with threadpool_limits(self.n_threads), warnings.catch_warnings():
            # Capped iterations are meant: time is bounded, and the score says whether it pays.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "Using the fractional value max_samples")
            model = clone(self.model)
            if self.grow is None or (should_stop is None and is_stale is None):
                model.fit(Z, y, **options)
            else:
                should_stop = _never if should_stop is None else should_stop
                self.n_steps_ = self.grow(model, Z, y, should_stop, options, is_stale)
        if hasattr(model, "estimators_") and hasattr(model, "n_jobs"):
            model.n_jobs = 1  # threads of a forest add its trees up in any order
        self.model_ = model
        return self

    def predict(self, X):
        """Predict numbers, or the most probable label."""
        if self._is_regression:
            return self.predict_prepared(self._prepare(X))
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Predict probabilities, one column for each of ``classes_``."""
        if self._is_regression:
            raise AttributeError("A regressor has no probabilities. Use predict.")
        return self.predict_prepared(self._prepare(X))

    def _prepare(self, X):
        check_is_fitted(self, "model_")
        return self.preparation_.transform(X)

    def predict_prepared(self, Z, n_classes=None):
        """Predict prepared rows.

        Parameters
        ----------
        Z : ndarray or DataFrame of shape (n_rows, n_columns)
        n_classes : int, optional
            Where labels are 0, 1, ... and some may have been absent from `fit`: then there is a
            column for each of so many.

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            Probabilities, or numbers.
        """
        found = self._predict_known(Z)
        if n_classes is None or len(self.classes_) == n_classes:
            return found
        return spread_classes(found, self.classes_, n_classes)

    def cut(self, n_steps):
        """Predict from here on as if fitting had ended after so many steps."""
        if n_steps < self.n_steps_ and not self._has_no_steps:
            self.n_steps_, self.is_cut_ = n_steps, True

    @property
    def _has_no_steps(self):
        """Whether all predictions are the same, as the rows fitted on left nothing to learn."""
        return self.model_ is None or isinstance(self.model_, (DummyClassifier, DummyRegressor))

    def _predict_known(self, Z):
        if self.model_ is None:
            return np.ones((len(Z), 1))
        if self.is_cut_:
            return next(self.stage_prepared(Z, [self.n_steps_]))
        with self._limited_threads():
            if self._is_regression:
                return np.asarray(self.model_.predict(Z), dtype=np.float64)
            return _normalised(self.model_.predict_proba(Z))

    def _limited_threads(self):
        """Limit threads while predicting, perhaps on another machine than it was fitted on."""
        n_threads = min(self.n_threads, cpu_count())
        if n_threads < self.n_threads and hasattr(self.model_, "n_jobs"):
            self.model_.n_jobs = n_threads  # LightGBM and XGBoost have pools of their own
        return threadpool_limits(n_threads)

    def stage_prepared(self, Z, steps):
        """Predict prepared rows as if fitting had ended after each of some steps.

        Parameters
        ----------
        Z : ndarray or DataFrame of shape (n_rows, n_columns)
        steps : sequence of int
            Ascending, from 1 to ``n_steps``.

        Yields
        ------
        ndarray as from `predict_prepared`
        """
        if self._has_no_steps:
            yield from (self.predict_prepared(Z) for _ in steps)
            return
        with self._limited_threads():
            for found in self.stage(self.model_, Z, steps):
                yield np.asarray(found, float) if self._is_regression else _normalised(found)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = self.model.__sklearn_tags__()
        tags.estimator_type = own.estimator_type
        tags.classifier_tags, tags.regressor_tags = own.classifier_tags, own.regressor_tags
        tags.input_tags.allow_nan = True
        return tags


def spread_classes(probabilities, classes, n_classes):
    """Give absent classes a probability of 0; (n_rows, n_classes)."""
    spread = np.zeros((len(probabilities), n_classes))
    spread[:, classes] = probabilities
    return spread


def _never():
    return False


def _is_constant(Z):
    if hasattr(Z, "iloc"):
        return all(column.nunique(dropna=False) == 1 for _, column in Z.items())
    return all(np.array_equal(c, np.full_like(c, c[0]), equal_nan=True) for c in Z.T)


def _normalised(probabilities):
    """Probabilities in float64 that add up to 1, also where a library gives float32."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return probabilities / probabilities.sum(axis=1, keepdims=True)
