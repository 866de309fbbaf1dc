"""What fits into the time left, on a clock of the test's own."""

from types import SimpleNamespace

import numpy as np
import pytest

from autometa._deadline import Deadline
from autometa._memory import Memory
from autometa.families import Folds
from autometa.families.adapted_network import DEFAULT_CONFIG
from autometa.search import Pace

FOLDS = Folds(np.eye(5), 1 - np.eye(5))


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("autometa._deadline.time", clock)
    return clock


@pytest.fixture
def make_pace(clock, monkeypatch):
    monkeypatch.setitem(DEFAULT_CONFIG, "n_steps", 30)
    monkeypatch.setattr("autometa.search._pace.first_steps", lambda n_rows: 30)
    monkeypatch.setattr("autometa.search._pace.MAX_STEP_ROWS", 512)

    def make(limit, **options):
        options = {"n_bags": 4, "n_rows": 2_048, "propose_s": 0.2, "read_s": 0.8, **options}
        return Pace(Deadline(limit), **options)

    return make


def run_of(n_steps, next_report, n_networks=1):
    active, train_weight = [0], np.ones((n_networks, 3))
    return SimpleNamespace(
        active=active, train_weight=train_weight, n_steps=n_steps, next_report=next_report
    )


def test_without_a_limit_no_clock_is_read_and_everything_goes_on(make_pace, clock):
    clock.monotonic = lambda: 0.0
    pace = make_pace(None)
    clock.monotonic = None

    assert pace.may_start(5) and pace.may_go_on(run_of(0, 2))
    assert pace.group_size(5) == np.inf
    pace.group_starts(5)
    pace.reported(0)
    pace.group_ended(10)
    assert pace.few_enough(FOLDS).train_weight.shape == (5, 5)
    assert pace.plan_refit(10) == (4, pace.deadline)


def test_a_step_on_few_rows_is_not_taken_to_cost_what_a_proposal_does(make_pace):
    assert make_pace(9, n_rows=2_048).step_s == pytest.approx(0.15)
    assert make_pace(9, n_rows=300).step_s == pytest.approx(2.4)


@pytest.mark.parametrize("limit, n_folds", [(1, 1), (20, 1), (30, 2), (1000, 5)])
def test_as_many_folds_as_let_the_first_trial_end(make_pace, limit, n_folds):
    folds = make_pace(limit).few_enough(FOLDS)

    assert len(folds.train_weight) == len(folds.valid_weight) == n_folds
    np.testing.assert_array_equal(folds.train_weight, FOLDS.train_weight[:n_folds])


@pytest.mark.parametrize("limit, n_folds", [(1, 5), (30, 1), (2000, 5)])
def test_beside_others_a_network_without_time_leaves_them_all_folds(make_pace, limit, n_folds):
    folds = make_pace(limit, is_alone=False).few_enough(FOLDS)

    assert len(folds.train_weight) == n_folds


def test_weights_that_are_there_are_not_paid_for_again(make_pace):
    costs = {"propose_s": 15.0, "read_s": 0.1}

    n_folds = [
        len(make_pace(60, n_proposed=n, **costs).few_enough(FOLDS).train_weight) for n in (0, 1)
    ]

    assert n_folds[1] == n_folds[0] + 1


def test_beside_others_a_proposal_that_is_there_is_tried_on_its_fold(make_pace):
    folds = make_pace(1, is_alone=False, n_proposed=1).few_enough(FOLDS)

    assert len(folds.train_weight) == 1


def test_a_fit_that_was_stopped_does_not_make_the_next_seem_cheap():
    pace = Pace(Deadline(100.0))
    pace._fold_s["lightgbm"] = 8.0

    with pace.fitting("lightgbm", 1) as limits:
        limits.is_over = True
        limits.fold_ended()

    assert pace._fold_s["lightgbm"] == 8.0


def test_a_trial_starts_only_where_a_few_steps_and_the_refit_fit(make_pace):
    # proposal, two predictions, two steps; two steps, reading
    needed_s = (0.2 + 2 * 0.56 + 0.3) + (0.3 + 0.8)

    assert not make_pace(needed_s).may_start(1)
    assert make_pace(needed_s / 0.8).may_start(1)
    assert not make_pace(needed_s / 0.8).may_start(2)


def test_costs_are_those_measured(make_pace, clock):
    pace = make_pace(1000)
    run = run_of(0, 2, n_networks=2)

    pace.group_starts(2)
    clock.now += 2 * 3 * (0.2 + 0.56)  # thrice what was guessed
    pace.reported(0)
    assert pace.predict_s == pytest.approx(1.68)
    assert pace.propose_s == 0, "the weights of the folds are there"

    assert pace.may_go_on(run)
    clock.now += 2 * 0.05
    assert pace.may_go_on(run)
    assert pace.step_s == pytest.approx(0.05)
    clock.now += 2 * (0.05 + 4.0)
    pace.reported(2)
    assert pace.predict_s == pytest.approx(4.0)
    assert pace.read_s == 0.8


def test_steps_are_taken_only_where_the_next_point_of_the_curve_is_reached(make_pace, clock):
    needed_s = (20 * 0.15 + 0.56) + (30 * 0.15 + 0.8)

    assert make_pace(needed_s / 0.8).may_go_on(run_of(10, 30))
    assert not make_pace(needed_s / 0.95).may_go_on(run_of(10, 30))


