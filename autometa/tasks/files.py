"""A table, or a task, from a file."""

import gzip
import io
import itertools
import re
import warnings
import zlib
from pathlib import Path

import pandas as pd

from autometa.exceptions import DroppedColumnsWarning, InvalidInputError, InvalidTableError
from autometa.tasks._task import Task, check_columns
from autometa.tasks.arrays import naming_target, task_from_frame
from autometa.tasks.frame import arrow_to_pandas, as_frame

TABLE_ENDINGS = (".csv", ".csv.gz", ".parquet", ".arff")
#: How pandas names a first column that has no name.
NO_NAME = "Unnamed: 0"
#: With points that part thousands, or without.
WITH_THOUSANDS = r"[+-]?(?:\d{1,3}|[1-9]\d{0,2}(?:\.\d{3})+)"
DECIMAL_COMMA = r"\s*[+-]?[\d.]*\d,\d+\s*"
ARFF_INTEGER = re.compile(r"^(\s*@attribute\s.*\s)integer(?=\s*$)", re.IGNORECASE)


def read_table(path, keep=()) -> pd.DataFrame:
    """Read a table from a CSV (also gzipped), Parquet or ARFF file.

    A CSV file needs a header line; its delimiter may be a comma, a semicolon or a tab. Numbers may
    be written as 1,234.5, and as 1.234,5 between semicolons; beside such, 1.234 is a whole number
    where a column holds nothing else. A first column without a name that holds the numbers of rows,
    as pandas and R write it, is left out with a warning. Where there is but one column, an empty
    line is a missing value.

    Parameters
    ----------
    path : path
    keep : collection of str, optional
        Names of columns that are wanted: with "Unnamed: 0", that first column is not left out.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     _ = path.write_text("age;city\\n31;Bonn\\n45;Ulm\\n")
    ...     read_table(path).columns.tolist()
    ['age', 'city']
    """
    path = Path(path)
    ending = next((e for e in TABLE_ENDINGS if path.name.lower().endswith(e)), None)
    if ending is None:
        raise InvalidInputError(
            f"Cannot tell what kind of table {path} is. Accepted endings: "
            f"{', '.join(TABLE_ENDINGS)}."
        )
    if not path.is_file():
        raise InvalidInputError(f"There is no file {path}. Check the spelling and the folder.")
    read = {".parquet": _read_parquet, ".arff": _read_arff}.get(ending, _read_csv)
    try:
        frame = read(path)
    except (OSError, EOFError, zlib.error) as error:  # the last two where a .gz file is damaged
        raise InvalidInputError(f"Cannot read {path}: {_first_line(error)}.") from error
    if read is _read_csv and NO_NAME not in keep:
        frame = _without_row_numbers(frame, path)
    return as_frame(frame)


def task_from_file(path, target: str, kind: str | None = None) -> Task:
    """Make a task from a table file and the name of its target column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "loans.csv")
    ...     _ = path.write_text("age,paid\\n31,no\\n45,yes\\n")
    ...     task_from_file(path, "paid")
    <Task 'loans': 2 x 1, binary>
    """
    return _task_from_table(read_table(path), path, target, kind)


def tasks_from_file(path, targets: str, kind: str | None = None) -> list[Task]:
    """Make a task for each of several targets from a table file; no target is an input.

    Parameters
    ----------
    path : path
    targets : str
        Names of columns with commas between, or the name of one that may hold commas itself.
    kind : str, optional
        Of every target.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "loans.csv")
    ...     _ = path.write_text("age,paid,late\\n31,no,1\\n45,yes,0\\n")
    ...     tasks_from_file(path, "paid,late")
    [<Task 'loans': 2 x 1, binary>, <Task 'loans': 2 x 1, binary>]
    """
    frame = read_table(path)
    names = [targets]
    if targets not in frame.columns:
        names = list(dict.fromkeys(name.strip() for name in targets.split(",")))
    tasks = []
    for name in names:
        table = frame.drop(columns={*names} - {name}, errors="ignore")
        with naming_target(name if len(names) > 1 else None):
            tasks.append(_task_from_table(table, path, name, kind))
    return tasks


