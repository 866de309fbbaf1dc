import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.collecting import design_configs
from autometa.collecting._designs import place
from autometa.exceptions import InvalidInputError
from autometa.families import FAMILIES, default_config, find_family

KINDS = pytest.mark.parametrize("is_regression", [False, True])


@pytest.mark.parametrize("family", FAMILIES)
@KINDS
def test_configurations_lie_in_the_space_without_what_is_inactive(family, is_regression):
    found = find_family(family)
    space = found.space(is_regression=is_regression)

    configs = design_configs(family, 33, is_regression=is_regression)

    assert len(configs) == 33
    assert configs[0] == default_config(family, is_regression=is_regression)
    assert len({str(config) for config in configs}) == 33
    for config in configs:
        for name, distribution in space.items():
            parent, values = found.CONDITIONS.get(name, (None, ()))
            is_active = parent is None or config[parent] in values
            if config is not configs[0]:
                assert (name in config) == is_active
            if name in config:
                assert distribution._contains(distribution.to_internal_repr(config[name]))


def test_a_set_grows_without_changing():
    few, many = (design_configs("svm", n, is_regression=False) for n in (5, 32))

    assert many[:5] == few
    assert design_configs("svm", 1, is_regression=False) == few[:1]


@pytest.mark.parametrize("family", FAMILIES)
def test_classes_and_numbers_share_what_both_have(family):
    classes, numbers = (design_configs(family, 9, is_regression=kind) for kind in (False, True))

    for first, second in zip(classes[1:], numbers[1:], strict=True):
        common = set(first) & set(second)
        assert common and {n: first[n] for n in common} == {n: second[n] for n in common}
        assert len(common) >= len(first) - 1


def test_another_seed_gives_another_set():
    first, second = (design_configs("svm", 4, is_regression=False, seed=s) for s in (0, 1))

    assert first[0] == second[0] and first[1:] != second[1:]


def test_the_set_fills_the_space_more_evenly_than_chance():
    configs = design_configs("lightgbm", 33, is_regression=False)[1:]
    rate = np.sort(np.log([config["learning_rate"] for config in configs]))

    low, high = np.log(0.005), np.log(0.5)
    shares = (rate - low) / (high - low)

    # of 32 equal parts every one holds a configuration
    assert np.unique((shares * 32).astype(int)).tolist() == list(range(32))
    assert sum(config["extra_trees"] for config in configs) == 16


@pytest.mark.parametrize(
    "distribution, expected",
    [
        (FloatDistribution(1.0, 100.0, log=True), [1.0, 10.0, 100.0]),
        (FloatDistribution(0.0, 1.0, step=0.25), [0.0, 0.5, 1.0]),
        (IntDistribution(0, 10), [0, 5, 10]),
        (IntDistribution(2, 10, step=4), [2, 6, 10]),
        (CategoricalDistribution(["a", "b", 0.5]), ["a", "b", 0.5]),
    ],
)
def test_shares_are_placed_from_end_to_end(distribution, expected):
    assert [place(distribution, share) for share in (0.0, 0.5, 1 - 1e-9)] == pytest.approx(expected)


def test_every_integer_has_its_turn():
    placed = [place(IntDistribution(1, 4), (i + 0.5) / 400) for i in range(400)]

    assert np.bincount(placed).tolist() == [0, 100, 100, 100, 100]


def test_more_configurations_than_there_are_are_refused():
    with pytest.raises(InvalidInputError, match="The space of knn gives 800 different"):
        design_configs("knn", 900, is_regression=False)
