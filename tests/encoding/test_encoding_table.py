"""TableEncoder as a whole: rows, columns, weights, state and scikit-learn's checks."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from autometa.encoding import TableEncoder
from autometa.exceptions import (
    ColumnMismatchError,
    DroppedColumnsWarning,
    InvalidInputError,
    InvalidTableError,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 120
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "count": rng.integers(0, 30, n),
            "flag": rng.random(n) < 0.3,
            "color": rng.choice(["red", "green", "blue"], n),
            "town": rng.choice([f"town {i}" for i in range(25)], n),
            "sold": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 9999, n), unit="h"),
            "heavy": np.where(rng.random(n) < 0.1, np.inf, rng.standard_cauchy(n)),
        }
    )
    for name in ("number", "color", "town", "sold"):
        frame.loc[rng.random(n) < 0.1, name] = None
    return frame


@parametrize_with_checks([TableEncoder()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_a_row_alone_and_in_a_batch_give_identical_numbers(table):
    encoder = TableEncoder().fit(table)

    alone = np.concatenate([encoder.transform(table.iloc[[i]]) for i in range(len(table))])

    np.testing.assert_array_equal(alone, encoder.transform(table))


def test_chunks_of_rows_change_nothing(table, monkeypatch):
    encoder = TableEncoder().fit(table)
    whole = encoder.transform(table)

    monkeypatch.setattr("autometa.encoding._table.ROWS_AT_ONCE", 7)

    np.testing.assert_array_equal(encoder.transform(table), whole)


def test_weights_count_rows(table):
    weights = np.random.default_rng(1).integers(0, 4, len(table))

    weighted = TableEncoder().fit(table, sample_weight=weights)

    repeated = TableEncoder().fit(table.iloc[np.repeat(np.arange(len(table)), weights)])
    assert weighted.get_feature_names_out().tolist() == repeated.get_feature_names_out().tolist()
    np.testing.assert_allclose(
        weighted.transform(table), repeated.transform(table), rtol=0, atol=1e-12
    )


def test_rows_of_weight_0_decide_nothing():
    table = pd.DataFrame({"a": ["1", "2", "text"], "b": [1, 1, 2]})

    encoder = TableEncoder().fit(table, sample_weight=[1, 1, 0])

    assert encoder.kinds_ == ["number", "constant"]


def test_the_order_of_rows_does_not_matter(table):
    shuffled = table.sample(frac=1, random_state=0)

    encoders = TableEncoder().fit(table), TableEncoder().fit(shuffled)

    first, second = (encoder.transform(table) for encoder in encoders)
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)


def test_columns_know_their_source(table):
    encoder = TableEncoder().fit(table)

    sources = table.columns[encoder.column_sources_]

    names = encoder.get_feature_names_out()
    assert len(names) == encoder.n_columns_ == encoder.transform(table).shape[1]
    assert all(name.startswith(source) for name, source in zip(names, sources, strict=True))


def test_the_state_survives_json_bit_by_bit(table):
    encoder = TableEncoder(max_levels=5).fit(table)

    meta, arrays = encoder.to_state()
    restored = TableEncoder.from_state(json.loads(json.dumps(meta)), arrays)

    np.testing.assert_array_equal(restored.transform(table), encoder.transform(table))
    assert restored.get_params() == encoder.get_params()
    for name in ("kinds_", "n_columns_", "n_features_in_"):
        assert getattr(restored, name) == getattr(encoder, name)
    with pytest.raises(ColumnMismatchError):
        restored.transform(table[table.columns[::-1]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.drop(columns="count"), r"Missing: \['count'\]"),
        (lambda t: t.assign(more=1), r"Not seen at fit: \['more'\]"),
        (lambda t: t[t.columns[::-1]], "another order"),
        (lambda t: t.rename(columns={"count": "n"}), r"Missing.*'count'.*Not seen.*'n'"),
        (lambda t: t.to_numpy()[:, 1:], "has 6 features.*expecting 7"),
    ],
)
def test_other_columns_are_refused(table, change, match):
    encoder = TableEncoder().fit(table)

    with pytest.raises(ColumnMismatchError, match=match):
        encoder.transform(change(table))


def test_names_on_one_side_only_warn():
    values = np.arange(6.0).reshape(3, 2)
    frame = pd.DataFrame(values, columns=["a", "b"])

    with pytest.warns(UserWarning, match="does not have valid feature names"):
        TableEncoder().fit(frame).transform(values)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        TableEncoder().fit(values).transform(frame)


def test_fitting_again_without_names_forgets_the_names():
    encoder = TableEncoder().fit(pd.DataFrame({"a": [1, 2]})).fit(np.array([[1], [2]]))

    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.get_feature_names_out().tolist() == ["x0"]


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (pd.DataFrame({"a": []}), "0 sample"),
        (pd.DataFrame(index=[0, 1]), "0 feature"),
        (np.arange(3), "Expected 2D array"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"\['a'\] appear more than once"),
        (pd.DataFrame([[1, 2]], columns=["a", 0]), "all text or none"),
    ],
)
def test_tables_that_are_none_are_refused(X, match):
    with pytest.raises(InvalidTableError, match=match):
        TableEncoder().fit(X)


@pytest.mark.parametrize(
    ("weights", "match"),
    [([1], "shape"), ([1, -1], ">= 0"), ([1, np.nan], "finite"), ([0, 0], "zero")],
)
def test_weights_that_are_none_are_refused(weights, match):
    with pytest.raises(InvalidInputError, match=match):
        TableEncoder().fit(pd.DataFrame({"a": [1, 2]}), sample_weight=weights)


def test_max_levels_is_checked_at_fit():
    with pytest.raises(InvalidInputError, match="max_levels must be >= 2, got 1"):
        clone(TableEncoder(max_levels=1)).fit(pd.DataFrame({"a": [1, 2]}))


CELLS = {
    "number": st.floats(width=64) | st.none(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(max_size=4) | st.none(),
    "anything": st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-9, 9),
        st.floats(),
        st.text(max_size=3),
        st.datetimes(),
    ),
    "date": st.datetimes() | st.none(),
    "nested": st.lists(st.integers(0, 2), max_size=2) | st.none(),
}


@st.composite
def odd_tables(draw):
    n_rows = draw(st.integers(1, 20))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    columns = {
        f"c{j}": pd.Series(
            draw(st.lists(CELLS[kind], min_size=n_rows, max_size=n_rows)), dtype=object
        )
        for j, kind in enumerate(kinds)
    }
    frame = pd.DataFrame(columns)
    with np.errstate(invalid="ignore"):  # pandas 2 warns of infinities that are no integers
        return frame.convert_dtypes() if draw(st.booleans()) else frame


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=odd_tables())
def test_odd_tables_give_finite_numbers_row_by_row(table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedColumnsWarning)
        encoder = TableEncoder(max_levels=3).fit(table)

    out = encoder.transform(table)

    assert np.isfinite(out).all() and (np.abs(out) <= 3).all()
    np.testing.assert_array_equal(encoder.transform(table.iloc[:1]), out[:1])
    meta, arrays = encoder.to_state()
    restored = TableEncoder.from_state(json.loads(json.dumps(meta)), arrays)
    np.testing.assert_array_equal(restored.transform(table), out)


def test_codes_of_categories_stand_beside_numbers():
    table = pd.DataFrame(
        {
            "size": [1.0, np.nan, 3.0, 4.0],
            "kind": ["b", "a", "b", "c"],
            "pair": ["x", "y", "x", None],
            "same": [1, 1, 1, 1],
        }
    )
    encoder = TableEncoder().fit(table)
    other = pd.DataFrame({"size": [9.0], "kind": ["new"], "pair": ["y"], "same": [2]})

    values, n_codes = encoder.expand_codes(table)

    assert n_codes.tolist() == [0, 3, 0]
    np.testing.assert_array_equal(values[:, 1], [0, 1, 0, 2])
    np.testing.assert_array_equal(values[:, [0, 2]], encoder.expand(table)[:, [0, 4]])
    assert np.isnan(encoder.expand_codes(other)[0][0, 1])
    few, n_few = encoder.expand_codes(table, max_codes=2)
    assert few[:, 1].tolist() == [0, 1, 0, 1] and n_few.tolist() == [0, 2, 0]


def test_codes_of_a_table_without_information_are_a_column_of_zeros():
    values, n_codes = TableEncoder().fit([[1.0], [1.0]]).expand_codes([[1.0], [2.0]])

    assert values.tolist() == [[0.0], [0.0]] and n_codes.tolist() == [0]