def _task_from_table(frame, path, target, kind):
    name = Path(path).name.split(".")[0]
    if target in frame.columns and (n_missing := int(frame[target].isna().sum())):
        raise InvalidTableError(
            f"Column {target!r} is the target and has no value in {n_missing} of {len(frame)} rows "
            f"of {path}. Remove these rows. In a CSV file NA, None, null and nan are no values "
            "either: where one is a class, write another word."
        )
    return task_from_frame(
        frame, target, kind, name=name, provenance={"source": "file", "file": Path(path).name}
    )


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig") as file:
            lines = [*itertools.islice((line for line in file if line.strip()), 5)]
        delimiter = _find_delimiter(lines or [""])
        options = {"sep": delimiter, "encoding": "utf-8-sig", "skipinitialspace": True}
        # pandas would silently rename the second of two equal names.
        names = pd.read_csv(path, header=None, nrows=1, dtype=str, **options).iloc[0]
        check_columns(names.dropna())
        table = path
        if len(names) == 1:  # else an empty line is none of the table
            with opener(path, "rt", encoding="utf-8-sig") as file:
                table = io.StringIO(file.read().strip())
            options["skip_blank_lines"] = False
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # pandas would silently take the first of more cells than names for an index.
            frame = pd.read_csv(table, low_memory=False, index_col=False, **options)
    except InvalidTableError:
        raise
    except pd.errors.ParserWarning as error:
        raise InvalidTableError(
            f"{path} is no readable CSV table: its lines have more cells than the header has "
            "names. Name every column in the header."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidTableError(
            f"{path} is no readable CSV table: its text is not in UTF-8. Save it in that encoding."
        ) from error
    except ValueError as error:  # pandas' ParserError and EmptyDataError
        raise InvalidTableError(
            f"{path} is no readable CSV table: {_first_line(error)}."
        ) from error
    marks = (",", ".") if delimiter == ";" else (".", ",")
    texts = {name: column for name, column in frame.items() if column.dtype.kind == "O"}
    read = {name: _read_marked_numbers(column, *marks) for name, column in texts.items()}
    if delimiter == ";" and any(_has_decimal_commas(texts[name], read[name]) for name in read):
        # pandas has read 1.639 as if the point were that of decimals.
        cells = pd.read_csv(path, dtype=str, index_col=False, **options)
        for name, column in cells.items():
            if frame[name].dtype.kind in "fO":
                found = _read_marked_numbers(column, *marks, is_comma_decimal=True)
                if found is not column:
                    read[name] = found
    for name, column in read.items():
        frame[name] = column
    return frame


def _find_delimiter(lines):
    """Of the delimiters that part all lines alike, or else of all, the header's most frequent."""
    lines = [re.sub('"[^"]*"', "", line) for line in lines]
    counts = {delimiter: [line.count(delimiter) for line in lines] for delimiter in ",;\t"}
    steady = [delimiter for delimiter, found in counts.items() if {*found} == {found[0] or 1}]
    return max(steady or counts, key=lambda delimiter: counts[delimiter][0])


def _without_row_numbers(frame, path):
    """Leave out a first column that has no name and identifies rows."""
    first = frame.iloc[:, 0]
    if first.name != NO_NAME or first.dtype.kind != "i" or not first.is_unique:
        return frame
    warnings.warn(
        f"Left out the first column of {path}: it has no name and numbers the rows. Name it to "
        "have it read.",
        DroppedColumnsWarning,
        stacklevel=3,
    )
    return frame.drop(columns=[first.name])


def _has_decimal_commas(texts, read):
    return read is not texts and texts.dropna().astype(str).str.fullmatch(DECIMAL_COMMA).any()


def _read_marked_numbers(column, decimal, thousands, *, is_comma_decimal=False):
    """Turn text into numbers where most of it reads as such, with marks that pandas leaves.

    Beside cells that do not read, numbers stay text, without these marks. With
    ``is_comma_decimal``, also read 1.639 as thousands where no cell says that it is a fraction.
    """
    whole = rf"(?:\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+)"
    number = rf"[+-]?{whole}(?:{re.escape(decimal)}\d+)?(?:[eE][+-]?\d+)?"
    cells = column.dropna()
    for some, n_least in ((cells.head(50), 0), (cells, len(cells) / 2)):
        texts = some.astype(str).str.strip()
        is_number = texts.str.fullmatch(number)
        if not is_number.sum() > n_least:  # a few settle most columns of text
            return column
    is_plain = pd.to_numeric(texts, errors="coerce").notna()
    if is_plain[is_number].all():
        if not (is_comma_decimal and texts[is_plain].str.fullmatch(WITH_THOUSANDS).all()):
            return column
    numbers = texts[is_number].str.replace(thousands, "").str.replace(decimal, ".")
    if is_number.all():
        return numbers.astype(float).reindex(column.index)
    column = column.copy()
    column.update(numbers)
    return column


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return arrow_to_pandas(pa.parquet.ParquetFile(path).read())
    except pa.ArrowException as error:
        raise InvalidTableError(f"{path} is no readable Parquet: {_first_line(error)}.") from error


def _read_arff(path: Path) -> pd.DataFrame:
    import arff

    try:
        with open(path, encoding="utf-8-sig") as file:
            # In ARFF integers are numbers like others; the reader would cut off what is no integer.
            content = arff.load(ARFF_INTEGER.sub(r"\1REAL", line) for line in file)
    except (arff.ArffException, UnicodeDecodeError) as error:
        raise InvalidTableError(
            f"{path} is no readable ARFF table: {_first_line(error)}."
        ) from error
    names = [name for name, _ in content["attributes"]]
    check_columns(names)
    frame = pd.DataFrame(content["data"], columns=names, dtype=object)
    for name, domain in content["attributes"]:
        if isinstance(domain, list):
            frame[name] = pd.Categorical(frame[name], categories=domain)
        elif domain != "STRING":
            frame[name] = frame[name].astype(float)
    return frame


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
