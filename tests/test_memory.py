import numpy as np
import pytest

from autometa._memory import Memory, _held_gb

is_told = pytest.mark.skipif(_held_gb() is None, reason="the system does not tell")


@is_told
def test_memory_is_short_once_the_limit_is_near():
    memory = Memory(0.2)
    was_short = memory.is_short()

    held = np.ones(25_000_000)  # 200 MB

    assert not was_short and memory.is_short()
    assert held[-1] == 1


def test_without_a_limit_memory_is_never_short(monkeypatch):
    monkeypatch.setattr("autometa._memory._held_gb", None)

    assert not Memory(None).is_short()


def test_where_the_system_does_not_tell_memory_is_never_short(monkeypatch):
    monkeypatch.setattr("autometa._memory._held_gb", lambda: None)

    assert not Memory(0).is_short()
