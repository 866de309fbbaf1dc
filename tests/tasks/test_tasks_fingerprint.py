import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.tasks import (
    Fingerprint,
    KnownTasks,
    fingerprint,
    read_corpus,
    read_index,
    row_hashes,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def mixed_table(n_rows=200, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows) * 10.0 ** rng.integers(-5, 5, n_rows),
            "count": rng.integers(0, 50, n_rows),
            "flag": rng.random(n_rows) < 0.5,
            "level": pd.Categorical(rng.choice(["red", "Blue", "3"], n_rows)),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, n_rows), "D"),
        }
    )
    X.loc[::7, "number"] = np.nan
    return X, pd.Series(rng.choice(["no", "yes"], n_rows))


def coarse_table(shares, n_rows, seed):
    rng = np.random.default_rng(seed)
    columns = [rng.choice(len(share), size=n_rows, p=share) for share in shares]
    return pd.DataFrame(np.column_stack(columns))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=32), min_size=2, max_size=30))
def test_numbers_are_equal_where_6_digits_are(values):
    normal = np.finfo(np.float32).tiny
    values = [0.0 if abs(value) < normal else value for value in values]
    hashes = row_hashes(pd.DataFrame({"a": values}))

    digits = [f"{value:.5e}".replace("-0.00000e", "0.00000e") for value in values]
    for i in range(len(values)):
        for j in range(i):
            assert (hashes[i] == hashes[j]) == (digits[i] == digits[j])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [1.0, 2.0]),
        ([1, 2], ["1", " 2.0 "]),
        ([1, 2], pd.Categorical(["1", "2"])),
        ([True, False], [1, 0]),
        ([True, False], ["TRUE", "false"]),
        (["red", None], ["'Red'", "?"]),
        (["red", None], pd.Categorical(["red", None])),
        ([1.0, None], ["1", "nan"]),
        ([0.1, 1e7], np.array([0.1, 1e7], dtype=np.float32)),
        ([0.1, 123456.7], [0.1000000001, 123456.69]),
        ([0.0, np.inf], [-0.0, 1e300]),
        (pd.to_datetime(["2020-01-31", "2020-01-01"]), ["2020-01-31", "2020-01-01 00:00:00"]),
        (pd.to_datetime(["2020-01-01T12:30", None]), ["2020-01-01 12:30:00", ""]),
        (pd.array([1, None], dtype="Int64"), [1.0, np.nan]),
    ],
)
def test_the_form_of_a_cell_does_not_matter(one, other):
    hashes = [row_hashes(pd.DataFrame({"a": values})) for values in (one, other)]

    np.testing.assert_array_equal(*hashes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.00001),
        (1.0, -1.0),
        (1.0, 10.0),
        (0.0, np.nan),
        (np.inf, -np.inf),
        ("red", "blue"),
        ("red", None),
        ("1", "one"),
    ],
)
def test_different_cells_differ(one, other):
    hashes = [row_hashes(pd.DataFrame({"a": [value]})) for value in (one, other)]

    assert hashes[0] != hashes[1]


def test_a_column_without_any_date_is_one_without_any_number():
    dates, numbers = (pd.DataFrame({"a": range(20), "b": [b] * 20}) for b in (pd.NaT, np.nan))

    assert dates["b"].dtype.kind == "M"
    assert fingerprint(dates).to_dict() == fingerprint(numbers).to_dict()


def test_neither_order_nor_names_of_columns_matter():
    X, y = mixed_table()
    rows = np.random.default_rng(1).permutation(len(X))
    shuffled = (
        X[["day", "level", "number", "flag", "count"]].iloc[rows].set_axis(list("abcde"), axis=1)
    )

    np.testing.assert_array_equal(row_hashes(X, y)[rows], row_hashes(shuffled, y.iloc[rows]))
    np.testing.assert_array_equal(row_hashes(X, y), row_hashes(X.assign(y=y)))


def test_two_columns_may_exchange_cells_but_not_lose_them():
    a = row_hashes([[1, 2]])

    assert a == row_hashes([[2, 1]])
    assert a != row_hashes([[1, 1]])
    assert a != row_hashes([[1, 2, 0]])
    assert row_hashes([[1, 1]]) != row_hashes([[2, 2]])


def test_half_of_a_table_is_recognised_in_every_form():
    X, y = mixed_table()
    known = fingerprint(X, y)
    half = X.sample(frac=0.5, random_state=0)

    assert known.match(half, y[half.index]) == 1.0
    assert known.match(half.to_numpy(dtype=object), y[half.index].to_numpy()) == 1.0
    assert known.match(pl.from_pandas(half), pl.from_pandas(y[half.index])) == 1.0
    assert known.match(fingerprint(half, y[half.index])) == 1.0


