import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC

from autometa.encoding import TableEncoder
from autometa.families import TablePreparation


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "size": [1.0, 2.0, np.nan, 1e200],
            "colour": ["red", "blue", None, "red"],
            "kind": ["a", "b", "c", "a"],
        }
    )


def test_indicators_keep_gaps_and_cap_what_is_huge(table):
    found = TablePreparation("indicators").fit_transform(table)

    assert found[:, 0].tolist()[:2] == [1.0, 2.0]
    assert np.isnan(found[2, 0]) and found[3, 0] == 1e30
    assert found.shape == (4, 1 + 1 + 3)


def test_codes_count_from_the_most_frequent_level(table):
    preparation = TablePreparation("codes").fit(table)
    other = pd.DataFrame({"size": [3.0], "colour": ["blue"], "kind": ["unseen"]})

    found, seen_later = preparation.transform(table), preparation.transform(other)

    assert found["c2"].tolist() == [0, 1, 2, 0]
    assert found["c2"].dtype == seen_later["c2"].dtype == "category"
    assert found["c1"].tolist()[:2] == [0.0, 1.0]  # two levels need no codes
    assert seen_later["c2"].isna().all()


def test_plain_codes_are_the_codes_as_numbers(table):
    table = table.assign(more=list("xyzx"))
    preparation = TablePreparation("plain_codes").fit(table)

    found, codes = preparation.transform(table), TablePreparation("codes").fit_transform(table)

    is_code = (codes.dtypes == "category").to_numpy()
    assert preparation.code_columns_ == np.flatnonzero(is_code).tolist() != []
    for j, name in enumerate(codes):
        column = codes[name].cat.codes.replace(-1, np.nan) if is_code[j] else codes[name]
        np.testing.assert_array_equal(found[:, j], column.astype(float))


def test_filled_codes_have_no_gaps(table):
    table.loc[1, "kind"] = None
    found = TablePreparation("filled_codes").fit_transform(table.assign(more=list("xyzx")))

    assert found["c3"].tolist() == [0, 1, 2, 0]
    assert found["c3"].dtype == "int64"


def test_more_levels_than_codes_share_the_last_code():
    table = pd.DataFrame({"many": [f"l{i // 2}" for i in range(800)], "row": range(800)})

    found = TablePreparation("codes").fit_transform(table)["c0"]

    assert found.cat.categories.tolist() == list(range(255))
    assert (found == 254).sum() == 800 - 2 * 254


@pytest.mark.parametrize("form", ["standardised", "ranked"])
def test_scaled_numbers_have_no_gaps_but_mark_them(table, form):
    found = TablePreparation(form).fit_transform(table)

    assert np.isfinite(found).all() and np.abs(found).max() <= 3
    assert found.shape == (4, 5 + 2)
    assert found[:, 5].tolist() == [0, 0, 1, 0]


def test_a_kernel_width_of_one_is_scale_in_scikit_learn():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(50, 4)) * [1, 10, 100, 1000])
    y = (table[0] > 0).to_numpy()
    plain = TablePreparation("standardised").fit_transform(table)
    scaled = TablePreparation("standardised", unit_variance=True).fit_transform(table)
    plain = plain - plain.mean(axis=0)  # scikit-learn's variance is of all cells together

    ours = SVC(gamma=1.0).fit(scaled, y).decision_function(scaled)
    theirs = SVC(gamma=1 / plain.var(axis=0).sum()).fit(plain, y).decision_function(plain)

    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("form", ["indicators", "codes", "filled", "standardised", "ranked"])
@pytest.mark.parametrize("unit_variance", [False, True])
def test_a_table_that_was_encoded_is_prepared_alike(table, form, unit_variance, monkeypatch):
    expected = TablePreparation(form, unit_variance).fit_transform(table)
    encoder = TableEncoder().fit(table)
    encoded = encoder.transform(table).astype(np.float32)
    monkeypatch.setattr(TableEncoder, "fit", None)
    monkeypatch.setattr(TableEncoder, "transform", None)
    preparation = TablePreparation(form, unit_variance)

    preparation.fit(table, encoder=encoder, encoded=encoded)
    found = preparation.transform(table, encoded)

    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-6)
