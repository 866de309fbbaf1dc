"""What a column of a table is, and how each kind becomes numbers."""

import dataclasses
import re
import warnings
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import pandas as pd
from pandas.api import types

from autometa.exceptions import ColumnMismatchError, InvalidTableError, UnreadableCellsWarning

#: A number with marks of thousands, a currency or a percent sign.
MARKED_NUMBER = r"([+-]?)[$€£¥]?\s*(\d+|\d{1,3}(?:,\d{3})+)(\.\d+)?\s*[%€]?"
ISO_DATE = r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}.*)?"
UTC_OFFSET = r"\d(?:Z|[+-]\d{2}:?\d{2})$"
#: Other ways to write a date, tried on text that looks like one; of two by which as many cells
#: read, the first, as pandas does.
DATE_LIKE = (
    r"\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}\b.*|[A-Za-z]{3,9} \d{1,2},? \d{4}\b.*"
)
LIKELY_YEARS = (1800, 2200)
DAY_FORMATS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%m-%d-%Y", "%d-%m-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%d %b %Y"),
    *("%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"),
)
# From whole years to hours; a part is kept where it varies, the day count always.
DATE_PARTS = ("days", "year", "month", "day", "day_of_week", "hour")
#: What stands for a missing value among numbers and dates written as text, in small letters.
MISSING_WORDS = frozenset(
    ("", "?", "-", "--", ".", "nan", "na", "n/a", "n.a.", "#n/a", "<na>", "nat", "nil", "none")
    + ("null", "missing", "unknown", "0000-00-00")
)
BOOLEAN_WORDS = {"true": True, "false": False}
#: Text with cells that do not read is numbers or dates where so many different ones do.
FEWEST_READ = 10
#: Of its cells, the share that may be neither read nor such words.
MOST_SLIPS = 0.01


def find_kind(column):
    """Name the kind of a column: number, boolean, date, category or missing.

    Text counts as numbers or dates if every value reads as one; of :data:`FEWEST_READ` different
    ones, all but words for a missing value such as "?", and one other cell in a hundred.

    Parameters
    ----------
    column : Series

    Examples
    --------
    >>> [find_kind(pd.Series(v)) for v in ([1, 2], ["1", "2.5"], ["1", "b"], ["2024-01-31"])]
    ['number', 'number', 'category', 'date']
    >>> [find_kind(pd.Series(v, dtype=object)) for v in ([True, None], [None])]
    ['boolean', 'missing']
    """
    if not column.notna().any():
        return "missing"
    kind = _kind_of_dtype(column.dtype)
    if kind == "object":
        values = column.dropna().to_numpy(dtype=object)
        kind = _kind_of_values(values)
    if kind == "complex":
        raise InvalidTableError(
            f"Complex data not supported: column {column.name!r} holds complex numbers. "
            "Give its real and imaginary parts as two columns."
        )
    return kind


def _kind_of_dtype(dtype):
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":  # most columns, and the quickest to ask
        return "number"
    arrow_name = str(getattr(dtype, "pyarrow_dtype", ""))
    if isinstance(dtype, pd.CategoricalDtype) or arrow_name.startswith("dictionary"):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_complex_dtype(dtype):
        return "complex"
    if types.is_numeric_dtype(dtype) or arrow_name.startswith("decimal"):
        return "number"
    if types.is_timedelta64_dtype(dtype) or arrow_name.startswith("duration"):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "date"
    if arrow_name.startswith(("date", "timestamp")):
        return "date"
    return "object"


def _kind_of_values(values):
    inferred = types.infer_dtype(values)
    if inferred in ("boolean", "complex"):
        return inferred
    if inferred in ("datetime", "datetime64", "date"):
        return "date"
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal", "timedelta"):
        return "number"
    if inferred in ("string", "mixed", "mixed-integer") and _reads(values, _parse_numbers):
        return "number"
    if inferred == "string" and _date_format(values) is not None:
        return "date"
    return "category"


def find_date_format(column):
    """How a column that holds dates writes them; None but for text that is not ISO 8601."""
    if _kind_of_dtype(column.dtype) != "object":
        return None
    values = column.dropna().to_numpy(dtype=object)
    return (_date_format(values) or None) if _is_text(values) else None


