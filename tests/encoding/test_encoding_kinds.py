"""What each kind of column becomes."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from autometa.encoding import TableEncoder
from autometa.exceptions import (
    ColumnMismatchError,
    DroppedColumnsWarning,
    InvalidTableError,
    UnreadableCellsWarning,
)

NA = None
DATES = [datetime.date(2020, 1, 31), datetime.date(2021, 3, 1), NA]
NUMBERS = {
    "float": [1.5, np.nan, 2.0],
    "nullable int": pd.array([1, NA, 2], dtype="Int64"),
    "nullable float": pd.array([1.5, NA, 2], dtype="Float32"),
    "arrow": pd.array([1, NA, 2], dtype="int32[pyarrow]"),
    "arrow decimal": pd.array(
        [decimal.Decimal(1), NA, 2], dtype=pd.ArrowDtype(pa.decimal128(9, 2))
    ),
    "arrow duration": pd.array(
        pd.to_timedelta([1, NA, 2], unit="s"), dtype="duration[us][pyarrow]"
    ),
    "text": ["1", " ", "2e3"],
    "text and numbers": [1, NA, "2"],
    "decimals": [decimal.Decimal("1.5"), NA, decimal.Decimal("2")],
    "durations": pd.to_timedelta([1, NA, 2], unit="s"),
    "sparse": pd.arrays.SparseArray([1.0, np.nan, 2.0]),
    "integers beyond 64 bits": [2**70, NA, 1],
}
BOOLEANS = {
    "numpy": np.array([True, False, True]),
    "nullable": pd.array([True, NA, False], dtype="boolean"),
    "arrow": pd.array([True, NA, False], dtype="bool[pyarrow]"),
    "object": pd.array([True, NA, False], dtype=object),
}
CATEGORIES = {
    "text": ["a", "b", NA],
    "categorical": pd.Categorical(["a", "b", NA]),
    "categorical numbers": pd.Categorical([1, 2, NA]),
    "string": pd.array(["a", "b", NA], dtype="string"),
    "arrow text": pd.array(["a", "b", NA], dtype="string[pyarrow]"),
    "arrow dictionary": pd.Series(["a", "b", NA], dtype=pd.ArrowDtype(pa.string())).astype(
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "mixed": [1, "b", NA],
    "lists": [[1], [2], NA],
    "times": [datetime.time(1), datetime.time(2), NA],
    "intervals": pd.arrays.IntervalArray.from_tuples([(0, 1), (1, 2), NA]),
    "no dates": ["2020-13-45", "2020-01-01", NA],
}
DATE_COLUMNS = {
    "dates": DATES,
    "texts": ["2020-01-31", "2021-03-01", NA],
    "timestamps": pd.to_datetime(DATES),
    "seconds": np.array(["2020-01-31", "2021-03-01", "NaT"], dtype="datetime64[s]"),
    "arrow dates": pd.array(DATES, dtype=pd.ArrowDtype(pa.date32())),
    "arrow timestamps": pd.array(pd.to_datetime(DATES), dtype="timestamp[ns][pyarrow]"),
    "zone": pd.to_datetime(DATES).tz_localize("UTC"),
    "periods": pd.PeriodIndex(["2020-01-31", "2021-03-01", NA], freq="D"),
}


def _cases(columns, kind):
    return [pytest.param(values, kind, id=f"{kind}: {name}") for name, values in columns.items()]


@pytest.mark.parametrize(
    ("values", "kind"),
    _cases(NUMBERS, "number")
    + _cases(BOOLEANS, "boolean")
    + _cases(CATEGORIES, "category")
    + _cases(DATE_COLUMNS, "date"),
)
def test_the_kind_is_found_whatever_the_storage(values, kind):
    table = pd.DataFrame({"column": values})

    encoder = TableEncoder().fit(table)

    assert encoder.kinds_ == [kind]
    expanded = encoder.expand(table)
    is_missing = table["column"].isna().to_numpy() | (table["column"].astype(object) == " ")
    np.testing.assert_array_equal(np.isnan(expanded).all(axis=1), is_missing)
    np.testing.assert_array_equal(np.isnan(expanded).any(axis=1), is_missing)


@pytest.mark.parametrize("values", [pytest.param(v, id=k) for k, v in DATE_COLUMNS.items()])
def test_dates_give_the_parts_that_vary(values):
    table = pd.DataFrame({"sold": values})

    encoder = TableEncoder().fit(table)

    names = ["sold.days", "sold.year", "sold.month", "sold.day", "sold.day_of_week"]
    assert encoder.get_feature_names_out().tolist() == names
    assert encoder.expand(table)[0].tolist() == [18292, 2020, 1, 31, 4]


def test_hours_count_in_utc_and_a_far_date_is_no_missing_one():
    table = pd.DataFrame({"sold": ["2020-01-01T10:30:00+02:00", "2020-01-01 10:30", "9999-12-31"]})

    expanded = TableEncoder().fit(table).expand(table)

    np.testing.assert_allclose(expanded[:, 0], [18262 + 8.5 / 24, 18262 + 10.5 / 24, 2932896])
    assert expanded[:, -1].tolist() == [8, 10, 0]


def test_two_levels_give_one_column_that_marks_the_rarer():
    table = pd.DataFrame({"color": ["red", "blue", "red", None]})

    encoder = TableEncoder().fit(table)

    assert encoder.get_feature_names_out().tolist() == ["color=blue"]
    np.testing.assert_array_equal(encoder.expand(table)[:, 0], [0, 1, 0, np.nan])


def test_few_levels_give_a_column_each_and_an_unseen_one_gives_zeros():
    encoder = TableEncoder().fit(pd.DataFrame({"color": ["red", "blue", "red", "green"]}))

    assert encoder.get_feature_names_out().tolist() == ["color=red", "color=blue", "color=green"]
    expanded = encoder.expand(pd.DataFrame({"color": ["green", "pink"]}))
    assert expanded.tolist() == [[0, 0, 1], [0, 0, 0]]


def test_many_levels_give_the_most_frequent_and_a_log_count():
    colors = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2
    table = pd.DataFrame({"color": colors, "row": range(14)})

    encoder = TableEncoder(max_levels=2).fit(table)

    names = ["color=a", "color=b", "color.log_count"]
    assert encoder.get_feature_names_out()[:3].tolist() == names
    expanded = encoder.expand(pd.DataFrame({"color": ["a", "d", "new", None], "row": 0}))
    expected = [[1, 0, np.log(6)], [0, 0, np.log(3)], [0, 0, 0], [np.nan] * 3]
    np.testing.assert_allclose(expanded[:, :3], expected)


def test_levels_are_the_same_however_they_were_read():
    encoder = TableEncoder().fit(pd.DataFrame({"code": pd.Categorical([1, 2, 3, 3])}))

    for values in ([1.0, 3.0], ["1", "3"], pd.array([1, 3], dtype="Int64"), pd.Categorical([1, 3])):
        expanded = encoder.expand(pd.DataFrame({"code": values}))
        assert expanded.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_one_level_with_holes_is_kept():
    table = pd.DataFrame({"flag": ["yes", None], "number": [3.0, None]})

    encoder = TableEncoder().fit(table)

    assert encoder.transform(table)[:, :, 2].tolist() == [[0, 0], [1, 1]]


def test_identifiers_are_left_out_with_a_warning_that_names_them():
    names = [f"person {i}" for i in range(40)]
    table = pd.DataFrame({"name": names, "age": range(40), "team": [f"t{n[-1]}" for n in names]})

    with pytest.warns(DroppedColumnsWarning, match="'name'"):
        encoder = TableEncoder().fit(table)

    assert encoder.kinds_ == ["text", "number", "category"]


def test_repeated_rows_do_not_hide_an_identifier():
    table = pd.DataFrame({"name": [f"person {i}" for i in range(40)], "age": range(40)})

    with pytest.warns(DroppedColumnsWarning):
        encoder = TableEncoder().fit(pd.concat([table, table, table]))

    assert encoder.kinds_ == ["text", "number"]


def test_constant_and_missing_columns_are_left_out_silently():
    table = pd.DataFrame({"one": 1, "none": None, "b": ["x"] * 3, "day": DATES[0], "n": [1, 2, 3]})

    encoder = TableEncoder().fit(table)

    assert encoder.kinds_ == ["constant", "missing", "constant", "constant", "number"]
    assert encoder.column_sources_.tolist() == [4]


def test_a_table_without_information_gives_one_column_of_zeros():
    encoder = TableEncoder().fit(pd.DataFrame({"one": [1, 1]}))

    assert encoder.n_columns_ == len(encoder.get_feature_names_out()) == 1
    assert encoder.transform(pd.DataFrame({"one": [5, None]})).tolist() == [[[0, 0, 0]]] * 2


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("number", ["a", "b"]),
        ("number", pd.to_datetime(DATES[:2])),
        ("category", [1.5, 2.5]),
        ("category", [True, False]),
        ("category", pd.to_datetime(DATES[:2])),
        ("date", [1, 2]),
        ("date", ["soon", "later"]),
        ("flag", ["a", "b"]),
        ("flag", [1, 2]),
        ("flag", [None, 0.5]),
    ],
)
def test_a_column_that_changes_type_is_refused_by_name(column, values):
    table = pd.DataFrame(
        {"number": [1.0, 2.0], "category": ["a", "b"], "date": DATES[:2], "flag": [True, False]}
    )
    encoder = TableEncoder().fit(table)

    with pytest.raises(ColumnMismatchError, match=f"'{column}' held .* Convert it"):
        encoder.transform(table.assign(**{column: values}))


@pytest.mark.parametrize("word", ["?", "N/A", " unknown ", "-"])
def test_a_word_for_missing_does_not_make_text_of_numbers(word):
    texts = [f"{value:.3f}" for value in np.linspace(0, 1, 30)]
    table = pd.DataFrame({"plain": [*texts[:-1], None], "marked": [*texts[:-1], word]})

    encoder = TableEncoder().fit(table)
    out = encoder.transform(table)

    assert encoder.kinds_ == ["number", "number"]
    np.testing.assert_array_equal(out[:, 0], out[:, 1])


def test_a_slip_among_many_numbers_is_missing_and_said():
    texts = [f"{value:.3f}" for value in np.linspace(0, 1, 200)]
    texts[150] = "0.7S3"

    with pytest.warns(UnreadableCellsWarning, match=r"'size'.* 1 of its cells.*0\.7S3") as said:
        encoder = TableEncoder().fit(pd.DataFrame({"size": texts}))

    assert encoder.kinds_ == ["number"] and len(said) == 1


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2", "?"] * 20,  # so few numbers may be names
        [*map(str, range(30)), "A", "B"] * 5,  # so many others are levels
        ["none", "unknown"] * 10,
    ],
)
def test_names_that_are_partly_numbers_stay_categories(values):
    table = pd.DataFrame({"name": values, "row": range(len(values))})

    assert TableEncoder().fit(table).kinds_ == ["category", "number"]


def test_dates_with_words_for_missing_are_dates():
    dates = [f"2020-01-{day:02d}" for day in range(1, 21)]

    assert TableEncoder().fit(pd.DataFrame({"day": [*dates, "0000-00-00"]})).kinds_ == ["date"]


@pytest.mark.parametrize(
    "form",
    [
        *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%b %d, %Y"),
        *("%d %B %Y", "%d-%b-%y", "%m/%d/%y %I:%M %p", "%d/%m/%Y %I:%M:%S%p"),
    ],
)
def test_dates_are_read_as_people_write_them(form):
    days = pd.Timestamp("2020-01-01 10:20:30") + pd.to_timedelta(37.4 * np.arange(30), unit="h")
    table = pd.DataFrame({"sold": days.strftime(form), "row": range(30)})
    encoder = TableEncoder().fit(table)
    restored = TableEncoder.from_state(*encoder.to_state())

    found = restored.expand(table.assign(sold=[*table["sold"][:-1], "unknown"]))[:, 0]

    assert encoder.kinds_ == ["date", "number"]
    np.testing.assert_array_equal(np.floor(found[:-1]), (days - pd.Timestamp(0)).days[:-1])
    assert np.isnan(found[-1])


def test_days_and_months_are_told_apart_by_all_dates():
    dates = [f"0{1 + i % 9}/01/{1990 + i % 20}" for i in range(300)]
    table = pd.DataFrame({"born": [*dates, "15/06/1980", "28/02/1990"], "row": range(302)})

    found = TableEncoder().fit(table).expand(table)[:, 0]

    assert found[0] == (pd.Timestamp("1990-01-01") - pd.Timestamp(0)).days
    assert found[1] == (pd.Timestamp("1991-01-02") - pd.Timestamp(0)).days


@pytest.mark.parametrize("slip", ["99999", "today", "0", "2020-01-33"])
def test_a_slip_among_dates_is_missing_and_said(slip):
    dates = pd.date_range("2020-01-01", periods=200).strftime("%Y-%m-%d").tolist()
    table = pd.DataFrame({"day": [slip, *dates], "row": range(201)})

    with pytest.warns(UnreadableCellsWarning, match=f"'day' holds dates.*'{slip}'"):
        encoder = TableEncoder().fit(table)

    assert encoder.kinds_ == ["date", "number"]
    with pytest.warns(UnreadableCellsWarning, match="200 of its cells"):
        assert np.isnan(encoder.expand(table[1:].assign(day=[slip] * 200))[:, 0]).all()


def test_texts_and_datetimes_in_one_column_are_dates():
    table = pd.DataFrame({"day": [f"0{i}/20/2020" for i in range(1, 10)], "row": range(9)})
    encoder = TableEncoder().fit(table)
    mixed = table.assign(day=[datetime.datetime(2020, 1, 20), *table["day"][1:]])

    np.testing.assert_array_equal(encoder.expand(mixed), encoder.expand(table))


def test_booleans_may_come_as_text():
    table = pd.DataFrame({"flag": [True, False, True]})
    encoder = TableEncoder().fit(table)

    for texts in (["True", "false", "TRUE"], [True, "false", True]):
        found = encoder.transform(pd.DataFrame({"flag": pd.Series(texts, dtype=object)}))
        np.testing.assert_array_equal(found, encoder.transform(table))


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["3%", "4.5 %", "+1%"], [3.0, 4.5, 1.0]),
        (["$3", "-$1,000.50", "$12"], [3.0, -1000.5, 12.0]),
        (["1,234,567", "12", "7 €"], [1234567.0, 12.0, 7.0]),
    ],
)
def test_marks_of_numbers_are_read_over(texts, numbers):
    encoder = TableEncoder().fit(pd.DataFrame({"price": texts}))

    assert encoder.kinds_ == ["number"]
    assert encoder.expand(pd.DataFrame({"price": texts})).ravel().tolist() == numbers


@pytest.mark.parametrize(
    "texts",
    [
        *(["1,5", "2,25"], ["12a", "3b"], ["1-2", "3-4"], ["$", "%"], ["3.8.10", "3.9.1"]),
        *(["01-02-4020", "01-03-4021"], ["12:30", "9:15"], ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_what_only_resembles_numbers_stays_text(texts):
    table = pd.DataFrame({"name": texts * 10, "row": range(20)})

    assert TableEncoder().fit(table).kinds_ == ["category", "number"]


@pytest.mark.parametrize(
    ("column", "values"),
    [("number", ["?", "3"]), ("text", ["many", "3"]), ("date", ["soon", "2020-01-31"])],
)
@pytest.mark.parametrize("n_rows", [1, 2])
def test_a_cell_that_cannot_be_read_is_missing(column, values, n_rows):
    table = pd.DataFrame({"number": [1.0, 3.0], "text": ["1", "3"], "date": ["2020-01-05"] * 2})
    table.loc[0, "date"] = "2020-01-31"
    encoder = TableEncoder().fit(table)
    given = table.astype({"number": object}).assign(**{column: values})[:n_rows]

    if column == "number":  # "?" is a word for it
        out = encoder.transform(given)
    else:
        with pytest.warns(UnreadableCellsWarning, match=column):
            out = encoder.transform(given)

    j = encoder.column_sources_ == table.columns.get_loc(column)
    assert (out[0, j] == [0, 0, 1]).all()
    assert (out[1:, j, 2] == 0).all()


def test_booleans_may_come_as_numbers():
    table = pd.DataFrame({"flag": [True, False, True]})
    encoder = TableEncoder().fit(table)

    np.testing.assert_array_equal(encoder.transform(table.astype(float)), encoder.transform(table))


@pytest.mark.parametrize("column", ["number", "category", "date", "flag"])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT])
def test_a_column_without_values_fits_every_kind(column, missing):
    table = pd.DataFrame(
        {"number": [1.0, 2.0], "category": ["a", "b"], "date": DATES[:2], "flag": [True, False]}
    )
    encoder = TableEncoder().fit(table)

    out = encoder.transform(table.assign(**{column: missing}))

    j = encoder.column_sources_ == table.columns.get_loc(column)
    assert (out[:, j] == [0, 0, 1]).all()


def test_complex_numbers_are_refused():
    with pytest.raises(InvalidTableError, match="Complex data not supported"):
        TableEncoder().fit(pd.DataFrame({"z": [1 + 2j]}))
