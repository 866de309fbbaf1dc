"""How many threads torch takes: as many as are given, or one where they wait for each other."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from autometa import AutoMetaClassifier
from autometa.encoding import TableEncoder
from autometa.estimators import _threads
from autometa.estimators._threads import torch_threads
from autometa.families import NetworkModel


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 3), (2, 2), (1, 1)])
def test_torch_takes_as_many_threads_as_jobs_and_gives_them_back(n_jobs, expected):
    with torch_threads(n_jobs):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("several_s", "expected"), [(0.1, 1), (0.011, 2)])
def test_where_threads_wait_for_each_other_one_is_taken(monkeypatch, several_s, expected):
    monkeypatch.setattr(
        _threads, "_time_operations", lambda: several_s if torch.get_num_threads() > 1 else 0.01
    )

    with torch_threads(2, may_be_fewer=True):
        assert torch.get_num_threads() == expected
    with torch_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_blas_is_limited_from_the_encoding_on(monkeypatch, knowledge, n_jobs):
    X, found = np.random.default_rng(0).normal(size=(30, 3)), {}
    fit = TableEncoder.fit

    def spy(self, *arguments, **options):
        found["blas"] = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
        return fit(self, *arguments, **options)

    monkeypatch.setattr(TableEncoder, "fit", spy)
    with threadpool_limits(2, user_api="blas"):
        AutoMetaClassifier(n_trials=0, n_jobs=n_jobs, knowledge=knowledge).fit(X, X[:, 0] > 0)

    assert found["blas"] == {n_jobs or 2}


def test_operations_take_time():
    assert 0 < _threads._time_operations() < 10


def test_without_a_time_limit_no_clock_chooses_threads(monkeypatch, knowledge):
    monkeypatch.setattr(_threads, "_time_operations", lambda: pytest.fail("read a clock"))
    X = np.random.default_rng(0).normal(size=(30, 3))

    AutoMetaClassifier(n_trials=0, time_limit=None, knowledge=knowledge).fit(X, X[:, 0] > 0)


def test_predictions_are_the_same_to_the_bit_however_many_threads_there_are(knowledge):
    X = np.random.default_rng(0).normal(size=(400, 20))
    model = AutoMetaClassifier(n_trials=0, knowledge=knowledge).fit(X, X[:, 0] > 0)
    many = np.random.default_rng(1).normal(size=(7_000, 20))

    found = [model.set_params(n_jobs=n).predict_proba(many) for n in (1, 2, 3)]

    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[0][:50], model.predict_proba(many)[:50])


def test_predictions_of_several_threads_take_turns_and_leave_torch_its_own(knowledge, monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = AutoMetaClassifier(n_trials=0, knowledge=knowledge).fit(X, X[:, 0] > 0)
    expected = model.predict_proba(X)
    running, most, plain = [], [], NetworkModel._predict_rows

    def slowly(self, *arguments):
        running.append(self)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()
        return plain(self, *arguments)

    monkeypatch.setattr(NetworkModel, "_predict_rows", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict_proba, [X] * 4))

    assert max(most) == 1, "else one would take the other's single thread for torch's own"
    assert torch.get_num_threads() == 3
    for one in found:
        np.testing.assert_array_equal(one, expected)