def _date_format(values):
    """The format of dates written as text, "" for ISO 8601; None where they are none."""
    if _reads(values, _parse_iso_dates):
        return ""
    texts = (value.strip() for value in values[:50])
    first = next((text for text in texts if re.fullmatch(DATE_LIKE, text)), None)
    if first is None:
        return None
    time = ""
    if ":" in first:
        half = re.search(r"( ?)[ap]m$", first, re.IGNORECASE)
        time = " %H:%M:%S"[: 3 * (1 + first.count(":"))]
        if half is not None:
            time = time.replace("%H", "%I") + half.group(1) + "%p"
    formats = [day + time for day in DAY_FORMATS]
    formats = [f for f in formats if _reads(values, partial(_parse_format, format=f))]
    if len(formats) < 2:
        return formats[0] if formats else None
    return max(formats, key=lambda f: int((~np.isnat(_parse_format(values, f))).sum()))


def _parse_format(values, format):
    values = pd.Series(values, dtype=object).str.strip()
    dates = pd.to_datetime(values, format=format, errors="coerce")
    is_likely = dates.dt.year.between(*LIKELY_YEARS)  # codes may look like dates
    return dates.where(is_likely).to_numpy().astype("datetime64[us]")


def _reads(values, parse):
    """Whether text reads as what ``parse`` makes of it, up to a few cells."""
    # A few values settle most columns of text without parsing all of them.
    for some, n_most in ((values[:50], 2), (values, MOST_SLIPS * len(values))):
        parsed = parse(some)
        is_read = ~pd.isna(parsed)
        unread = [value for value in some[~is_read] if not _is_blank(value)]
        if sum(not _is_missing_word(value) for value in unread) > n_most:
            return False
    return not unread or len(np.unique(parsed[is_read])) >= FEWEST_READ


def _is_blank(value):
    return isinstance(value, str) and value.strip().lower() in ("", "nan")


def _is_missing_word(value):
    return isinstance(value, str) and value.strip().lower() in MISSING_WORDS


def _parse_numbers(values):
    numbers = np.array(pd.to_numeric(pd.Series(values), errors="coerce"), dtype=np.float64)
    for i in np.flatnonzero(np.isnan(numbers)):
        found = re.fullmatch(MARKED_NUMBER, str(values[i]).strip())
        if found is not None:
            numbers[i] = float("".join(filter(None, found.groups())).replace(",", ""))
    return numbers


def _is_text(values):
    return types.infer_dtype(values) == "string"


def _parse_iso_dates(values):
    dates = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
    is_iso = pd.Series(values, dtype=object).str.fullmatch(ISO_DATE).to_numpy(dtype=bool)
    if is_iso.any():
        dates[is_iso] = _parse_dates(values[is_iso])
    return dates


def _parse_dates(values):
    values = pd.Series(values, dtype=object)
    dates = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
    has_offset = values.str.contains(UTC_OFFSET, na=False) if _is_text(values) else values.isna()
    # Apart, since pandas 2 reads a time without offset as if it had that of the value before it.
    for is_part in (has_offset.to_numpy(dtype=bool), ~has_offset.to_numpy(dtype=bool)):
        parsed = pd.to_datetime(values[is_part], errors="coerce", utc=True, format="ISO8601")
        dates[is_part] = parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    for i in np.flatnonzero(np.isnat(dates)):  # such as 9999-12-31, outside what pandas may hold
        try:
            dates[i] = np.datetime64(str(values.iloc[i])[:10], "us")
        except ValueError:
            continue
    return dates


def find_unread(column, name, plan):
    """Tell which cells cannot be read as what their column held at fit; refuse a column of such.

    Returns
    -------
    ndarray of bool of shape (n_rows,) or None
        None where all can.
    """
    found = []

    def check(name, before, column, is_unread):
        _check_unread(name, before, column, is_unread, fewest=FEWEST_READ)
        found.append(is_unread)

    if isinstance(plan, (Numbers, Dates)) and _kind_of_dtype(column.dtype) == "object":
        plan.read(column, name, check)
    return found[0] if found and found[0].any() else None


def _check_unread(name, before, column, is_unread, fewest=2):
    """Refuse a column whose cells are so many different ones, none of which reads; else warn.

    Those cells count as missing, also where no other is there.
    """
    wrong = column[is_unread]
    wrong = wrong[[not _is_missing_word(value) for value in wrong]]
    if wrong.empty:
        return
    texts = list(dict.fromkeys(map(repr, wrong.tolist())))
    if len(wrong) == column.notna().sum() and len(texts) >= fewest:
        raise _mismatch(name, before, wrong)
    warnings.warn(
        f"Column {name!r} holds {before}, and {len(wrong)} of its cells cannot be read, such as "
        f"{', '.join(texts[:3])}; they count as missing. Mend them, or write NaN.",
        UnreadableCellsWarning,
        stacklevel=2,
    )


