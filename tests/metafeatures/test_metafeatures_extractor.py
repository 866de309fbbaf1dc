"""The extractor: order, caps, deadline and odd tables."""

import itertools
import math
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from autometa.exceptions import InvalidInputError
from autometa.metafeatures import MetaFeatureExtractor, _columns, compute_metafeatures
from autometa.tasks import read_corpus, task_from_arrays


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    X["flag"] = rng.random(n) < 0.4
    X["flag2"] = rng.random(n) < 0.4
    X["color"] = rng.choice(["red", "green", "blue"], n)
    X.loc[rng.random(n) < 0.1, ["a", "color"]] = None
    return X


@pytest.fixture(params=["classes", "numbers"])
def target(request, table):
    score = table["b"] + table["flag"] + np.random.default_rng(1).normal(size=len(table))
    return score if request.param == "numbers" else pd.cut(score, 3, labels=list("xyz")).astype(str)


def test_rows_columns_and_names_may_come_in_any_order(table, target):
    rows = np.random.default_rng(2).permutation(len(table))
    shuffled = table.iloc[rows, ::-1].set_axis([f"f{j}" for j in range(table.shape[1])], axis=1)

    found = compute_metafeatures(shuffled, target.iloc[rows])

    assert found == pytest.approx(compute_metafeatures(table, target), nan_ok=True, abs=1e-12)


def test_levels_of_one_text_and_frequency_may_come_in_any_order(table, target):
    table = table.assign(mixed=pd.Series([1, "1"] * 100, dtype=object))

    found = compute_metafeatures(table[::-1], target[::-1])

    assert found == pytest.approx(compute_metafeatures(table, target), nan_ok=True, abs=1e-12)


def test_monotone_landmarks_and_storage_do_not_matter(table, target):
    stored = table.convert_dtypes().astype({"color": "category"})

    found = compute_metafeatures(stored, target)

    assert found == pytest.approx(compute_metafeatures(table, target), nan_ok=True)


def test_a_large_table_is_sampled_as_the_random_state_says(table, target, monkeypatch):
    monkeypatch.setattr(_columns, "MAX_ROWS", 50)
    monkeypatch.setattr(_columns, "MAX_COLUMNS", 3)

    first = compute_metafeatures(table, target, random_state=1)

    assert first == pytest.approx(
        compute_metafeatures(table, target, random_state=1), rel=0, abs=0, nan_ok=True
    )
    other = compute_metafeatures(table, target, random_state=2)
    assert (first["n_rows"], first["n_features"]) == (200, 7)
    assert first["pca_first_share"] != other["pca_first_share"]


def test_names_are_those_of_the_columns_and_about_fifty():
    extractor = MetaFeatureExtractor()

    names = extractor.get_feature_names_out().tolist()

    found = compute_metafeatures(np.arange(20.0).reshape(10, 2), [0, 1] * 5)
    assert names == list(found)
    assert 40 <= len(set(names)) == len(names) <= 50


def test_tasks_pairs_and_triples_give_one_row_each(table, target):
    task = task_from_arrays(table, target)
    extractor = MetaFeatureExtractor()

    rows = extractor.fit_transform([task, (table, target), (table, target, task.kind)])

    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])
    assert rows[0].tolist() == pytest.approx(
        list(compute_metafeatures(table, target).values()), nan_ok=True
    )


def test_no_tasks_give_no_rows():
    assert MetaFeatureExtractor().transform([]).shape == (0, 47)


@pytest.mark.parametrize(
    "groups",
    [("landmarking", "simple"), ("statistical",), ("information",), ("simple", "information")],
)
def test_groups_choose_columns(table, target, groups):
    whole = MetaFeatureExtractor().set_output(transform="pandas").transform([(table, target)])

    part = MetaFeatureExtractor(groups=groups).set_output(transform="pandas")

    frame = part.transform([(table, target)])
    pd.testing.assert_frame_equal(frame, whole[frame.columns])
    assert len(frame.columns) < len(whole.columns)


def test_a_deadline_leaves_out_what_is_slow_and_warns(table, target):
    with pytest.warns(UserWarning, match="exceeded 0 s; those from statistical on are NaN"):
        found = compute_metafeatures(table, target, deadline_s=0)

    whole = compute_metafeatures(table, target)
    assert list(found) == list(whole)
    simple = MetaFeatureExtractor(groups=["simple"]).get_feature_names_out()
    assert {n: found[n] for n in simple} == pytest.approx(
        {n: whole[n] for n in simple}, nan_ok=True
    )
    assert all(math.isnan(value) for name, value in found.items() if name not in simple)


