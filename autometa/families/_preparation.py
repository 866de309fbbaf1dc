"""A table in the form that a family takes: indicators, codes, numbers without gaps, or as it is."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from autometa.encoding import TableEncoder

#: Trees compute in float32, so nothing larger than this passes.
LARGE = 1e30
#: The channels of :class:`~autometa.encoding.TableEncoder`.
CHANNELS = {"ranked": 0, "standardised": 1}


class TablePreparation(TransformerMixin, BaseEstimator):
    """Turn any table into what an estimator of a family can be fitted on.

    Parameters
    ----------
    form : str, default="indicators"
        - "indicators": numbers, NaN where missing; a category is 0/1 columns.
        - "codes": a DataFrame; a category of three or more levels is one categorical column.
        - "plain_codes": the same as an array of numbers, NaN where missing; which columns are
          categories is in ``code_columns_``.
        - "filled_codes": the first as integers, -1 where missing.
        - "standardised": standardised and smoothly clipped numbers without gaps; a category is
          0/1 columns, and a column with gaps gets another that marks them.
        - "ranked": the same with normal scores of the ranks.
        - "filled": numbers in their own units, clipped to the range of `fit`, the median in
          gaps; a category is 0/1 columns, and a column with gaps gets another that marks them.
        - "frame": a DataFrame as it is, its columns under their names at `fit`.
    unit_variance : bool, default=False
        Divide the numbers so that the variances of all columns add up to 1: then a kernel width
        ``gamma=1`` is what scikit-learn calls ``gamma="scale"``.

    Examples
    --------
    >>> table = pd.DataFrame({"size": [1.0, 2.0, None], "color": ["red", "blue", "green"]})
    >>> TablePreparation("standardised").fit_transform(table).shape
    (3, 5)
    >>> TablePreparation("codes").fit_transform(table).dtypes.astype(str).tolist()
    ['float64', 'category']
    """

    def __init__(self, form="indicators", unit_variance=False):
        self.form = form
        self.unit_variance = unit_variance

    def fit(self, X, y=None, sample_weight=None, *, encoder=None, encoded=None):
        """Learn columns, levels and scales from the rows of positive weight.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional
        encoder : TableEncoder, optional
            Fitted on the table already.
        encoded : ndarray, optional
            What that makes of the table.
        """
        self.divisor_ = 1.0
        if self.form == "frame":
            names = X.columns  # kept as arrays, since an Index cannot be saved
            self.columns_ = [names.get_level_values(i).to_numpy() for i in range(names.nlevels)]
            self.level_names_ = list(names.names)
            return self
        self.encoder_ = encoder or TableEncoder().fit(X, sample_weight=sample_weight)
        if self.form == "filled":
            self._learn_range(self.encoder_.expand(X))
        if self.form == "plain_codes":
            _, n_codes = self.encoder_.expand_codes(X[:1])
            self.code_columns_ = np.flatnonzero(n_codes).tolist()
        if self.form in CHANNELS:
            encoded = self.encoder_.transform(X) if encoded is None else encoded
            self.has_gaps_ = (encoded[:, :, 2] > 0).any(axis=0)
            if self.unit_variance:
                weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
                cells = self.transform(X, encoded)
                mean = np.average(cells, axis=0, weights=weight)
                variance = np.average((cells - mean) ** 2, axis=0, weights=weight).sum()
                self.divisor_ = float(np.sqrt(variance)) or 1.0
        return self

    def _learn_range(self, cells):
        self.has_gaps_ = np.isnan(cells).any(axis=0)
        finite = np.where(np.isfinite(cells), cells, np.nan)
        finite[:, np.isnan(finite).all(axis=0)] = 0.0
        self.low_, self.high_ = np.nanmin(finite, axis=0), np.nanmax(finite, axis=0)
        self.median_ = np.nanmedian(finite, axis=0)

    def transform(self, X, encoded=None):
        """Bring a table with the columns of `fit` into the form.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)
        encoded : ndarray, optional
            What the encoder makes of it, where that is there already.

        Returns
        -------
        ndarray or DataFrame of shape (n_rows, n_columns)
        """
        check_is_fitted(self)
        if self.form == "frame":
            return self._name_columns(X)
        if self.form == "filled":
            cells = self.encoder_.expand(X)
            filled = np.where(np.isnan(cells), self.median_, cells).clip(self.low_, self.high_)
            return np.hstack([filled, np.isnan(cells[:, self.has_gaps_])])
        if self.form == "indicators":
            return self.encoder_.expand(X).clip(-LARGE, LARGE)
        if self.form == "plain_codes":
            return self.encoder_.expand_codes(X)[0].clip(-LARGE, LARGE)
        if self.form in ("codes", "filled_codes"):
            return _as_codes(*self.encoder_.expand_codes(X), is_filled=self.form == "filled_codes")
        encoded = self.encoder_.transform(X) if encoded is None else encoded
        numbers = encoded[:, :, CHANNELS[self.form]]
        gaps = encoded[:, self.has_gaps_, 2]
        return np.hstack([numbers, gaps]).astype(np.float64) / self.divisor_

    def _name_columns(self, X):
        """Name the columns as at `fit`: those that are not text arrive counted from 0."""
        if not hasattr(self, "columns_"):  # saved before names were kept
            return X
        first, *others = self.columns_
        names = pd.MultiIndex.from_arrays([first, *others]) if others else pd.Index(first)
        return X.set_axis(names.set_names(self.level_names_), axis=1)


def _as_codes(values, n_codes, *, is_filled):
    columns = {}
    for j, n in enumerate(n_codes.tolist()):
        if n:
            codes = np.where(np.isnan(values[:, j]), -1, values[:, j]).astype(np.int64)
            columns[f"c{j}"] = codes if is_filled else pd.Categorical.from_codes(codes, range(n))
        else:
            columns[f"c{j}"] = values[:, j].clip(-LARGE, LARGE)
    return pd.DataFrame(columns)
