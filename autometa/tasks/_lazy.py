"""A sequence of tasks that reads each one only when it is asked for."""

from collections.abc import Callable, Sequence

from autometa.tasks._task import Task


class LazyTasks(Sequence):
    """Tasks by position, each loaded anew when taken, so that none stays in memory.

    Parameters
    ----------
    names : sequence of str
        What each task is called, known without loading it.
    load : callable
        ``load(i)`` returns the task at position ``i``.

    Examples
    --------
    >>> import pandas as pd
    >>> def load(i):
    ...     return Task(f"t{i}", pd.DataFrame({"a": [i, 2]}), pd.Series([0.0, 1.0]), "regression")
    >>> tasks = LazyTasks(["t0", "t1", "t2"], load)
    >>> len(tasks), tasks[-1], tasks[:2].names
    (3, <Task 't2': 2 x 1, regression>, ('t0', 't1'))
    """

    def __init__(self, names: Sequence, load: Callable[[int], Task]):
        self.names = tuple(names)
        self._load = load

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i):
        positions = range(len(self))[i]
        if isinstance(i, slice):
            names = [self.names[j] for j in positions]
            return LazyTasks(names, lambda j: self._load(positions[j]))
        return self._load(positions)

    def __repr__(self) -> str:
        return f"<{len(self)} tasks, read when taken>"
