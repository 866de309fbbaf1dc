import gzip

import numpy as np
import pandas as pd
import pytest

from autometa.encoding import TableEncoder
from autometa.exceptions import AutoMetaError, DroppedColumnsWarning, UnreadableCellsWarning
from autometa.tasks import read_table, task_from_file

TABLE = pd.DataFrame(
    {"age": [31.5, None, 28.0], "city": ["Bonn", "Ulm", "Bonn"], "paid": ["no", "yes", "no"]}
)
GZIP = gzip.compress(b"a,y\n1,2\n", mtime=0)
ARFF = """@RELATION loans
@ATTRIBUTE age REAL
@ATTRIBUTE city STRING
@ATTRIBUTE paid {yes,no}
@DATA
31.5,Bonn,no
?,Ulm,yes
28,Bonn,no
"""


def write(folder, ending):
    path = folder / f"loans{ending}"
    if ending == ".parquet":
        TABLE.to_parquet(path, index=False)
    elif ending == ".arff":
        path.write_text(ARFF)
    elif ending == ".csv.gz":
        path.write_bytes(gzip.compress(TABLE.to_csv(index=False).encode()))
    else:
        path.write_text(TABLE.to_csv(index=False))
    return path


@pytest.mark.parametrize("ending", [".csv", ".CSV", ".csv.gz", ".parquet", ".arff"])
def test_a_task_comes_out_of_every_kind_of_file(tmp_path, ending):
    task = task_from_file(write(tmp_path, ending), "paid")

    assert (task.name, task.kind, task.classes.tolist()) == ("loans", "binary", ["no", "yes"])
    np.testing.assert_array_equal(task.X["age"], TABLE["age"])
    assert task.X["city"].tolist() == TABLE["city"].tolist()
    assert task.provenance == {"source": "file", "file": f"loans{ending}", "target": "paid"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_read_off_the_header(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text("\ufeff" + TABLE.to_csv(index=False, sep=delimiter), encoding="utf-8")

    assert read_table(str(path)).columns.tolist() == ["age", "city", "paid"]


def test_a_delimiter_at_the_end_of_every_line_shifts_no_column(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2,\n3,4,\n")

    assert read_table(tmp_path / "t.csv").to_numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ('"income, a year, in EUR";age\n1;x\n', ["income, a year, in EUR", "age"]),
        ("\n\nincome;age\n1;x\n", ["income", "age"]),
        ('income, age\n1, "x"\n', ["income", "age"]),
    ],
)
def test_names_with_commas_empty_lines_and_spaces_do_not_mislead(tmp_path, content, names):
    (tmp_path / "t.csv").write_text(content)

    table = read_table(tmp_path / "t.csv")

    assert table.columns.tolist() == names
    assert table.iloc[0].tolist() == [1, "x"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("name;price, EUR;weight, kg\na;1;2\n", ["name", "price, EUR", "weight, kg"]),
        ("a, b; c, d\n1;2\n\n3;4\n", ["a, b", "c, d"]),
        ("a;b\n1,5;2,5\n", ["a", "b"]),
        ("a,b;c,d\n1,2,3\n4,5,6\n", ["a", "b;c", "d"]),
        ('a;b,c\n"x;y";2\n', ["a", "b,c"]),
        ("a,b\n1,2,\n3,4,\n", ["a", "b"]),
        ("a;b\n", ["a", "b"]),
    ],
)
def test_of_two_delimiters_the_one_that_parts_all_lines_alike_is_taken(tmp_path, content, names):
    (tmp_path / "t.csv").write_text(content)

    assert read_table(tmp_path / "t.csv").columns.tolist() == names


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        ("a\n1\n\n3\n", [1, np.nan, 3]),
        ("a\r\n\r\n1\r\n", [np.nan, 1]),
        ("\n\na\n1\n2\n\n\n", [1, 2]),  # nor are empty lines around the table rows of it
        ('a\n1\n""\n', [1, np.nan]),
        ('a\nx\n\n" y "\n', ["x", np.nan, " y "]),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_an_empty_line_of_one_column_is_a_row(tmp_path, content, cells, ending):
    content = content.encode()
    path = tmp_path / f"t{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)

    pd.testing.assert_series_equal(read_table(path)["a"], pd.Series(cells, name="a"))