def _mismatch(name, before, column, is_wrong=None):
    values = column[column.notna().to_numpy() if is_wrong is None else is_wrong]
    shown = ", ".join(repr(v) for v in values.head(3).tolist())
    return ColumnMismatchError(
        f"Column {name!r} held {before} at fit and now has values such as {shown} "
        f"(dtype {column.dtype}). Convert it to what it was at fit, or fit again."
    )


def as_numbers(column, name, before="numbers", check=_check_unread):
    """Read a column as float64 of shape (n_rows,), NaN where missing.

    ``before`` says what the column held at fit, for the message where it cannot be read;
    ``check`` is told which cells cannot.
    """
    kind = _kind_of_dtype(column.dtype)
    if kind == "number" and isinstance(column.dtype, np.dtype) and column.dtype.kind != "m":
        return column.to_numpy(dtype=np.float64)
    if types.is_timedelta64_dtype(column.dtype) or "duration" in str(column.dtype):
        return column.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(column.dtype, pd.SparseDtype):
        return np.asarray(column.sparse.to_dense(), dtype=np.float64)
    if kind in ("number", "boolean"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = column.to_numpy(dtype=object)
    is_present = column.notna().to_numpy()
    numbers = np.full(len(column), np.nan)
    if not is_present.any():
        return numbers
    if kind == "date":
        raise _mismatch(name, before, column)
    present = values[is_present]
    if types.infer_dtype(present) == "timedelta":
        present = pd.to_timedelta(present).total_seconds().to_numpy()
    else:
        present = _parse_numbers(present)
    numbers[is_present] = present
    check(name, before, column, is_present & np.isnan(numbers))
    return numbers


def as_dates(column, name, format=None, check=_check_unread):
    """Read a column as datetime64[us] of shape (n_rows,) in UTC, NaT where missing.

    ``format`` is that of text which is not ISO 8601; text that is reads as well.
    """
    dates = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]")
    is_present = column.notna().to_numpy()
    if not is_present.any():
        return dates
    kind = _kind_of_dtype(column.dtype)
    if kind not in ("date", "object"):
        raise _mismatch(name, "dates", column)
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(None)
    if isinstance(column.dtype, np.dtype) and kind == "date":
        return column.to_numpy().astype("datetime64[us]")
    values = column.to_numpy(dtype=object)
    is_text = np.array([isinstance(value, str) for value in values], dtype=bool)
    if (is_object := is_present & ~is_text).any():
        dates[is_object] = _parse_dates(values[is_object])
    if (is_left := is_present & is_text).any():
        dates[is_left] = _parse_iso_dates(values[is_left])
    if format is not None and (is_left := is_left & np.isnat(dates)).any():
        dates[is_left] = _parse_format(values[is_left], format)
    check(name, "dates", column, is_present & np.isnat(dates))
    return dates


def as_levels(column):
    """Read a column as codes of shape (n_rows,), -1 where missing, and the texts they stand for."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy(), list(dtype.categories)
    else:
        if _kind_of_dtype(dtype) == "object" or hasattr(dtype, "pyarrow_dtype"):
            column = column.astype(object)
        try:
            codes, levels = pd.factorize(column)
        except TypeError:  # lists and other values that have no hash
            codes, levels = pd.factorize(column.map(str, na_action="ignore"))
    texts = {}
    merged = np.array([texts.setdefault(_as_text(v), len(texts)) for v in levels] + [-1])
    return merged[codes], list(texts)


def _read_boolean(value):
    return BOOLEAN_WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _as_text(level):
    """Write a level so that 1, 1.0 and "1" are one level however a reader typed them."""
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        level = int(level)
    return str(level)


def _is_number_text(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclasses.dataclass(frozen=True)
class Dropped:
    """A column that is not used; ``kind`` says why: constant, missing or text."""

    kind: str

    def names(self, name):
        return []

    def expand(self, column, name):
        return np.empty((len(column), 0))


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Numbers and booleans, one column as they are; booleans may also come as 0 and 1."""

    kind: str = "number"

    def names(self, name):
        return [name]

    def read(self, column, name, check=_check_unread):
        if self.kind == "boolean" and _kind_of_dtype(column.dtype) == "object":
            column = column.map(_read_boolean, na_action="ignore")
        return as_numbers(column, name, f"{self.kind}s", check)

    def expand(self, column, name):
        numbers = self.read(column, name)
        if self.kind == "boolean":
            is_wrong = ~(np.isnan(numbers) | (numbers == 0) | (numbers == 1))
            if is_wrong.any():
                raise _mismatch(name, "booleans", column, is_wrong)
        return numbers[:, None]


