"""ColumnScaler: ranks and quartiles under weights, missing values and infinities."""

import time

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from autometa.encoding import ColumnScaler


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_score_is_the_normal_quantile_of_the_mid_rank(rng):
    values = rng.integers(0, 20, size=(200, 1)).astype(float)

    scores = ColumnScaler().fit(values).transform(values)[:, 0, 0]

    mid_rank = (rankdata(values[:, 0], method="average") - 0.5) / 200
    np.testing.assert_allclose(scores, norm.ppf(mid_rank).clip(-3, 3), atol=1e-12)


def test_the_standardised_value_of_a_normal_column_is_near_z_and_below_3(rng):
    values = rng.normal(5, 2, size=(20_000, 1))

    out = ColumnScaler().fit(values).transform(np.array([[5.0], [7.0], [1e9]]))[:, 0, 1]

    expected = [0, 1 / np.sqrt(1 + 1 / 9), 3]
    np.testing.assert_allclose(out, expected, atol=0.03)
    assert out[2] < 3


@pytest.mark.parametrize("decimals", [1, 12])
def test_weights_count_rows(rng, decimals):
    values = rng.normal(size=(3000, 3)).round(decimals)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0, 0], values[1, 0] = np.inf, -np.inf
    weights = rng.integers(0, 4, size=3000)
    repeated = np.repeat(values, weights, axis=0)

    weighted = ColumnScaler().fit(values, weights).transform(values)

    plain = ColumnScaler().fit(repeated).transform(values)
    np.testing.assert_allclose(weighted, plain, rtol=0, atol=1e-12)


def test_unequal_weights_change_the_scores(rng):
    values = rng.normal(size=(50, 1))

    weighted = ColumnScaler().fit(values, np.arange(1.0, 51.0)).transform(values)

    assert np.abs(weighted - ColumnScaler().fit(values).transform(values)).max() > 0.1


def test_missing_cells_are_flagged_and_0_and_change_nothing_else(rng):
    values = rng.normal(size=(50, 2))
    with_holes = np.vstack([values, [[np.nan, np.nan]]])

    out = ColumnScaler().fit(with_holes).transform(with_holes)

    assert out[-1].tolist() == [[0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(out[:-1], ColumnScaler().fit(values).transform(values))


def test_infinities_are_extremes_at_fit_and_later():
    values = np.array([[-np.inf], [1.0], [2.0], [3.0], [np.inf]])

    out = ColumnScaler().fit(values).transform(values)[:, 0]

    assert (np.diff(out[:, 0]) > 0).all()
    assert out[0, 1] == out[1, 1] and out[4, 1] == out[3, 1]
    unseen = ColumnScaler().fit(values[1:4]).transform(values)[:, 0]
    np.testing.assert_array_equal(unseen[[0, 4]], unseen[[1, 3]])


@pytest.mark.parametrize(
    "column",
    [
        [np.inf, -np.inf, np.nan],
        [np.nan, np.nan],
        [1.7e308, -1.7e308, 0],
        [5e-324, 0, 5e-324],
        [7.0],
        [1e308, np.inf],
    ],
)
def test_extreme_columns_give_finite_numbers_within_3(column):
    values = np.array(column)[:, None]
    probes = np.array([[np.nan], [np.inf], [-np.inf], [1.7e308], [-1.7e308], [0], [1e-300]])

    out = ColumnScaler().fit(values).transform(np.vstack([values, probes]))

    assert np.isfinite(out).all() and (np.abs(out) <= 3).all()


def test_long_columns_keep_few_knots_and_the_extremes(rng):
    values = rng.standard_cauchy(size=(100_000, 1))

    scaler = ColumnScaler().fit(values)

    assert len(scaler.knot_values) <= 1001
    assert scaler.knot_values[[0, -1]].tolist() == [values.min(), values.max()]
    scores = scaler.transform(values)[:, 0, 0]
    exact = norm.ppf((rankdata(values[:, 0]) - 0.5) / 100_000)
    inner = np.abs(exact) < 2.9
    assert np.abs(scores - exact)[inner].max() < 0.02


def test_blocks_of_columns_give_what_single_columns_give(rng, monkeypatch):
    values = rng.normal(size=(40, 7))
    whole = ColumnScaler().fit(values).transform(values)

    monkeypatch.setattr("autometa.encoding._scaler.CELLS_AT_ONCE", 90)

    np.testing.assert_array_equal(ColumnScaler().fit(values).transform(values), whole)


def test_an_episode_is_scaled_in_about_a_millisecond(rng):
    values = rng.normal(size=(256, 12))
    elapsed_s = []
    for _ in range(30):
        start = time.perf_counter()
        ColumnScaler().fit(values).transform(values)
        elapsed_s.append(time.perf_counter() - start)

    assert min(elapsed_s) < 5e-3  # 0.5 ms on an idle core; slack for busy machines
