import warnings

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.exceptions import InvalidInputError, SpaceWarning
from autometa.space import SpaceEncoder, check_space, fit_to_space, infer_space

SPACE = {
    "C": FloatDistribution(0.01, 100, log=True),
    "degree": IntDistribution(2, 5),
    "kernel": CategoricalDistribution(["linear", "poly", "rbf"]),
    "shrinking": CategoricalDistribution([True, False]),
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 4], IntDistribution(1, 4)),
        ([1, 10, 100, 1000], IntDistribution(1, 1000, log=True)),
        ([2.0, np.nan, 3.0], IntDistribution(2, 3)),
        ([0.5, 1.5], FloatDistribution(0.5, 1.5)),
        ([2.0, 3.0], FloatDistribution(2.0, 3.0)),
        ([1e-3, 1e-1, 10.0], FloatDistribution(1e-3, 10.0, log=True)),
        (list(np.linspace(0.01, 1, 30)), FloatDistribution(0.01, 1.0)),
        ([-1.0, 0.0, 100.5], FloatDistribution(-1.0, 100.5)),
        ([True, False], CategoricalDistribution((False, True))),
        (["auto", 3, None], CategoricalDistribution((3, "auto"))),
        ([True, 1, 1.0, "x"], CategoricalDistribution((True, 1, "x"))),
        ([np.float32(0.5), np.float32(0.5)], FloatDistribution(0.5, 0.5)),
    ],
    ids=str,
)
def test_a_distribution_is_inferred_from_values(values, expected):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object)})

    found = infer_space(frame)["a"]

    # Python holds True and 1 for equal
    assert found == expected and repr(found) == repr(expected)


def test_what_is_decoded_was_encoded():
    configs = [
        {"C": 0.01, "degree": 3, "kernel": "poly", "shrinking": True},
        {"C": 3.0, "kernel": "rbf", "shrinking": False},
        {"kernel": "linear", "shrinking": False},
    ]
    encoder = SpaceEncoder(SPACE)

    decoded = encoder.decode(encoder.encode(pd.DataFrame(configs)))

    assert decoded[0]["C"] == pytest.approx(0.01) and decoded[1].pop("C") == pytest.approx(3.0)
    assert decoded[1:] == [{"kernel": "rbf", "shrinking": False}, configs[2]]
    np.testing.assert_allclose(encoder.encode(configs), encoder.encode(pd.DataFrame(configs)))


def test_two_categories_are_as_far_apart_as_the_ends_of_a_range():
    points = SpaceEncoder({"k": SPACE["kernel"]}).encode(pd.DataFrame({"k": ["rbf", "poly"]}))

    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changed", "fitted", "message"),
    [
        ({"C": 1e9}, 100.0, "C=1000000000.0 is out of range and was clipped to 100"),
        ({"degree": 9}, 5, "degree=9 is out of range"),
        ({"C": "big"}, 1.0, "C='big' is no number and was mapped to the default, 1.0"),
        ({"kernel": "sigmoid"}, "linear", "kernel='sigmoid' is no known category"),
        ({"shrinking": "True"}, True, "shrinking='True' was mapped to the category True"),
    ],
)
def test_a_foreign_value_is_fitted_with_a_warning(changed, fitted, message):
    config = {"C": 1.0, "degree": 3, "kernel": "rbf", "shrinking": True} | changed

    with pytest.warns(SpaceWarning, match=message):
        found = fit_to_space(config, SPACE)

    (name,) = changed
    assert found == config | {name: fitted}


def test_what_fits_is_left_alone_without_a_warning():
    config = {"C": 1.0, "degree": None, "kernel": "rbf", "shrinking": False}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_to_space(config, SPACE) == config


def test_numbers_are_the_same_category_whatever_their_type():
    space = {
        "degree": CategoricalDistribution([2, 3, 5]),
        "flag": CategoricalDistribution([1, True]),
    }
    configs = pd.DataFrame({"degree": [2.0, 3, 5.0, None], "flag": [True, 1, True, 1]})

    points = SpaceEncoder(space).encode(configs)

    wanted = [{"degree": d, "flag": f} for d, f in ((2, True), (3, 1), (5, True), (None, 1))]
    np.testing.assert_array_equal(points, SpaceEncoder(space).encode(wanted))
    assert len(np.unique(points, axis=0)) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_to_space({"degree": 3.0, "flag": 1.0}, space) == {"degree": 3, "flag": 1}


def test_a_given_default_fills_what_is_missing():
    with pytest.warns(SpaceWarning, match="'degree' is missing and was filled .* 4"):
        found = fit_to_space(
            {"C": 1.0, "kernel": "rbf", "shrinking": True}, SPACE, defaults={"degree": 4}
        )

    assert found["degree"] == 4


def test_a_default_out_of_range_is_filled_and_clipped():
    config = {"C": 1.0, "kernel": "rbf", "shrinking": True}

    with pytest.warns(SpaceWarning) as caught:
        found = fit_to_space(config, SPACE, defaults={"degree": 40})

    assert found["degree"] == 5
    messages = [str(warning.message).split(" and ")[0] for warning in caught]
    assert messages == ["'degree' is missing", "degree=40 is out of range"]


def test_infinite_values_and_foreign_spaces_are_refused():
    with pytest.raises(InvalidInputError, match="infinite"):
        infer_space(pd.DataFrame({"a": [1.0, np.inf]}))
    with pytest.raises(InvalidInputError, match="must be a dict"):
        check_space([1, 2])