def test_a_deadline_can_fall_between_landmarkers(table, target, monkeypatch):
    ticks = iter([0.0] + [1.0] * 3 + [9.0] * 9)  # start, two groups, one landmarker
    monkeypatch.setattr("autometa.metafeatures._extractor.time.monotonic", lambda: next(ticks))

    with pytest.warns(UserWarning, match="exceeded 5 s; those from landmark_tree on"):
        found = compute_metafeatures(table, target, deadline_s=5)

    assert not math.isnan(found["landmark_stump"])
    assert math.isnan(found["landmark_tree"]) and math.isnan(found["landmark_linear"])


def test_a_generous_deadline_changes_nothing(table, target):
    found = compute_metafeatures(table, target, deadline_s=100)

    assert found == pytest.approx(compute_metafeatures(table, target), rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    "setting", [{"groups": ("simple", "other")}, {"groups": ()}, {"deadline_s": -1}]
)
def test_settings_are_checked_at_fit(setting):
    with pytest.raises(InvalidInputError, match=f"{next(iter(setting))} must be"):
        clone(MetaFeatureExtractor(**setting)).fit([])


@pytest.mark.parametrize(
    ("X", "y"),
    [
        ({"a": [1, 2]}, ["x", "y"]),
        ({"a": [1, 2]}, [0.5, 1.5]),
        ({"a": [1] * 9}, [0, 1, 1] * 3),
        ({"a": [None] * 9}, [0, 1, 1] * 3),
        ({"a": [np.inf, -np.inf, np.nan] * 3}, [0, 1, 1] * 3),
        ({"a": [1.7e308, -1.7e308, 0] * 3}, [1.7e308, -1.7e308, 0] * 3),
        ({"a": ["x", None, "y"] * 3}, list("abcdefghi")),
        ({"a": [5e-324, 0, 1] * 3}, [5e-324, 0, 1e-320] * 3),
        ({"a": list("abcdefghi")}, [3.0] * 9),
        ({"a": range(300)}, [row % 200 for row in range(300)]),
    ],
)
def test_degenerate_tables_give_numbers_or_nan(X, y):
    kind = "regression" if isinstance(y[0], float) else "classification"

    found = compute_metafeatures(pd.DataFrame(X), y, kind)

    assert not any(map(math.isinf, found.values()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_odd_tables_give_no_infinity_and_no_warning(data):
    n_rows = data.draw(st.integers(2, 25))
    cells = st.sampled_from(
        [st.floats(), st.booleans(), st.none(), st.text(max_size=2), st.floats() | st.text()]
    )
    X = pd.DataFrame(
        {
            name: data.draw(st.lists(data.draw(cells), min_size=n_rows, max_size=n_rows))
            for name in "abc"[: data.draw(st.integers(1, 3))]
        }
    )
    y = data.draw(st.lists(st.integers(0, 4), min_size=n_rows, max_size=n_rows))
    kind = "classification" if len(set(y)) > 1 else "regression"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compute_metafeatures(X, y, kind)

    assert not any(map(math.isinf, found.values()))
    rows = data.draw(st.permutations(range(n_rows)))
    again = compute_metafeatures(X.iloc[rows, ::-1], [y[i] for i in rows], kind)
    assert again == pytest.approx(found, nan_ok=True, abs=1e-9)


def test_landmarks_are_there_where_a_fold_is_trained_on_columns_that_say_nothing():
    X = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])[:, None] == 1
    y = [0, 1, 3, 0, 0, 1, 2, 0, 0, 0]

    found = compute_metafeatures(X, y, "multiclass")

    landmarks = [value for name, value in found.items() if name.startswith("landmark")]
    assert landmarks and np.isfinite(landmarks).all()


def test_a_table_of_100000_rows_and_100_columns_takes_less_than_a_second():
    rng = np.random.default_rng(0)
    task = task_from_arrays(rng.normal(size=(100_000, 100)), rng.integers(0, 2, 100_000))
    start_s = time.process_time()  # not what else the machine is busy with

    MetaFeatureExtractor().transform([task])

    assert time.process_time() - start_s < 1


def test_real_tasks_are_described_without_infinities(corpus):
    tasks = itertools.islice(iter(read_corpus(corpus)), 0, 60, 6)

    rows = MetaFeatureExtractor().transform(tasks)

    assert rows.shape == (10, 47) and not np.isinf(rows).any()
    assert not np.isnan(rows[:, :2]).any()
