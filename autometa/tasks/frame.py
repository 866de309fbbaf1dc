"""Whatever the user has as a table → a plain pandas frame.

A plain frame has unique column names, rows counted from 0, and columns of these types only: NumPy
numbers and booleans, ``category``, ``datetime64`` without a time zone, and ``object`` or
(pandas >= 3) ``str`` for text, for booleans with gaps and for mixtures. Missing is NaN or NaT.
"""

from numbers import Number

import numpy as np
import pandas as pd

from autometa.exceptions import InvalidTableError, NestedCellError
from autometa.tasks._task import check_columns

#: Types of which no cell may be.
NESTED = (list, tuple, dict, set, bytearray, np.ndarray, pd.Series, pd.DataFrame)


def as_frame(X) -> pd.DataFrame:
    """Bring a table into the form of a plain pandas frame.

    Parameters
    ----------
    X : DataFrame (pandas or polars), pyarrow Table, array or list of shape (n_rows, n_features)
        Column types may be NumPy, nullable or Arrow types. Never modified.

    Returns
    -------
    DataFrame of shape (n_rows, n_features)
        May share memory with ``X``. Time zones become UTC, decimals and durations (in seconds)
        become floats, what a masked array masks is missing.

    Raises
    ------
    InvalidTableError
        For anything else, for two columns of one name, for names of which some are text and some
        are not, and for complex or nested values.

    Examples
    --------
    >>> X = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["x", "y"]})
    >>> as_frame(X)["a"].tolist()
    [1.0, nan]
    >>> as_frame([[1, "x"], [2, "y"]]).shape
    (2, 2)
    """
    frame = _as_frame(X, _plain_cells)
    _check_names(frame.columns)
    return frame


def _check_names(columns):
    """Refuse names of which some are text and some are not, as scikit-learn does."""
    types = sorted({type(name).__name__ for name in columns})
    if "str" in types and len(types) > 1:
        raise InvalidTableError(
            f"The column names are of types {types}. Give names that are all text, e.g. by "
            "X.columns = X.columns.astype(str)."
        )


def _as_frame(X, make_plain):
    frame = _to_pandas(X)
    check_columns(frame.columns)
    changed = {}
    for i, dtype in enumerate(frame.dtypes):
        if not _is_plain(dtype):
            changed[i] = make_plain(frame.iloc[:, i])
    counted_from_0 = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(
        pd.RangeIndex(len(frame))
    )
    if not counted_from_0:
        frame = frame.reset_index(drop=True)
    if changed:
        columns = [
            changed[i].reset_index(drop=True) if i in changed else frame.iloc[:, i]
            for i in range(frame.shape[1])
        ]
        names = frame.columns
        frame = pd.concat(columns, axis=1)
        frame.columns = names
    return frame


def as_target(y) -> pd.Series:
    """Bring a target into the form of a plain pandas column.

    Parameters
    ----------
    y : Series (pandas or polars), pyarrow array, array, list or table of one column

    Returns
    -------
    Series of shape (n_rows,)

    Examples
    --------
    >>> as_target(["no", "yes"]).tolist()
    ['no', 'yes']
    """
    frame = as_targets(y)
    if frame.shape[1] != 1:
        raise InvalidTableError(
            f"y should be a 1d array, got shape {frame.shape}. AutoMetaClassifier and "
            "AutoMetaRegressor take several targets at once; here, give one column at a time."
        )
    return frame.iloc[:, 0]


def as_targets(y) -> pd.DataFrame:
    """Bring one or more targets into the form of a plain pandas frame.

    Parameters
    ----------
    y : Series (pandas or polars), pyarrow array, array, list or table of shape (n_rows, n_targets)

    Returns
    -------
    DataFrame of shape (n_rows, n_targets)
        Columns of a table keep their names; those of an array are counted from 0.

    Examples
    --------
    >>> as_targets([[0, "no"], [1, "yes"]]).shape
    (2, 2)
    """
    if y is None:
        raise InvalidTableError(
            "fit requires y to be passed, but the target y is None. Give one label per row."
        )
    if isinstance(y, pd.Index):
        y = y.to_series(index=range(len(y)))
    if isinstance(y, pd.api.extensions.ExtensionArray):  # such as a pd.Categorical
        y = pd.Series(y)
    if isinstance(y, pd.Series):
        table = y.to_frame(name="target" if y.name is None else y.name)
    elif _module(y) == "polars" and type(y).__name__ == "Series":
        table = y.to_frame()
    elif _module(y) == "pyarrow" and hasattr(y, "type"):
        import pyarrow as pa

        table = pa.table({"target": y})
    elif isinstance(y, pd.DataFrame) or _module(y) in ("polars", "pyarrow"):
        table = y
    else:
        table = _target_table(y)
    frame = _as_frame(table, _plain_column)  # labels stay what they are
    if frame.shape[1] == 0:
        raise InvalidTableError(
            f"y has no column (shape {frame.shape}). Give one column for each target."
        )
    return frame


