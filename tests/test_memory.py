import subprocess
import sys

import pytest

from autometa._memory import Memory, _held_gb

is_told = pytest.mark.skipif(_held_gb() is None, reason="the system does not tell")


@is_told
def test_memory_is_short_once_the_limit_is_near():
    # A process of its own: in this one, what other tests left behind may be freed meanwhile.
    script = """
import numpy as np
from autometa._memory import Memory

memory = Memory(0.2)
print(memory.is_short())
held = np.ones(50_000_000)
print(memory.is_short(), held[-1])
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert told.stdout.split() == ["False", "True", "1.0"], told.stderr


def test_without_a_limit_memory_is_never_short(monkeypatch):
    monkeypatch.setattr("autometa._memory._held_gb", None)

    assert not Memory(None).is_short()


def test_where_the_system_does_not_tell_memory_is_never_short(monkeypatch):
    monkeypatch.setattr("autometa._memory._held_gb", lambda: None)

    assert not Memory(0).is_short()
