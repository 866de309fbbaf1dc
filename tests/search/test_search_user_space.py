from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.search._user_space import UserSpace


def make():
    return UserSpace(["C", "kernel", "gamma"], {"C": 1.0, "kernel": "rbf"})


def test_before_anything_is_seen_configurations_stay_as_they_are():
    config = {"C": 3.0, "kernel": "poly", "gamma": 0.1}

    assert make().fit(config) == config


def test_values_are_brought_into_the_ranges_that_were_seen():
    space = make()

    assert space.see({"C": IntDistribution(1, 5), "depth": IntDistribution(1, 9)})

    assert space.fit({"C": 7.3, "kernel": "poly"}) == {"C": 5, "kernel": "rbf"}
    assert not space.see({"C": IntDistribution(1, 5)})


def test_ranges_that_move_are_joined():
    space = make()
    space.see({"C": FloatDistribution(0, 1)})

    assert space.see({"C": FloatDistribution(2, 5)})

    assert space.fit({"C": 9.0})["C"] == 5.0
    assert space.fit({"C": -9.0})["C"] == 0.0


def test_a_category_without_counterpart_is_left_out_for_the_base_sampler():
    space = make()
    space.see({"kernel": CategoricalDistribution(["linear", "sigmoid"])})

    assert space.fit({"kernel": "poly", "C": 2.0}) == {"C": 1.0}


def test_what_plays_no_part_beside_a_default_is_left_out():
    space = UserSpace(
        ["C", "kernel", "degree"], {"kernel": "rbf"}, {"degree": ("kernel", ("poly",))}
    )
    space.see({"C": FloatDistribution(0, 9)})

    assert space.fit({"C": 2.0, "kernel": "poly", "degree": 3}) == {"C": 2.0, "kernel": "rbf"}


def test_a_conditional_hyperparameter_that_was_planned_and_not_asked_for_is_left_alone():
    space = make()
    space.see({"C": FloatDistribution(0, 9)}, planned=["C", "gamma"])

    assert space.fit({"C": 2.0, "gamma": 0.1}) == {"C": 2.0}

    assert space.see({"gamma": FloatDistribution(0, 1)})
    assert space.fit({"C": 2.0, "gamma": 0.1}) == {"C": 2.0, "gamma": 0.1}


def test_trials_are_told_with_the_defaults_of_what_they_leave_alone():
    assert make().complete({"C": 2.0, "depth": 3}) == {"C": 2.0, "kernel": "rbf"}
