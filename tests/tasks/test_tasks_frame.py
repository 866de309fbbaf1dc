import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from autometa.exceptions import InvalidTableError
from autometa.tasks import as_frame, as_target

NUMPY = pd.DataFrame(
    {
        "number": [1.5, np.nan, -3.0],
        "count": [1, 2, 3],
        "flag": [True, False, True],
        "word": pd.Series(["a", None, "b"], dtype=object),
        "level": pd.Categorical(["x", "y", None]),
        "day": pd.to_datetime(["2020-01-31", None, "2021-02-01"]),
    }
)


def forms():
    """The same table in every type that a user may have."""
    nullable = NUMPY.convert_dtypes()
    arrow = pa.Table.from_pandas(NUMPY, preserve_index=False)
    arrow_types = {
        name: pd.ArrowDtype(type_)
        for name, type_ in zip(arrow.column_names, arrow.schema.types, strict=True)
        if name != "level"
    }
    return {
        "numpy": NUMPY,
        "nullable": nullable,
        "arrow": NUMPY.astype(arrow_types),
        "arrow dictionary": arrow.to_pandas(types_mapper=pd.ArrowDtype),
        "pyarrow": arrow,
        "polars": pl.from_arrow(arrow),
        "record batch": arrow.to_batches()[0],
    }


@pytest.mark.parametrize("form", list(forms()))
def test_every_kind_of_table_becomes_the_same_frame(form):
    X = as_frame(forms()[form])

    assert X.columns.tolist() == NUMPY.columns.tolist()
    assert X["number"].dtype == np.float64
    assert X["count"].dtype == np.int64
    assert X["flag"].dtype == bool
    assert X["level"].dtype == "category"
    assert X["day"].dtype.kind == "M"
    missing = NUMPY.isna().to_numpy()
    np.testing.assert_array_equal(X.isna().to_numpy(), missing)
    for name in NUMPY:
        kept = NUMPY[name].notna()
        assert X.loc[kept, name].tolist() == NUMPY.loc[kept, name].tolist()


def test_a_plain_frame_is_returned_as_it_is():
    plain = NUMPY.drop(columns="word")

    assert as_frame(plain) is plain


def test_a_float_array_is_not_copied():
    values = np.ones((4, 2))

    assert np.shares_memory(as_frame(values).to_numpy(), values)


@pytest.mark.parametrize("form", list(forms()))
def test_the_input_is_never_modified(form):
    table = forms()[form]
    before = table.copy() if isinstance(table, pd.DataFrame) else None

    as_frame(table)

    if before is not None:
        pd.testing.assert_frame_equal(table, before)
        assert table.dtypes.equals(before.dtypes)


def test_rows_are_counted_from_0():
    X = as_frame(pd.DataFrame({"a": [1, 2], "b": pd.array([1, None], dtype="Int64")}, index=[7, 7]))

    assert X.index.tolist() == [0, 1]
    assert X["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.array([1, None], dtype="Int8"), [1.0, np.nan]),
        (pd.array([1, 2], dtype="Int8"), [1, 2]),
        (pd.array([True, None], dtype="boolean"), [True, np.nan]),
        (pd.array(["a", None], dtype="string"), ["a", np.nan]),
        (pd.array(["a", None], dtype="string[pyarrow]"), ["a", np.nan]),
        (pd.array([1, None], dtype=object), [1.0, np.nan]),
        ([1, "a"], [1, "a"]),
        ([None, None], [np.nan, np.nan]),
        ([decimal.Decimal("1.5"), None], [1.5, np.nan]),
        (pd.to_timedelta([90, None], unit="s"), [90.0, np.nan]),
        (pd.arrays.SparseArray([0.0, 2.0]), [0.0, 2.0]),
        ([datetime.date(2020, 1, 2), None], [pd.Timestamp("2020-01-02"), np.nan]),
        (
            pd.to_datetime(["2020-01-01T12:00+02:00", None]),
            [pd.Timestamp("2020-01-01 10:00"), np.nan],
        ),
        (pd.PeriodIndex(["2020-01", None], freq="M"), [pd.Timestamp("2020-01-01"), np.nan]),
        ([datetime.date(9999, 1, 2), "x"], [datetime.date(9999, 1, 2), "x"]),
        (pd.Categorical(pd.array([3, None], dtype="Int64")), [3, np.nan]),
        (pd.Categorical(pd.to_datetime(["2020-01-01", None])), ["2020-01-01", np.nan]),
        (pd.interval_range(0, 2), ["(0, 1]", "(1, 2]"]),
        (pd.PeriodIndex([pd.Period(year=300_000, freq="Y"), None]), ["300000", np.nan]),
        (np.array([1.5, np.nan], dtype=np.float16), [1.5, np.nan]),
        (np.array([1.5, np.nan], dtype=np.longdouble), [1.5, np.nan]),
    ],
)
def test_a_column_of_any_type_becomes_plain(values, expected):
    column = as_frame(pd.DataFrame({"a": values}))["a"]

    for found, wanted in zip(column, expected, strict=True):
        assert found == wanted or (pd.isna(found) and pd.isna(wanted))
    assert as_frame(column.to_frame())["a"].dtype == column.dtype


