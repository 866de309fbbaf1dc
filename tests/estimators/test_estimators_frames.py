"""Any kind of frame can be fitted and predicted, odd ones included."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autometa import AutoMetaClassifier, AutoMetaRegressor, load
from autometa.exceptions import (
    AutoMetaError,
    ColumnMismatchError,
    DroppedColumnsWarning,
    UnreadableCellsWarning,
)

N_ROWS = 24
TABLE = pd.DataFrame(
    {
        "size": np.where(np.arange(N_ROWS) % 5, np.linspace(0, 1, N_ROWS), np.nan),
        "count": np.arange(N_ROWS) % 4,
        "flag": np.arange(N_ROWS) % 3 == 0,
        "color": list("abcd") * 6,
        "sold": pd.date_range("2024-01-01", periods=N_ROWS),
    }
)
Y = pd.Series(np.where(np.arange(N_ROWS) % 3, "yes", "no"))


def to_polars(table):
    polars = pytest.importorskip("polars")
    return polars.from_pandas(table) if isinstance(table, pd.DataFrame) else polars.Series(table)


def to_pyarrow(table):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.Table.from_pandas(table) if isinstance(table, pd.DataFrame) else table


FORMS = {
    "nullable": lambda table: table.convert_dtypes(),
    "arrow types": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "polars": to_polars,
    "pyarrow": to_pyarrow,
    "other index": lambda table: table.set_axis(np.arange(N_ROWS)[::-1] * 7, axis=0),
}


@pytest.fixture
def classifier(knowledge):
    return AutoMetaClassifier(n_trials=0, knowledge=knowledge, random_state=0)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_model(classifier, form):
    expected = classifier.fit(TABLE, Y).predict_proba(TABLE)
    table, y = FORMS[form](TABLE), FORMS[form](Y)

    found = classifier.fit(table, y).predict_proba(table)

    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert classifier.feature_names_in_.tolist() == list(TABLE)
    assert classifier.classes_.tolist() == ["no", "yes"]


def test_predicting_does_not_depend_on_the_form_or_the_other_rows(classifier):
    classifier.fit(TABLE, Y)
    expected = classifier.predict_proba(TABLE)

    for form in FORMS.values():
        np.testing.assert_allclose(
            classifier.predict_proba(form(TABLE)), expected, rtol=0, atol=1e-12
        )
    np.testing.assert_allclose(
        classifier.predict_proba(TABLE[5:6]), expected[5:6], rtol=0, atol=1e-9
    )


def test_tables_are_left_as_they_were(classifier):
    table, y = TABLE.copy(), Y.copy()

    classifier.fit(table, y).predict(table)

    pd.testing.assert_frame_equal(table, TABLE)
    pd.testing.assert_series_equal(y, Y)


def test_new_categories_missing_cells_and_infinities_can_be_predicted(classifier):
    classifier.fit(TABLE, Y)
    odd = TABLE[:3].astype({"count": float, "flag": object})
    odd.loc[0, "color"] = "never seen"
    odd.loc[1] = None
    odd.loc[2, ["size", "count"]] = [np.inf, -np.inf]

    assert np.isfinite(classifier.predict_proba(odd)).all()


def test_a_column_of_identifiers_is_left_out_with_a_warning(classifier):
    named = TABLE.assign(name=[f"flat {i}" for i in range(N_ROWS)])

    with pytest.warns(DroppedColumnsWarning, match="name"):
        classifier.fit(named, Y)

    assert classifier.predict(named).shape == (N_ROWS,)


def test_a_table_that_says_nothing_gives_the_shares_of_the_classes(classifier):
    constant = pd.DataFrame({"a": [1.0] * N_ROWS, "b": [np.nan] * N_ROWS})

    probabilities = classifier.fit(constant, Y).predict_proba(constant)

    assert np.ptp(probabilities, axis=0).max() < 1e-12
    assert probabilities[0, 1] > 0.5


def test_a_constant_target_is_predicted(knowledge):
    model = AutoMetaRegressor(n_trials=0, knowledge=knowledge).fit(TABLE, np.full(N_ROWS, 7.0))

    np.testing.assert_allclose(model.predict(TABLE), 7.0, atol=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(1e-100, 0), (1e100, 0), (1.0, 1e9)])
@pytest.mark.usefixtures("short_adaptation")
def test_units_of_the_target_do_not_matter(knowledge, scale, shift):
    options = {"time_limit": None, "random_state": 0, "cv": [(np.arange(12), np.arange(12, 24))]}
    models = [AutoMetaRegressor(n_trials=1, knowledge=knowledge, **options) for _ in range(2)]
    target = np.sin(np.arange(N_ROWS))

    plain = models[0].fit(TABLE, target)
    other = models[1].fit(TABLE, target * scale + shift)

    found = (other.predict(TABLE) - shift) / scale
    np.testing.assert_allclose(found, plain.predict(TABLE), rtol=0, atol=1e-4)
    assert other.best_score_ / scale == pytest.approx(plain.best_score_, rel=1e-4)


def test_more_columns_than_rows_and_very_many_levels(classifier):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(N_ROWS, 200))).add_prefix("x")
    wide["level"] = rng.choice(np.arange(15).astype(str), N_ROWS)

    assert classifier.fit(wide, Y).predict_proba(wide).shape == (N_ROWS, 2)


odd_floats = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, np.inf, -np.inf, np.nan]),
)
odd_texts = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["", " ", "nan", "1", "é"]))
CELLS = {
    "float": odd_floats,
    "int": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "maybe bool": st.one_of(st.none(), st.booleans()),
    "text": odd_texts,
    "date": st.one_of(st.none(), st.datetimes()),
    "mixed": st.one_of(odd_texts, odd_floats, st.booleans()),
}


@st.composite
def odd_frames(draw):
    """Draw a frame of a few rows with columns of any kind, and a target of two labels or more."""
    n_rows = draw(st.integers(2, 12))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    columns = {}
    for i, kind in enumerate(kinds):
        cells = draw(st.lists(CELLS[kind], min_size=n_rows, max_size=n_rows))
        dtype = object if kind in ("maybe bool", "date", "mixed", "text") else None
        columns[f"{kind} {i}"] = pd.Series(cells, dtype=dtype)
        if kind == "text" and draw(st.booleans()):
            columns[f"{kind} {i}"] = columns[f"{kind} {i}"].astype("category")
    y = draw(st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows))
    return pd.DataFrame(columns), np.array(y)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(odd_frames())
def test_odd_frames_are_fitted_or_refused_clearly(knowledge, drawn):
    frame, y = drawn
    kept = frame.copy()
    make = AutoMetaClassifier if len(np.unique(y)) > 1 else AutoMetaRegressor
    model = make(n_trials=0, knowledge=knowledge)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedColumnsWarning)
        try:
            model.fit(frame, y)
        except AutoMetaError:
            assert not hasattr(model, "n_features_in_")
            return
        predicted = model.predict_proba(frame) if len(np.unique(y)) > 1 else model.predict(frame)
        order = np.random.default_rng(0).permutation(len(y))
        shuffled = make(n_trials=0, knowledge=knowledge).fit(frame.iloc[order], y[order])

    assert np.isfinite(predicted).all()
    again = shuffled.predict_proba(frame) if predicted.ndim == 2 else shuffled.predict(frame)
    np.testing.assert_array_equal(again, predicted)
    pd.testing.assert_frame_equal(frame, kept)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=8))
def test_odd_numbers_are_predicted_finitely(knowledge, target):
    model = AutoMetaRegressor(n_trials=0, knowledge=knowledge)
    table = np.arange(len(target)).reshape(-1, 1)

    assert np.isfinite(model.fit(table, target).predict(table)).all()


def test_numbers_too_large_to_square_are_refused(knowledge):
    with pytest.raises(AutoMetaError, match="as large as 1e.200"):
        AutoMetaRegressor(n_trials=0, knowledge=knowledge).fit([[1.0], [2.0]], [1e200, 0.0])


@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0)])
def test_among_texts_false_and_zero_are_told_apart_in_any_order(knowledge, zero):
    cells = pd.Series([False, zero, "no", False, zero, "no", True, 1], dtype=object)
    frame, y = pd.DataFrame({"cell": cells}), np.array([0, 1, 0, 0, 1, 1, 0, 1])
    model = AutoMetaClassifier(n_trials=0, knowledge=knowledge)

    predicted = model.fit(frame, y).predict_proba(frame)
    again = model.fit(frame[::-1], y[::-1]).predict_proba(frame)

    np.testing.assert_array_equal(again, predicted)
    assert predicted[0, 0] != predicted[1, 0]
    np.testing.assert_allclose(model.predict_proba(frame[1:2]), predicted[1:2], atol=1e-9)
    texts = frame.astype(str).replace("0.0", "0")
    np.testing.assert_array_equal(model.predict_proba(texts), predicted)


def test_labels_of_a_target_stay_what_they_are(knowledge):
    y = pd.Series([False, "no"] * 4, dtype=object)

    with pytest.raises(AutoMetaError, match="mixes labels"):
        AutoMetaClassifier(n_trials=0, knowledge=knowledge).fit(np.arange(8).reshape(-1, 1), y)


@pytest.mark.parametrize("names", [[10, 20, 30], [2, 0, 1], [("a", 1), ("a", 2), ("b", 1)]])
def test_columns_of_other_names_than_text_keep_their_order(classifier, tmp_path, names):
    values = np.random.default_rng(0).normal(size=(N_ROWS, 3))
    table = pd.DataFrame(values, columns=pd.Index(names))
    classifier.fit(table, Y).save(tmp_path)

    for model in (classifier, load(tmp_path)):
        np.testing.assert_array_equal(model.predict_proba(values), model.predict_proba(table))
        with pytest.raises(ColumnMismatchError, match="in another order"):
            model.predict(table[names[::-1]])


def test_columns_of_several_targets_keep_their_order_too(classifier):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(N_ROWS, 3)), columns=[2, 0, 1])
    classifier.fit(table, np.column_stack([Y, Y[::-1]]))

    assert classifier.predict(table).shape == (N_ROWS, 2)
    with pytest.raises(ColumnMismatchError, match="in another order"):
        classifier.predict(table[[0, 1, 2]])


def test_a_cell_that_cannot_be_read_does_not_end_a_prediction(classifier):
    table = TABLE.assign(size=[f"{value:.3f}" for value in np.linspace(0, 1, N_ROWS)])
    classifier.fit(table, Y)
    other = table.assign(size=["?", "n/a", "O.3", *table["size"][3:]])

    with pytest.warns(UnreadableCellsWarning, match="'size'.* 1 of its cells .*'O.3'"):
        found = classifier.predict_proba(other)

    expected = classifier.predict_proba(table.assign(size=[None] * 3 + list(table["size"][3:])))
    np.testing.assert_array_equal(found, expected)


def test_cells_that_cannot_be_read_are_missing_whatever_the_other_rows_hold(classifier):
    table = TABLE.assign(size=[f"{value:.3f}" for value in np.linspace(0, 1, N_ROWS)])
    classifier.fit(table, Y)
    rows = table.head(3).assign(size=["n.k.", "unbek.", "0.5"])

    with pytest.warns(UnreadableCellsWarning):
        together = classifier.predict_proba(rows)
        apart = [classifier.predict_proba(rows[:2]), classifier.predict_proba(rows[2:])]
    np.testing.assert_allclose(np.concatenate(apart), together, rtol=1e-9)


@pytest.mark.parametrize("size", [["0.5", *"abcdefghijk"], list("abcdefghijkl")])
def test_whether_a_column_is_refused_is_decided_on_the_whole_table(classifier, monkeypatch, size):
    monkeypatch.setattr("autometa.estimators._base.ROWS_AT_ONCE", 2)
    table = TABLE.assign(size=[f"{value:.3f}" for value in np.linspace(0, 1, N_ROWS)])
    classifier.fit(table, Y)
    rows = table.head(12).assign(size=size)

    if size[0] == "0.5":
        with pytest.warns(UnreadableCellsWarning, match="11 of its cells") as said:
            assert np.isfinite(classifier.predict_proba(rows)).all()
        assert len(said) == 1
    else:
        with pytest.raises(ColumnMismatchError, match="'size' held numbers"):
            classifier.predict(rows)