def test_another_target_hides_nothing():
    X, y = mixed_table()
    known = fingerprint(X, y)

    assert known.match(X, y == "yes") == 1.0
    assert known.match(X) == 1.0
    assert known.match(X.drop(columns="count").assign(y=y), X["count"]) == 1.0


def test_a_part_that_was_sketched_recognises_the_whole():
    X, y = mixed_table(n_rows=2000)
    part = X.sample(n=200, random_state=0)

    assert fingerprint(part, y[part.index]).match(X, y) == 1.0


def test_rows_of_another_origin_lower_the_share():
    X, y = mixed_table()
    other, _ = mixed_table(seed=1)

    share = fingerprint(X, y, k=None).match(pd.concat([X[:50], other[:150]]), [*y[:50], *y[:150]])

    assert share == pytest.approx(0.25)


def test_changed_cells_escape():
    X, y = mixed_table()

    assert fingerprint(X, y).match(X.drop(columns="count"), y) == 0.0
    assert fingerprint(X, y).match(X.assign(count=X["count"] + 0.5), y) == 0.0


def test_coarse_tables_are_told_apart_by_how_often_their_rows_occur():
    shares, others = [[0.5, 0.5]] * 6, [[0.8, 0.2]] * 6
    known = fingerprint(coarse_table(shares, 1000, seed=0))
    half = coarse_table(shares, 1000, seed=0).sample(frac=0.5, random_state=0)

    assert known.match(half) == 1.0
    assert known.match(coarse_table(others, 500, seed=1)) == 0.0


def test_a_few_shared_rows_prove_nothing():
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})

    assert fingerprint(table).match(table) == 0.0


def test_a_fingerprint_survives_json():
    X, y = mixed_table(n_rows=100)
    coarse = coarse_table([[0.5, 0.5]] * 6, 300, seed=0)
    known = KnownTasks({"mixed": fingerprint(X, y), "coarse": fingerprint(coarse)})

    again = KnownTasks.from_dict(json.loads(json.dumps(known.to_dict())))

    assert again.to_dict() == known.to_dict()
    assert again.find(X[:50], y[:50]) == ["mixed"]
    assert again.find(coarse[:150]) == ["coarse"]
    assert (again.fingerprints["mixed"].n_rows, again.fingerprints["mixed"].n_columns) == (100, 5)


@pytest.mark.parametrize(
    "damage",
    [
        {"n_rows": "many"},
        {"rows": {}},
        {"rows": {"hashes": "AAA", "counts": None, "n_distinct": 1}},
        {"features": {"hashes": "AAAAAAAAAAA=", "counts": [1, 2], "n_distinct": 1}},
    ],
)
def test_a_damaged_fingerprint_is_refused(damage):
    data = fingerprint([[1.0], [2.0]]).to_dict() | damage

    with pytest.raises(ArtefactError, match="unreadable"):
        Fingerprint.from_dict(data)


def test_wrong_use_is_refused():
    with pytest.raises(InvalidInputError, match="k must be >= 5, got 2"):
        fingerprint([[1.0]], k=2)
    with pytest.raises(InvalidInputError, match="empty table"):
        fingerprint(np.ones((0, 2)))
    with pytest.raises(InvalidInputError, match="X has 2 rows, y has 3"):
        fingerprint([[1.0], [2.0]], [1, 2, 3])


def test_searching_an_empty_collection_finds_nothing():
    assert KnownTasks({}).find(*mixed_table()) == []


def test_the_surest_of_many_known_tasks_comes_first():
    X, y = mixed_table()
    other, _ = mixed_table(seed=1)
    both = pd.concat([X, other[:150]])
    prints = {f"t{seed}": fingerprint(*mixed_table(seed=seed)) for seed in range(2, 40)}

    known = KnownTasks(prints | {"part": fingerprint(other), "whole": fingerprint(X)})

    found = known.find(both)
    assert found[0] == "whole"
    assert set(found) == {"part", "whole"}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus next to the checkout")
def test_halves_of_real_tables_are_recognised_without_false_alarms(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *sys.path])
    from benchmarks.fingerprint import halve

    index = read_index(CORPUS).set_index("name")
    small = index[index["n_rows"].between(50, 1000) & (index["n_features"] < 30)]
    tasks = list(read_corpus(CORPUS, names=small.index[::2]))
    known = KnownTasks.from_tasks(tasks)
    rng = np.random.default_rng(1)

    for task in tasks:
        found = known.find(*halve(task.X, task.y, rng))
        assert task.name in found
        assert set(index.loc[found, "family"]) == {task.provenance["family"]}