def _to_pandas(X) -> pd.DataFrame:
    """A pandas frame with whatever column types ``X`` has; shares memory where it can."""
    if isinstance(X, pd.DataFrame):
        return X
    module = _module(X)
    if module == "polars" and type(X).__name__ == "DataFrame":
        return arrow_to_pandas(X.to_arrow())
    if module == "pyarrow" and type(X).__name__ in ("Table", "RecordBatch"):
        return arrow_to_pandas(X)
    if module == "polars" and type(X).__name__ == "LazyFrame":
        raise InvalidTableError("A polars LazyFrame holds no rows yet. Call X.collect() first.")
    if hasattr(X, "tocsr"):
        raise InvalidTableError("Sparse matrices are not supported. Pass X.toarray().")
    if isinstance(X, list | tuple):
        return _list_to_pandas(X)
    if isinstance(X, np.ma.MaskedArray):
        return _array_to_pandas(_unmask(X))
    if isinstance(X, np.ndarray) or (hasattr(X, "__array__") and not isinstance(X, pd.Series)):
        return _array_to_pandas(np.asarray(X))
    raise InvalidTableError(
        f"Cannot read a table from {type(X).__name__}. Pass a pandas or polars DataFrame, a "
        "pyarrow Table, or an array or list of shape (n_rows, n_features)."
    )


def _array_to_pandas(values: np.ndarray) -> pd.DataFrame:
    if np.iscomplexobj(values):
        raise InvalidTableError("Complex data not supported. Pass real and imaginary parts.")
    if values.ndim != 2:
        raise InvalidTableError(
            f"A table needs 2 dimensions, got an array of shape {values.shape}. Reshape your data: "
            "X.reshape(-1, 1) for a single feature, X.reshape(1, -1) for a single row."
        )
    if values.dtype == object:
        return pd.DataFrame(values).infer_objects()
    return pd.DataFrame(values, copy=False)


def _unmask(values: np.ma.MaskedArray) -> np.ndarray:
    """A plain array in which what was masked is missing; a view where nothing was."""
    is_masked = np.ma.getmaskarray(values)
    values = np.asarray(values)
    if not is_masked.any():
        return values
    if values.dtype.kind not in "fcmM":
        values = values.astype(float if values.dtype.kind in "iu" else object)
    missing = np.array("NaT", values.dtype) if values.dtype.kind in "mM" else np.nan
    return np.where(is_masked, missing, values)


def _list_to_pandas(rows) -> pd.DataFrame:
    # Column by column: NumPy would turn [[1, "x"]] into text altogether.
    is_row = [isinstance(row, list | tuple | np.ndarray) for row in rows]
    if not rows:
        raise InvalidTableError("The table is empty: a list of 0 rows.")
    if not all(is_row):
        return _array_to_pandas(np.asarray(rows, dtype=object))
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise InvalidTableError(
            f"The rows have different lengths, from {min(widths)} to {max(widths)}."
        )
    if any(isinstance(cell, list | tuple | np.ndarray) for cell in rows[0]):
        return _array_to_pandas(np.asarray(rows))
    return pd.DataFrame([list(row) for row in rows])


def arrow_to_pandas(table) -> pd.DataFrame:
    check_columns(table.schema.names)
    # What pandas stored as the names of rows is no column, as in a frame of pandas.
    stored = (table.schema.pandas_metadata or {}).get("index_columns", [])
    names = [name for name in stored if isinstance(name, str) and name in table.schema.names]
    if names:
        table = table.select([name for name in table.schema.names if name not in names])
    return table.to_pandas(date_as_object=False, ignore_metadata=True)


def _target_table(y):
    if isinstance(y, list | tuple):
        values = list(y)
        rows = [value for value in values if isinstance(value, list | tuple | np.ndarray)]
        if any(isinstance(cell, list | tuple | np.ndarray) for row in rows[:1] for cell in row):
            raise InvalidTableError(
                "y should be a 1d array, got lists in lists of lists. For several targets, give "
                "one list a row: a label for each target."
            )
        if rows:
            return values
        return pd.DataFrame({"target": values})
    if hasattr(y, "tocsr"):
        raise InvalidTableError("A sparse y is not supported. Pass y.toarray().")
    if not hasattr(y, "__array__"):
        raise InvalidTableError(
            f"y should be a 1d array, got {type(y).__name__}. Pass a list, an array or a Series."
        )
    values = _unmask(y) if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    if np.iscomplexobj(values):
        raise InvalidTableError("Complex data not supported. Pass real labels.")
    if values.ndim == 0 or values.ndim > 2:
        raise InvalidTableError(
            f"y should be a 1d array, got shape {values.shape}. For several targets, give a 2d "
            "array: a column for each."
        )
    return values if values.ndim == 2 else pd.DataFrame({"target": values})


