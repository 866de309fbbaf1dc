"""A table becomes a float array: expand every column, then scale what came out."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from autometa.encoding import _kinds
from autometa.encoding._scaler import ColumnScaler
from autometa.exceptions import (
    ColumnMismatchError,
    DroppedColumnsWarning,
    InvalidInputError,
    InvalidTableError,
    UnreadableCellsWarning,
)

# Of the different rows of a table: a category with more levels than this share identifies rows.
IDENTIFIER_SHARE = 0.9
ROWS_AT_ONCE = 2**16


class TableEncoder(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Encode any table as floats of shape (n_rows, n_columns, 3), without looking at the target.

    Numbers stay one column, a category becomes 0/1 columns, a date its parts; then each column is
    scaled by `ColumnScaler`. What is constant or always missing is left out silently, text that
    identifies rows with a warning. Among numbers and dates, words such as "?" stand for a missing
    value; another cell that cannot be read is one too, with a warning. A row's numbers depend on
    that row alone.

    Parameters
    ----------
    max_levels : int, default=12
        A category with more levels has 0/1 columns for this many and one column with the log count
        of its level.

    Attributes
    ----------
    kinds_ : list of str
        Per input column: number, boolean, category, date, or why it is left out: constant, missing,
        text.
    column_sources_ : ndarray of shape (n_columns_,)
        The input column that each output column comes from.
    n_columns_ : int
        At least 1: a table without any information gives one column of zeros.
    scaler_ : ColumnScaler
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if all columns of the table have names that are text.

    Examples
    --------
    >>> table = pd.DataFrame({"size": [1.0, 2.0, None], "color": ["red", "blue", "green"]})
    >>> encoder = TableEncoder().fit(table)
    >>> encoder.get_feature_names_out().tolist()
    ['size', 'color=blue', 'color=green', 'color=red']
    >>> encoder.transform(table).shape
    (3, 4, 3)
    >>> encoder.expand(table)[2].tolist()
    [nan, 0.0, 1.0, 0.0]
    """

    def __init__(self, max_levels=12):
        self.max_levels = max_levels

    def fit(self, X, y=None, sample_weight=None):
        """Learn kinds, levels and scales from the rows of positive weight.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
        y : ignored
        sample_weight : array-like of shape (n_rows,), optional
            A weight of 2 is the same as a repeated row, a weight of 0 the same as no row.
        """
        if not self.max_levels >= 2:
            raise InvalidInputError(f"max_levels must be >= 2, got {self.max_levels}.")
        frame = _as_frame(X)
        names = _text_names(frame)
        weights = _check_weights(sample_weight, len(frame))
        if not weights.all():
            frame, weights = frame[weights > 0], weights[weights > 0]
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self._plans = self._fit_plans(frame, weights)
        self._set_columns()
        with warnings.catch_warnings(action="ignore", category=UnreadableCellsWarning):
            cells = self._expand(frame)  # which columns were planned by, so that all is said
        self.scaler_ = ColumnScaler().fit(cells, None if sample_weight is None else weights)
        return self

    def _fit_plans(self, frame, weights):
        plans, contents = [], []
        for name, (_, column) in zip(self._names(), frame.items(), strict=True):
            kind = _kinds.find_kind(column)
            if kind == "category":
                content, texts = _kinds.as_levels(column)
                plan = _kinds.Levels.fit(content, texts, weights, self.max_levels)
            elif kind == "date":
                form = _kinds.find_date_format(column)
                content = _kinds.as_dates(column, name, form).astype(np.int64)
                plan = _kinds.Dates.fit(content.view("datetime64[us]"), form)
            elif kind == "missing":
                content, plan = np.zeros(len(frame)), _kinds.Dropped("missing")
            else:
                content, plan = _kinds.as_numbers(column, name), _kinds.Numbers(kind)
                if np.isnan(content).all():  # blank text
                    plan = _kinds.Dropped("missing")
            is_same = (content == content[0]) | ((content != content) & (content[0] != content[0]))
            if is_same.all() and plan.kind != "missing":
                plan = _kinds.Dropped("constant")
            plans.append(plan)
            contents.append(content)
        return self._drop_identifiers(plans, contents)

    def _drop_identifiers(self, plans, contents):
        many = [j for j, p in enumerate(plans) if isinstance(p, _kinds.Levels) and p.has_many]
        if not many:
            return plans
        # Different rows, so that repeating rows or weighting them changes nothing.
        row_hash = np.zeros(len(contents[0]), dtype=np.uint64)
        for content in contents:
            row_hash = row_hash * np.uint64(1_000_003) ^ pd.util.hash_array(content)
        dropped = []
        for j in many:
            n_different = len(np.unique(row_hash[contents[j] >= 0]))
            if len(plans[j].levels) > IDENTIFIER_SHARE * n_different:
                plans[j] = _kinds.Dropped("text")
                dropped.append(self._names()[j])
        if dropped:
            warnings.warn(
                f"Left out columns {dropped}: nearly every row has its own value, so they read as "
                "identifiers or free text. Drop them, or derive columns with fewer levels.",
                DroppedColumnsWarning,
                stacklevel=4,
            )
        return plans

    def _names(self):
        if hasattr(self, "feature_names_in_"):
            return self.feature_names_in_.tolist()
        return [f"x{j}" for j in range(self.n_features_in_)]

    def _set_columns(self):
        self.kinds_ = [plan.kind for plan in self._plans]
        widths = [len(plan.names("")) for plan in self._plans]
        self.column_sources_ = np.repeat(np.arange(len(widths)), widths)
        if not self.column_sources_.size:
            self.column_sources_ = np.zeros(1, dtype=np.int64)
        self.n_columns_ = len(self.column_sources_)

    def blank_unread(self, X):
        """Leave out the cells that cannot be read as what their column held at `fit`.

        For a table that is encoded in parts: what is refused is decided on the whole.

        Returns
        -------
        DataFrame of shape (n_rows, n_features)

        Raises
        ------
        ColumnMismatchError
            Where a column has ten or more different values, none of which can be read.

        Warns
        -----
        UnreadableCellsWarning
            Where cells of a column are left out.

        Examples
        --------
        >>> encoder = TableEncoder().fit(pd.DataFrame({"size": ["1.5", "2"]}))
        >>> with warnings.catch_warnings(action="ignore"):
        ...     encoder.blank_unread(pd.DataFrame({"size": ["3", "O.5"]}))["size"].tolist()
        ['3', None]
        """
        check_is_fitted(self)
        frame = self._check_frame(X).copy(deep=False)
        for place, (name, plan) in enumerate(zip(self._names(), self._plans, strict=True)):
            is_unread = _kinds.find_unread(frame.iloc[:, place], name, plan)
            if is_unread is not None:
                cells = frame.iloc[:, place].to_numpy(dtype=object, copy=True)
                cells[is_unread] = None
                frame.isetitem(place, pd.Series(cells, index=frame.index, dtype=object))
        return frame

    def expand(self, X):
        """Give the columns as plain numbers, before they are scaled.

        Returns
        -------
        ndarray of shape (n_rows, n_columns_)
            NaN where a value is missing; infinities are left as they are.
        """
        check_is_fitted(self)
        return self._expand(self._check_frame(X))

    def _expand(self, frame):
        out = np.zeros((len(frame), self.n_columns_))
        start = 0
        for plan, name, (_, column) in zip(self._plans, self._names(), frame.items(), strict=True):
            if isinstance(plan, _kinds.Dropped):
                continue
            part = plan.expand(column, name)
            out[:, start : start + part.shape[1]] = part
            start += part.shape[1]
        return out

    def expand_codes(self, X, *, max_codes=255):
        """Give the columns as plain numbers, a category of three or more levels as one of codes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
        max_codes : int, default=255
            The levels beyond share the last code.

        Returns
        -------
        values : ndarray of shape (n_rows, n_kept)
            Codes count from 0 for the most frequent level at fit. NaN where a value is missing and
            where a level was not seen at fit.
        n_codes : ndarray of shape (n_kept,)
            The codes of a column; 0 where it holds numbers.

        Examples
        --------
        >>> table = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "color": ["b", "a", "c", "b"]})
        >>> values, n_codes = TableEncoder().fit(table).expand_codes(table)
        >>> values[:, 1].tolist(), n_codes.tolist()
        ([0.0, 1.0, 2.0, 0.0], [0, 3])
        """
        check_is_fitted(self)
        frame = self._check_frame(X)
        parts, n_codes = [np.zeros((len(frame), 0))], []
        for plan, name, (_, column) in zip(self._plans, self._names(), frame.items(), strict=True):
            is_coded = isinstance(plan, _kinds.Levels) and len(plan.levels) > 2
            parts.append(
                plan.codes(column, name, max_codes) if is_coded else plan.expand(column, name)
            )
            n_codes += [min(len(plan.levels), max_codes) if is_coded else 0] * parts[-1].shape[1]
        if not n_codes:
            return np.zeros((len(frame), 1)), np.zeros(1, dtype=int)
        return np.hstack(parts), np.array(n_codes)

    def transform(self, X):
        """Encode a table with the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_columns_, 3)
            Normal score in [-3, 3], smoothly clipped standardised value, and 1 where missing; the
            first two are 0 there.
        """
        check_is_fitted(self)
        frame = self._check_frame(X)
        out = np.empty((len(frame), self.n_columns_, 3))
        for start in range(0, len(frame), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            self.scaler_.transform(self._expand(frame.iloc[rows]), out=out[rows])
        return out

    def _check_frame(self, X):
        frame = _as_frame(X)
        names = _text_names(frame)
        known = self._names() if hasattr(self, "feature_names_in_") else None
        if known is not None and names is not None and names != known:
            raise ColumnMismatchError(_describe_mismatch(known, names))
        if frame.shape[1] != self.n_features_in_:
            raise ColumnMismatchError(
                f"X has {frame.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input. Give the columns of fit, in their order."
            )
        if (names is None) != (known is None):
            has, had = ("has", "without") if known is None else ("does not have valid", "with")
            warnings.warn(
                f"X {has} feature names, but {type(self).__name__} was fitted {had} feature names",
                UserWarning,
                stacklevel=3,
            )
        return frame

    def get_feature_names_out(self, input_features=None):
        """Name the output columns, such as ``size``, ``color=red`` or ``sold.year``."""
        check_is_fitted(self)
        names = self._names() if input_features is None else list(input_features)
        plans = zip(self._plans, names, strict=True)
        out = [part for plan, name in plans for part in plan.names(name)]
        return np.asarray(out or names[:1], dtype=object)

    def to_state(self):
        """Give all that was learned: a dictionary that JSON can hold, and one of arrays."""
        check_is_fitted(self)
        meta = {
            "max_levels": self.max_levels,
            "n_features_in": self.n_features_in_,
            "feature_names_in": self._names() if hasattr(self, "feature_names_in_") else None,
            "plans": [_kinds.plan_to_dict(plan) for plan in self._plans],
        }
        return meta, self.scaler_.to_state()

    @classmethod
    def from_state(cls, meta, arrays):
        """Restore the encoder that gave this state; it transforms to the same bits.

        Examples
        --------
        >>> import json
        >>> table = pd.DataFrame({"size": [1.0, 2.0, 4.0]})
        >>> meta, arrays = TableEncoder().fit(table).to_state()
        >>> restored = TableEncoder.from_state(json.loads(json.dumps(meta)), arrays)
        >>> restored.expand(table).ravel().tolist()
        [1.0, 2.0, 4.0]
        """
        encoder = cls(max_levels=meta["max_levels"])
        encoder.n_features_in_ = meta["n_features_in"]
        if meta["feature_names_in"] is not None:
            encoder.feature_names_in_ = np.asarray(meta["feature_names_in"], dtype=object)
        encoder._plans = [_kinds.plan_from_dict(plan) for plan in meta["plans"]]
        encoder._set_columns()
        encoder.scaler_ = ColumnScaler.from_state(arrays)
        return encoder

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _as_frame(X):
    if not isinstance(X, pd.DataFrame):
        if hasattr(X, "toarray"):
            raise InvalidTableError(
                "Sparse data is not supported. Give a dense table, such as X.toarray()."
            )
        X = np.asarray(X)
        if X.ndim != 2:
            raise InvalidTableError(
                f"Expected 2D array, got {X.ndim}D array instead. Give a table of shape (n_rows, "
                "n_features); Reshape your data with X.reshape(-1, 1) if it has a single feature."
            )
        X = pd.DataFrame(X)
    if not X.shape[0] or not X.shape[1]:
        what = "sample" if X.shape[1] else "feature"
        raise InvalidTableError(
            f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required. "
            "Give a table with at least one row and one column."
        )
    if not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()].unique().tolist()
        raise InvalidTableError(f"Columns {twice} appear more than once. Give each its own name.")
    return X


