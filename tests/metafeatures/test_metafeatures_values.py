"""Each group of meta-features against hand-made tables and other libraries."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from autometa.metafeatures import compute_metafeatures


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_simple_ones_count():
    X = pd.DataFrame(
        {
            "number": [1.0, 2.0, None, 4.0, 5.0, 6.0],
            "flag": [True, False, True, True, False, True],
            "color": ["red", "blue", "red", None, "green", "red"],
            "day": pd.to_datetime(["2020-01-01", "2021-01-01"] * 3),
            "same": [7] * 6,
        }
    )
    y = ["a", "a", "a", "b", "b", "c"]

    found = compute_metafeatures(X, y)

    expected = {
        "n_rows": 6,
        "n_features": 5,
        "n_classes": 3,
        "features_per_row": 5 / 6,
        "number_share": 2 / 5,
        "boolean_share": 1 / 5,
        "category_share": 1 / 5,
        "date_share": 1 / 5,
        "constant_share": 1 / 5,
        "missing_share": 2 / 30,
        "missing_rows_share": 2 / 6,
        "missing_features_share": 2 / 5,
        "levels_mean": 3,
        "levels_max": 3,
        "majority_share": 3 / 6,
        "minority_share": 1 / 6,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_moments_agree_with_scipy(rng):
    X = pd.DataFrame({"a": rng.gamma(1, size=400), "b": rng.normal(size=400)})
    X.loc[:50, "a"] = np.nan
    y = rng.exponential(size=400)

    found = compute_metafeatures(X, y, "regression")

    skewness = stats.skew(X, nan_policy="omit")
    kurtosis = stats.kurtosis(X, nan_policy="omit")
    assert found["skewness_mean"] == pytest.approx(np.mean(skewness))
    assert found["skewness_sd"] == pytest.approx(np.std(skewness))
    assert found["kurtosis_mean"] == pytest.approx(np.mean(kurtosis))
    assert found["kurtosis_sd"] == pytest.approx(np.std(kurtosis))
    assert found["target_skewness"] == pytest.approx(stats.skew(y))
    assert found["target_kurtosis"] == pytest.approx(stats.kurtosis(y))


def test_shares_of_outliers_zeros_and_distinct_values():
    X = pd.DataFrame({"a": [0, 0, 0, 0, 1, 1, 2, 2, 3, 100], "b": range(10)})

    found = compute_metafeatures(X, X["a"] + 0.5, "regression")

    assert found["outlier_share"] == pytest.approx(0.05)
    assert found["zero_share"] == pytest.approx(0.25)
    assert found["distinct_share"] == pytest.approx(0.75)
    assert found["target_outlier_share"] == pytest.approx(0.1)
    assert found["target_distinct_share"] == pytest.approx(0.5)


def test_correlations_do_not_mind_monotone_transformations(rng):
    a, b = rng.normal(size=(2, 300))
    X = pd.DataFrame({"a": a, "exp": np.exp(5 * a), "b": b, "minus": -(b**3)})

    found = compute_metafeatures(X, a + 0.0, "regression")

    assert found["correlation_max"] == pytest.approx(1)
    assert found["target_correlation_max"] == pytest.approx(1)
    assert found["pca_first_share"] == pytest.approx(0.5, abs=0.05)
    assert found["pca_95_share"] == 2 / 4


def test_mutual_information_agrees_with_scikit_learn_up_to_the_bias(rng):
    y = rng.integers(0, 3, 1000)
    color = np.where(rng.random(1000) < 0.6, y, rng.integers(0, 3, 1000))

    found = compute_metafeatures(pd.DataFrame({"color": color.astype(str)}), y, "multiclass")

    information = mutual_info_score(color, y) - (3 - 1) * (3 - 1) / (2 * 1000)
    entropy = stats.entropy(np.bincount(y))
    assert found["mutual_information_mean"] == pytest.approx(information)
    assert found["mutual_information_max"] == found["mutual_information_mean"]
    assert found["uncertainty_max"] == pytest.approx(information / entropy)
    assert found["equivalent_features"] == pytest.approx(entropy / information)
    assert found["target_entropy"] == pytest.approx(entropy / np.log(3))
    noise = stats.entropy(np.bincount(color)) - information
    assert found["noise_to_signal"] == pytest.approx(noise / information)


def test_pure_noise_has_next_to_no_information_and_no_landmark(rng):
    found = compute_metafeatures(rng.normal(size=(2000, 10)), rng.integers(0, 2, 2000))

    assert found["uncertainty_mean"] < 0.002
    landmarks = [value for name, value in found.items() if name.startswith("landmark")]
    assert np.abs(landmarks).max() < 0.1


@pytest.mark.parametrize(
    ("make_target", "best", "worst"),
    [
        (lambda X: X[:, 0] > 0.3, "landmark_stump", "landmark_neighbour"),
        (lambda X: X.sum(axis=1) > 0, "landmark_linear", "landmark_stump"),
        (lambda X: (X**2).sum(axis=1) > 10, "landmark_naive_bayes", "landmark_linear"),
        (lambda X: X.sum(axis=1), "landmark_linear", "landmark_stump"),
        (lambda X: np.sign(X[:, 0]) + 1e-3 * X[:, 1], "landmark_tree", "landmark_neighbour"),
    ],
)
def test_landmarkers_tell_tasks_apart(rng, make_target, best, worst):
    X = rng.normal(size=(900, 10))

    found = compute_metafeatures(X, make_target(X))

    assert found[best] > 0.6
    assert found[best] > found[worst] + 0.2


def test_regression_has_no_class_features_and_classification_no_moments_of_the_target(rng):
    X = rng.normal(size=(60, 3))

    regression = compute_metafeatures(X, X[:, 0], "regression")
    classes = compute_metafeatures(X, X[:, 0] > 0)

    missing = {name for name, value in regression.items() if np.isnan(value)}
    assert missing == {
        "n_classes",
        "majority_share",
        "minority_share",
        "levels_mean",
        "levels_max",
        "target_entropy",
        "landmark_naive_bayes",
    }
    missing = {name for name, value in classes.items() if np.isnan(value)}
    assert missing == {
        "levels_mean",
        "levels_max",
        "target_skewness",
        "target_kurtosis",
        "target_outlier_share",
        "target_distinct_share",
    }
