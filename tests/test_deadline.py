"""The deadline counts down, and refuses what is no amount of time."""

import math
import pickle
import time

import pytest

from autometa._deadline import Deadline
from autometa.exceptions import InvalidInputError


def test_it_expires_when_its_seconds_are_over():
    deadline = Deadline(0.05)
    assert not deadline.expired()

    time.sleep(0.06)

    assert deadline.expired()
    assert deadline.left_s == 0
    assert deadline.elapsed_s >= 0.05


@pytest.mark.parametrize("seconds", [None, math.inf])
def test_without_a_limit_no_clock_is_read(seconds, monkeypatch):
    deadline = Deadline(seconds)
    monkeypatch.setattr(time, "monotonic", None)

    assert not deadline.expired()
    assert deadline.left_s == math.inf


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, "10", True])
def test_what_is_no_amount_of_time_is_refused(seconds):
    with pytest.raises(InvalidInputError, match="time_limit must be a number of seconds >= 0"):
        Deadline(seconds)


def test_it_travels_to_another_process():
    assert pickle.loads(pickle.dumps(Deadline(60))).left_s <= 60


def test_an_earlier_one_counts_from_the_same_moment():
    deadline = Deadline(60)

    assert deadline.left_s - deadline.earlier(20).left_s == pytest.approx(20, abs=0.1)
    assert deadline.earlier(100).expired() and not deadline.expired()
    assert Deadline(None).earlier(100).left_s == math.inf