@dataclasses.dataclass(frozen=True)
class Dates:
    """Dates, one column a part that varied at fit."""

    parts: tuple
    format: str | None = None
    kind: ClassVar[str] = "date"

    @classmethod
    def fit(cls, dates, format=None):
        table = cls(DATE_PARTS).split(dates)
        table = table[~np.isnan(table[:, 0])]
        varies = (table != table[:1]).any(axis=0)
        varying = (p for p, v in zip(DATE_PARTS[1:], varies[1:], strict=True) if v)
        return cls(("days", *varying), format)

    def names(self, name):
        return [f"{name}.{part}" for part in self.parts]

    def read(self, column, name, check=_check_unread):
        return as_dates(column, name, self.format, check)

    def split(self, dates):
        index = pd.DatetimeIndex(dates)
        out = np.empty((len(dates), len(self.parts)))
        for j, part in enumerate(self.parts):
            if part == "days":
                out[:, j] = dates.astype(np.int64) / 86_400e6
            else:
                out[:, j] = getattr(index, part)
        out[np.isnat(dates)] = np.nan
        return out

    def expand(self, column, name):
        return self.split(self.read(column, name))


@dataclasses.dataclass(frozen=True)
class Levels:
    """Categories: a 0/1 column for each of the most frequent levels; many levels add a log count.

    Two levels need one column, which marks the rarer. A level that was not seen gives zeros.
    """

    levels: tuple  # most frequent first
    counts: tuple
    max_levels: int
    kind: ClassVar[str] = "category"

    @classmethod
    def fit(cls, codes, texts, weights, max_levels):
        counts = np.bincount(codes[codes >= 0], weights[codes >= 0], minlength=len(texts))
        pairs = zip(counts.tolist(), texts, strict=True)
        pairs = sorted((-count, text) for count, text in pairs if count > 0)
        return cls(tuple(t for _, t in pairs), tuple(-c for c, _ in pairs), max_levels)

    @property
    def has_many(self):
        return len(self.levels) > self.max_levels

    @property
    def shown(self):
        return self.levels[1:] if len(self.levels) == 2 else self.levels[: self.max_levels]

    def names(self, name):
        names = [f"{name}={level}" for level in self.shown]
        return [*names, f"{name}.log_count"] if self.has_many else names

    def expand(self, column, name):
        if not self._can_hold(column):
            raise _mismatch(name, f"categories such as {self.levels[0]!r}", column)
        codes, texts = as_levels(column)
        rows = np.full((len(texts) + 1, len(self.names(name))), 0.0)
        place = {text: j for j, text in enumerate(self.shown)}
        for i, text in enumerate(texts):
            if text in place:
                rows[i, place[text]] = 1.0
        if self.has_many:
            rows[:-1, -1] = [self._log_counts.get(text, 0.0) for text in texts]
        rows[-1] = np.nan  # the code -1
        return rows[codes]

    def codes(self, column, name, max_codes):
        """One column of codes, most frequent level first; NaN for missing and unseen levels."""
        if not self._can_hold(column):
            raise _mismatch(name, f"categories such as {self.levels[0]!r}", column)
        codes, texts = as_levels(column)
        place = {text: float(min(j, max_codes - 1)) for j, text in enumerate(self.levels)}
        return np.array([*(place.get(text, np.nan) for text in texts), np.nan])[codes][:, None]

    @cached_property
    def _log_counts(self):
        return dict(zip(self.levels, np.log1p(self.counts).tolist(), strict=True))

    def _can_hold(self, column):
        kind = _kind_of_dtype(column.dtype)
        if kind in ("object", "category") or not column.notna().any():
            return True
        if kind == "boolean":
            return not {"True", "False"}.isdisjoint(self.levels)
        return kind == "number" and any(map(_is_number_text, self.levels))


KINDS = {plan.__name__: plan for plan in (Dropped, Numbers, Dates, Levels)}


def plan_to_dict(plan):
    """Turn a plan into what JSON can hold."""
    return {"plan": type(plan).__name__, **dataclasses.asdict(plan)}


def plan_from_dict(state):
    """Restore what `plan_to_dict` gave."""
    state = {k: tuple(v) if isinstance(v, list) else v for k, v in state.items()}
    return KINDS[state.pop("plan")](**state)