def _module(value) -> str:
    return type(value).__module__.partition(".")[0]


def _is_plain(dtype) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biuM" or dtype in (np.float32, np.float64)
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.categories.is_unique and dtype.categories.dtype.kind in "biufO"
    return _is_pandas_3_text(dtype)


def _is_pandas_3_text(dtype) -> bool:
    return isinstance(dtype, pd.StringDtype) and dtype.na_value is np.nan


def _plain_cells(column: pd.Series) -> pd.Series:
    """One column as one of the plain types; among other objects booleans become text.

    pandas takes False and 0 as one value, whichever comes first.
    """
    column = _plain_column(column)
    if column.dtype != object or not pd.api.types.infer_dtype(column).startswith("mixed"):
        return column
    if all(isinstance(v, Number | np.bool_) for v in column):
        return column
    return column.map(lambda v: str(v) if isinstance(v, bool | np.bool_) else v)


def _plain_column(column: pd.Series) -> pd.Series:
    """One column of any type as one of the plain types."""
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa

        values = pa.chunked_array([pa.array(column.array)]).to_pandas(date_as_object=False)
        values.name = column.name
        column = values if _is_plain(values.dtype) else _plain_column(values)
        return column
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _plain_column(pd.Series(dtype.categories))
        if categories.dtype.kind not in "biufO" and not _is_pandas_3_text(categories.dtype):
            categories = categories.astype(str)
        return column.cat.rename_categories(pd.Index(categories))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(dtype, pd.PeriodDtype):
        try:
            return column.dt.to_timestamp()
        except ValueError:  # beyond what a timestamp can hold
            return _plain_objects(column.astype(object).where(column.isna(), column.astype(str)))
    if isinstance(dtype, pd.SparseDtype):
        dense = column.sparse.to_dense()
        return dense if _is_plain(dense.dtype) else _plain_column(dense)
    if isinstance(dtype, pd.IntervalDtype):
        return _plain_objects(column.astype(object).where(column.isna(), column.astype(str)))
    if dtype.kind == "m":
        return column.dt.total_seconds()
    if dtype.kind == "c":
        raise InvalidTableError(
            f"Complex data not supported (column {column.name!r}). Pass real and imaginary parts."
        )
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _plain_objects(column)
    if dtype.kind == "f" and isinstance(dtype, np.dtype):  # of half or more than double precision
        return column.astype(np.float64)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "iuf":  # Int64, Float32, ...
        if column.isna().any():
            return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), column.index)
        return column.astype(dtype.numpy_dtype)
    if pd.api.types.is_bool_dtype(dtype) and not column.isna().any():
        return column.astype(bool)
    return _plain_objects(column.astype(object))


def _plain_objects(column: pd.Series) -> pd.Series:
    """Objects of one type as that type; a mixture stays, with NaN where a value is missing."""
    missing = column.isna()
    if missing.any():
        column = column.mask(missing, np.nan)
    content = pd.api.types.infer_dtype(column, skipna=True)
    if content == "decimal":
        return column.astype(float)
    if content in ("date", "datetime", "datetime64"):
        try:
            return _plain_column(pd.to_datetime(column, utc=True))
        except (ValueError, OverflowError):  # beyond what a timestamp can hold: leave the objects
            return column
    if content in ("complex", "timedelta", "timedelta64"):
        return _plain_column(column.infer_objects())
    if content in ("mixed", "mixed-integer"):
        if any(isinstance(v, complex | np.complexfloating) for v in column):
            return _plain_column(column.astype(complex))
        first = next((v for v in column if isinstance(v, NESTED)), None)
        if first is not None:
            raise NestedCellError(
                f"Column {column.name!r} holds a {type(first).__name__} in a cell. The argument "
                "must be a table whose cells are single values, such as a string or a number: "
                "spread them over several columns."
            )
    if content in ("empty", "integer", "floating", "mixed-integer-float"):
        return column.astype(float) if missing.any() else column.infer_objects()
    return column.infer_objects() if content in ("boolean", "string") else column