def _text_names(frame):
    """List the column names if they are text, else None, as scikit-learn does."""
    names = frame.columns.tolist()
    n_texts = sum(isinstance(name, str) for name in names)
    if 0 < n_texts < len(names):
        raise InvalidTableError(
            f"Column names must be all text or none; {len(names) - n_texts} of {len(names)} are "
            "not. Use X.columns = X.columns.astype(str)."
        )
    return names if n_texts else None


def _describe_mismatch(known, names):
    missing = [name for name in known if name not in set(names)]
    extra = [name for name in names if name not in set(known)]
    parts = ["The feature names should match those that were passed during fit."]
    if missing:
        parts.append(f"Missing: {missing[:5]}{'...' * (len(missing) > 5)}.")
    if extra:
        parts.append(f"Not seen at fit: {extra[:5]}{'...' * (len(extra) > 5)}.")
    if not missing and not extra:
        parts.append("They are the same in another order.")
    parts.append("Use X[model.feature_names_in_] once all columns are there.")
    return " ".join(parts)


def _check_weights(sample_weight, n_rows):
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise InvalidInputError(
            f"sample_weight must have shape ({n_rows},), got {weights.shape}. Give one per row."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InvalidInputError("sample_weight must be finite and >= 0. Drop or fix such rows.")
    if not weights.any():
        raise InvalidInputError("sample_weight is zero for every row. Give one row a weight > 0.")
    return weights