def test_an_empty_line_of_several_columns_is_no_row(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n\n3,4\n")

    assert read_table(tmp_path / "t.csv")["a"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("delimiter", "cells", "numbers"),
    [
        (";", ["1,5", "-2", "", "1.234,25"], [1.5, -2.0, np.nan, 1234.25]),
        (";", ["1.5", "2.25", "", "-1e3"], [1.5, 2.25, np.nan, -1000.0]),
        (",", ['"1,234.5"', "999", "", '"-1,000,000"'], [1234.5, 999.0, np.nan, -1e6]),
        (";", ["1,2", "3,4,5"], None),
        (";", ["1,5", "low"], None),
        (",", ['"1,2"', '"3,4"'], None),
        (";", ["01.02.2024", "12.11.2024"], None),
    ],
)
def test_decimal_commas_and_thousands_marks_are_read(tmp_path, delimiter, cells, numbers):
    lines = "".join(f"{cell}{delimiter}x\n" for cell in cells)
    (tmp_path / "t.csv").write_text(f"a{delimiter}b\n{lines}")

    found = read_table(tmp_path / "t.csv")["a"]

    if numbers is None:
        assert found.tolist() == [cell.strip('"') for cell in cells]
    else:
        np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize(
    ("cells", "others", "numbers"),
    [
        (["1.639", "2.973", "867"], "0,5", [1639, 2973, 867]),
        (["-1.639", "", "0"], "1.234,5", [-1639, np.nan, 0]),
        (["1.639", "2.973", "867"], "0.5", [1.639, 2.973, 867]),  # no decimal comma anywhere
        (["1.639", "2.973", "867"], "Bonn, Ulm", [1.639, 2.973, 867]),
        (["1.639", "2.97", "867"], "0,5", [1.639, 2.97, 867]),
        (["0.639", "2.973", "8"], "0,5", [0.639, 2.973, 8]),
        (["1639", "2.973", "8"], "0,5", [1639, 2.973, 8]),
    ],
)
def test_thousands_without_decimals_are_read_beside_decimal_commas(
    tmp_path, cells, others, numbers
):
    lines = "".join(f"{cell};{others}\n" for cell in cells)
    (tmp_path / "t.csv").write_text(f"a;b\n{lines}")

    np.testing.assert_array_equal(read_table(tmp_path / "t.csv")["a"], numbers)


@pytest.mark.parametrize(
    ("cells", "others", "found"),
    [
        (["1,5", "1.234,25", "low"], "x", ["1.5", "1234.25", "low"]),
        (["1.639", "2.973", "low"], "0,5", ["1639", "2973", "low"]),
        (["1.639", "2.973", "low"], "0.5", ["1.639", "2.973", "low"]),
        (["12", "13", "14a", "1.5"], "0,5", ["12", "13", "14a", "1.5"]),
    ],
)
def test_cells_that_read_are_numbers_beside_one_that_does_not(tmp_path, cells, others, found):
    lines = "".join(f"{cell};{others}\n" for cell in cells)
    (tmp_path / "t.csv").write_text(f"a;b\n{lines}")

    assert read_table(tmp_path / "t.csv")["a"].tolist() == found


def test_a_cell_that_cannot_be_read_costs_no_other_one(tmp_path):
    numbers = [f"{number},5" for number in range(200)]
    (tmp_path / "train.csv").write_text("\n".join(["a;b", *(f"{n};x" for n in numbers)]))
    (tmp_path / "test.csv").write_text("a;b\n1,5;x\n2,5;x\nk. A.;x\n")
    (tmp_path / "odd.csv").write_text("\n".join(["a;b", *(f"{n};x" for n in numbers), "?!;x"]))
    train, test, odd = (read_table(tmp_path / f"{name}.csv") for name in ("train", "test", "odd"))

    with pytest.warns(UnreadableCellsWarning, match="'k. A.'"):
        cells = TableEncoder().fit(train).expand(test)[:, 0]
    with pytest.warns(UnreadableCellsWarning, match="'\\?!'"):
        kinds = TableEncoder().fit(odd).kinds_

    np.testing.assert_array_equal(cells, [1.5, 2.5, np.nan])
    assert kinds[0] == "number"


def test_row_numbers_without_a_name_are_left_out(tmp_path):
    TABLE.iloc[[2, 0, 1]].to_csv(tmp_path / "t.csv")

    with pytest.warns(DroppedColumnsWarning, match="first column of .*t.csv"):
        table = read_table(tmp_path / "t.csv")

    assert table.columns.tolist() == ["age", "city", "paid"]


def test_row_numbers_are_kept_where_they_are_asked_for(tmp_path):
    TABLE.to_csv(tmp_path / "t.csv")

    table = read_table(tmp_path / "t.csv", keep=["Unnamed: 0"])

    assert table.columns.tolist() == ["Unnamed: 0", "age", "city", "paid"]


def test_a_first_column_without_a_name_that_repeats_values_is_kept(tmp_path):
    (tmp_path / "t.csv").write_text(",b\n1,2\n1,3\n")

    assert read_table(tmp_path / "t.csv").shape == (2, 2)


def test_an_index_that_pandas_stored_is_no_column(tmp_path):
    shuffled = TABLE.iloc[[2, 0, 1]]
    shuffled.to_parquet(tmp_path / "t.parquet")

    table = read_table(tmp_path / "t.parquet")

    assert table.columns.tolist() == ["age", "city", "paid"]
    assert table.index.tolist() == [0, 1, 2]
    assert table["age"].iloc[0] == 28.0


def test_arff_nominals_become_categories(tmp_path):
    paid = read_table(write(tmp_path, ".arff"))["paid"]

    assert paid.cat.categories.tolist() == ["yes", "no"]


def test_arff_integers_keep_their_fractions(tmp_path):
    path = tmp_path / "t.arff"
    path.write_text("@RELATION r\n@ATTRIBUTE 'an integer' integer\n@DATA\n1\n2.5\n?\n")

    found = read_table(path)["an integer"]

    np.testing.assert_array_equal(found, [1.0, 2.5, np.nan])


def test_the_kind_of_a_file_s_task_can_be_given(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,1\n2,2\n3,1\n")

    assert task_from_file(path, "b").kind == "binary"
    assert task_from_file(path, "b", kind="regression").kind == "regression"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", None, "There is no file .*t.csv"),
        ("t.xlsx", b"", "Accepted endings: .csv, .csv.gz, .parquet, .arff"),
        ("t.csv", b"", "no readable CSV"),
        ("t.csv", b"a,a\n1,2\n", "Duplicate column names: 'a'"),
        ("t.csv", b'a,b\n1,"2\n', "no readable CSV"),
        ("t.csv", b"a,b\n1,\xff\n", "no readable CSV table: .* not in UTF-8"),
        ("t.csv", b"a,y\n1,None\n2,some\n", "'y' .* no value in 1 of 2 rows .* NA, None"),
        ("t.csv", b"a,y\n1,2,3\n4,5,6\n", "more cells than the header has names"),
        ("t.csv", b"a,y\n1,2\n4,5,6\n", "no readable CSV"),
        ("t.csv.gz", b"a,b\n1,2\n", "Cannot read .*t.csv.gz"),
        ("t.csv.gz", GZIP[:-12], "Cannot read .*t.csv.gz"),  # cut short
        ("t.csv.gz", GZIP[:10] + b"\xff" * 9, "Cannot read .*t.csv.gz"),  # damaged
        ("t.parquet", b"a,b\n1,2\n", "no readable Parquet"),
        ("t.arff", b"a,b\n1,2\n", "no readable .*ARFF"),
        ("t.csv", b"a,b\n1,2\n", "t has no column 'y'. Its columns: a, b"),
    ],
)
def test_what_is_no_table_file_is_refused_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AutoMetaError, match=message) as caught:
        task_from_file(path, "y")

    assert "\n" not in str(caught.value)