def test_lists_keep_a_type_per_column():
    X = as_frame([[1, "x", None], [2, "y", 0.5]])

    assert X[0].dtype == np.int64
    assert X[1].tolist() == ["x", "y"]
    assert X[2].dtype == np.float64


def test_an_object_array_gets_a_type_per_column():
    X = as_frame(np.array([[1, "x"], [2, "y"]], dtype=object))

    assert X[0].dtype == np.int64


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (np.array([[1, 2], [3, 4]]), "ff"),
        (np.array([[1.5, 2], [3, 4]], dtype=np.float32), "ff"),
        (np.array([["a", "b"], ["c", "d"]]), "OO"),
        (np.array([[1, "b"], [3, "d"]], dtype=object), "fO"),
        (np.array([[True, False], [False, True]]), "Ob"),
        (np.array([["2020-01-01", "2020-01-02"]] * 2, dtype="M8[D]"), "MM"),
    ],
)
def test_masked_cells_are_missing(values, kinds):
    masked = np.ma.masked_array(values, mask=[[True, False], [False, False]])

    X = as_frame(masked)

    assert X.isna().to_numpy().tolist() == masked.mask.tolist()
    assert X.iloc[1].tolist() == as_frame(values).iloc[1].tolist()
    assert "".join(dtype.kind for dtype in X.dtypes) == kinds
    assert not pd.isna(masked.data[0, 0])
    assert as_target(masked[:, 0]).isna().tolist() == [True, False]


def test_a_mask_of_nothing_costs_nothing():
    values = np.ones((4, 2))

    assert np.shares_memory(as_frame(np.ma.masked_array(values)).to_numpy(), values)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1, 2, 3]], columns=[0, "b", 2.5]), r"\['float', 'int', 'str'\]. .*astype"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names: 'a'"),
        (pa.table([[1], [2]], names=["b", "b"]), "Duplicate column names: 'b'"),
        (np.ones(3), r"shape \(3,\). Reshape your data"),
        ([1, 2, 3], "Reshape your data"),
        (np.ones((2, 2, 2)), "needs 2 dimensions"),
        ([[1, 2], [3]], "different lengths, from 1 to 2"),
        (np.ones((2, 2), dtype=complex), "Complex data not supported"),
        (pd.DataFrame({"a": [1j]}), "Complex data not supported"),
        (pd.DataFrame({"a": [[1], [2]]}), "Column 'a' holds a list in a cell"),
        (pd.DataFrame({"a": [[1], 2]}), "Column 'a' holds a list in a cell"),
        (pd.DataFrame({"a": [bytearray(b"x"), 2]}), "Column 'a' holds a bytearray in a cell"),
        (pd.DataFrame({"a": [1j, 2.5]}, dtype=object), r"Complex data .*\(column 'a'\)"),
        (pa.table({"a": [[1], [2]]}), "Column 'a' holds a ndarray in a cell"),
        (pl.LazyFrame({"a": [1]}), "collect"),
        (None, "Cannot read a table from NoneType"),
        ("table.csv", "Cannot read a table from str"),
        ({"a": [1]}, "Cannot read a table from dict"),
        (pd.Series([1, 2]), "Cannot read a table from Series"),
    ],
)
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(InvalidTableError, match=message):
        as_frame(table)


def test_a_sparse_matrix_is_refused_with_the_way_out():
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(InvalidTableError, match="toarray"):
        as_frame(sparse.csr_matrix(np.eye(2)))


@pytest.mark.parametrize(
    "target",
    [
        ["no", "yes"],
        ("no", "yes"),
        np.array(["no", "yes"]),
        np.array([["no"], ["yes"]]),
        pd.Series(["no", "yes"], index=[5, 3], name="y"),
        pd.Series(["no", "yes"], dtype="string"),
        pd.Series(["no", "yes"], dtype="category"),
        pd.Index(["no", "yes"]),
        pd.Categorical(["no", "yes"]),
        pd.DataFrame({"y": ["no", "yes"]}),
        pl.Series("y", ["no", "yes"]),
        pa.array(["no", "yes"]),
        pa.chunked_array([["no"], ["yes"]]),
    ],
    ids=lambda target: type(target).__name__,
)
def test_every_kind_of_target_becomes_a_series(target):
    y = as_target(target)

    assert isinstance(y, pd.Series)
    assert y.tolist() == ["no", "yes"]
    assert y.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.ones((3, 2)), r"1d array, got shape \(3, 2\)"),
        (np.float64(3), "1d array, got shape"),
        (3, "got int"),
        (np.array([1j]), "Complex data not supported"),
    ],
)
def test_what_is_no_target_is_refused(target, message):
    with pytest.raises(InvalidTableError, match=message):
        as_target(target)
