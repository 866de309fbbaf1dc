"""The initialisation to start from, and whether it has seen the data before."""

import os
import warnings
import weakref
from pathlib import Path

from autometa.exceptions import InvalidInputError, KnownTaskError, KnownTaskWarning
from autometa.tasks import Fingerprint, KnownTasks

ON_KNOWN_TASK = ("warn", "raise", "ignore")

#: The index of each initialisation in use, by its id.
_known_tasks = {}


def find_initialisation(knowledge):
    """Return the initialisation that ``knowledge`` names: "default", a folder, or one itself."""
    from autometa.knowledge import Initialisation

    if isinstance(knowledge, Initialisation):
        return knowledge
    if isinstance(knowledge, str) and knowledge == "default":
        return Initialisation.default()
    if isinstance(knowledge, (str, os.PathLike)):
        return Initialisation.load(knowledge)
    raise InvalidInputError(
        "knowledge must be 'default', a folder written by `autometa meta-train`, or an "
        f"Initialisation, got {knowledge!r}."
    )


def find_evaluations(knowledge):
    """Return a function that gives the evaluations beside the initialisation that is named.

    It gives None where there are none. Those that ship are read when they are asked for.
    """
    from autometa.knowledge import Knowledge
    from autometa.knowledge.evaluations import shipped_evaluations

    if isinstance(knowledge, str) and knowledge == "default":
        return shipped_evaluations  # the same at every fit, with the proposers made of it
    found = None
    if isinstance(knowledge, (str, os.PathLike)) and (Path(knowledge) / "evaluations").is_dir():
        found = Knowledge.load(Path(knowledge) / "evaluations")
    return lambda: found


def check_known_task(task, initialisation, on_known_task):
    """Warn or refuse, as asked, where a table was seen in meta-training.

    Parameters
    ----------
    task : Task
    initialisation : Initialisation
    on_known_task : {"warn", "raise", "ignore"}

    Returns
    -------
    bool
        Whether it was seen; False where that is ignored.
    """
    if on_known_task == "ignore":
        return False
    seen, known = _index_of(initialisation)
    found = known.find(task.X, task.y) if seen else []
    if not found:
        return False
    origin = seen[found[0]]
    name = f"{origin['name']!r}"
    if origin.get("openml_id") is not None:
        name += f" (OpenML data set {origin['openml_id']})"
    message = (
        f"This table, or a part of it, was seen in meta-training as {name}. Scores on it say "
        "nothing about new tables. Choose on_known_task='ignore' where that does not matter."
    )
    if on_known_task == "raise":
        raise KnownTaskError(message)
    warnings.warn(message, KnownTaskWarning, stacklevel=4)
    return True


def _index_of(initialisation):
    key = id(initialisation)
    if key not in _known_tasks:
        tasks = {str(i): task for i, task in enumerate(initialisation.provenance.get("tasks", []))}
        prints = {i: Fingerprint.from_dict(task["fingerprint"]) for i, task in tasks.items()}
        _known_tasks[key] = tasks, KnownTasks(prints)
        weakref.finalize(initialisation, _known_tasks.pop, key)
    return _known_tasks[key]