def test_the_refit_takes_as_many_networks_as_fit_and_ends_in_time_to_read(make_pace, clock):
    pace = make_pace(100)
    assert pace.plan_refit(10)[0] == 4

    clock.now = 90.0
    n_bags, deadline = pace.plan_refit(10)

    assert n_bags == 3  # of 2.3 s each, and 0.2 s for the proposal
    assert deadline.left_s == pytest.approx(10 - 3 * 0.8)
    clock.now = 99.0
    assert pace.plan_refit(10)[0] == 1


def test_after_the_first_group_the_refit_of_several_networks_is_provided_for(make_pace, clock):
    first, later = make_pace(100), make_pace(100)

    later.group_ended(30)
    clock.now = 76.0

    assert first.may_go_on(run_of(28, 30)), "7 s, with the refit of one network"
    assert not later.may_go_on(run_of(28, 30)), "22 s, with the refit of four"


def test_groups_grow_with_the_time(make_pace):
    sizes = []
    for limit in (10, 1000, 100_000):
        pace = make_pace(limit)
        assert pace.group_size(1) == 1
        pace.group_ended(DEFAULT_CONFIG["n_steps"])
        sizes.append(pace.group_size(1))

    assert sizes[0] == 1 and sizes == sorted(set(sizes))


def task_of(n_rows, n_columns, n_classes=2):
    X = SimpleNamespace(shape=(n_rows, n_columns, 3))
    return SimpleNamespace(X=X, n_classes=n_classes, is_regression=n_classes is None)


@pytest.mark.parametrize("family", ["linear", "knn", "svm", "extra_trees", "lightgbm"])
def test_a_family_that_cannot_end_in_time_is_not_begun(make_pace, family):
    pace = make_pace(10.0)

    assert pace.rows_share(family, task_of(100, 4), 5) == 1
    assert pace.rows_share(family, task_of(1_000_000, 100_000), 5) == 0
    assert Pace(Deadline(None)).rows_share(family, task_of(1_000_000, 100_000), 5) == 1


@pytest.mark.parametrize("limit", [None, 1_000.0])
def test_where_memory_is_short_nothing_starts_and_what_grows_ends(make_pace, limit, clock):
    pace = make_pace(limit, memory=Memory(0))

    assert not pace.may_start(1) and not pace.may_refit(0.01)
    assert pace.rows_share("random_forest", task_of(100, 4), 5) == 0
    with pace.fitting("random_forest", 1) as limits:
        assert limits.should_stop()
        limits.fold_ended()


@pytest.mark.parametrize("limit", [None, 1_000.0])
def test_where_memory_is_left_a_limit_on_it_stops_nothing(make_pace, limit):
    pace = make_pace(limit, memory=Memory(1_000.0))

    assert pace.may_start(1) and pace.rows_share("knn", task_of(100, 4), 5) == 1
    with pace.fitting("random_forest", 1) as limits:
        assert not limits.should_stop()


def test_what_cannot_end_early_is_fitted_on_the_rows_that_there_is_time_for(make_pace):
    task = task_of(100_000, 20)

    few, more = (make_pace(limit).rows_share("svm", task, 1) for limit in (10.0, 40.0))

    assert 0.01 <= few < more < 1
    assert more / few == pytest.approx(2, rel=0.1)  # its time grows with their square
    assert make_pace(10.0).rows_share("lightgbm", task, 1) == 1


@pytest.mark.parametrize(("family", "share"), [("svm", 0), ("lightgbm", 1)])
def test_what_fits_took_tells_whether_another_fits(make_pace, clock, monkeypatch, family, share):
    monkeypatch.setattr("autometa.search._pace.time", clock)
    pace = make_pace(100.0)
    with pace.fitting(family, 2) as limits:
        for _ in range(2):
            clock.now += 20.0
            limits.fold_ended()

    # 60 s are left; what grows could end with a part of its steps
    assert pace.rows_share(family, task_of(100, 4), 2) == share


def test_a_fit_on_a_part_of_the_rows_tells_what_all_of_them_take(make_pace, clock, monkeypatch):
    monkeypatch.setattr("autometa.search._pace.time", clock)
    pace, task = make_pace(100.0), task_of(10_000, 4)
    with pace.fitting("svm", 1, rows_share=0.5) as limits:
        clock.now += 20.0
        limits.fold_ended()

    # 72 s that count are left, of which a tenth; all rows would take 80
    assert pace.rows_share("svm", task, 1) == pytest.approx((7.2 / 80) ** 0.5)


def test_a_fit_is_told_to_stop_when_its_share_of_the_time_is_used(make_pace, clock, monkeypatch):
    monkeypatch.setattr("autometa.search._pace.time", clock)
    pace = make_pace(100.0)

    with pace.fitting("lightgbm", 2) as limits:
        is_late = []
        for _ in range(40):
            clock.now += 1.0
            is_late.append(limits.should_stop())

    assert not is_late[0] and is_late[-1] and limits.is_over
    assert 10 < is_late.index(True) < 20  # half of 35 % of the time left


def test_further_folds_have_to_fit(make_pace):
    assert make_pace(None).may_fit(1e9)
    assert make_pace(10.0).may_fit(5.0)
    assert not make_pace(10.0).may_fit(11.0)


def test_a_refit_on_all_rows_has_to_fit(make_pace, clock):
    pace = make_pace(10.0)

    assert pace.may_refit(3.0) and not pace.may_refit(7.0)
    clock.now = 8.0
    assert not pace.may_refit(3.0)
