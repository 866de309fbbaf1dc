"""The knowledge to start from, weights and evaluations, and whether it has seen the data before."""

import os
import warnings
import weakref
from functools import cache
from pathlib import Path

from autometa.exceptions import InvalidInputError, KnownTaskError, KnownTaskWarning
from autometa.tasks import Fingerprint, KnownTasks, fingerprint

ON_KNOWN_TASK = ("warn", "raise", "ignore")

#: The index of each initialisation in use, by its id.
_known_tasks = {}


def find_initialisation(knowledge):
    """Return the initialisation that ``knowledge`` holds, or the one that ships where it has none.

    Parameters
    ----------
    knowledge : "default", path, Initialisation or Knowledge
        A path is a folder of ``autometa meta-train``, of ``autometa collect``, or of both.

    Returns
    -------
    Initialisation
    """
    from autometa.knowledge import Initialisation, Knowledge

    if isinstance(knowledge, Initialisation):
        return knowledge
    if isinstance(knowledge, Knowledge) or _is_default(knowledge):
        return Initialisation.default()
    if isinstance(knowledge, (str, os.PathLike)):
        has_weights = (Path(knowledge) / "initialisation.json").exists()
        if has_weights or _folder_of_evaluations(knowledge) is None:
            return Initialisation.load(knowledge)
        return Initialisation.default()
    raise InvalidInputError(
        "knowledge must be 'default', a folder written by `autometa meta-train` or `autometa "
        f"collect`, an Initialisation or a Knowledge, got {knowledge!r}."
    )


def find_evaluations(knowledge):
    """Return a function that gives the evaluations that ``knowledge`` holds, or those that ship.

    Those that ship are read when they are asked for. Beside other weights than those that ship they
    are without the adapted network's, which are of these weights.
    """
    from autometa.knowledge import Knowledge
    from autometa.knowledge.evaluations import shipped_evaluations

    if isinstance(knowledge, Knowledge):
        return lambda: knowledge
    folder = _folder_of_evaluations(knowledge)
    if folder is not None:
        found = Knowledge.load(folder)
        return lambda: found
    # The same at every fit, with the proposers made of it.
    return shipped_evaluations if _has_shipped_weights(knowledge) else _shipped_without_network


@cache
def _shipped_without_network():
    from autometa.families.adapted_network import NAME
    from autometa.knowledge.evaluations import shipped_evaluations

    shipped = shipped_evaluations()
    return shipped.filter(families=[family for family in shipped.families if family != NAME])


def _has_shipped_weights(knowledge):
    from autometa.knowledge import Initialisation

    return _is_default(knowledge) or knowledge is Initialisation.default()


def find_evaluated(knowledge):
    """Return what is known of the tasks of which there are evaluations, by name."""
    from autometa.knowledge import Knowledge
    from autometa.knowledge.evaluations import read_tasks

    if isinstance(knowledge, Knowledge):
        return knowledge.tasks
    return read_tasks(_folder_of_evaluations(knowledge))


def _is_default(knowledge):
    return isinstance(knowledge, str) and knowledge == "default"


def _folder_of_evaluations(knowledge):
    """Where evaluations lie in the folder that is named, if there are any."""
    if not isinstance(knowledge, (str, os.PathLike)) or _is_default(knowledge):
        return None
    for folder in (Path(knowledge), Path(knowledge) / "evaluations"):
        if (folder / "knowledge.json").exists():
            return folder
    return None


def check_known_task(task, initialisation, on_known_task, evaluated_in=None):
    """Warn or refuse, as asked, where a table was seen in meta-training.

    Parameters
    ----------
    task : Task
    initialisation : Initialisation
    on_known_task : {"warn", "raise", "ignore"}
    evaluated_in : "default", path, Initialisation or Knowledge, optional
        Whose evaluations are to propose hyperparameters: their tables were seen too.

    Returns
    -------
    bool
        Whether it was seen; False where that is ignored.
    """
    if on_known_task == "ignore":
        return False
    origin = _find_origin(task, initialisation, evaluated_in)
    if origin is None:
        return False
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


def _find_origin(task, initialisation, evaluated_in):
    """What is known of the table that a task is of, or None."""
    indices = [_index_of(initialisation)]
    if evaluated_in is not None:
        indices.append(_index_of_evaluations(evaluated_in))
    looked_for = None
    for seen, known in indices:
        if not seen:
            continue
        if looked_for is None:
            looked_for = fingerprint(task.X, task.y, k=None)
        found = known.find(looked_for)
        if found:
            return {"name": found[0]} | seen[found[0]]
    return None


def _index_of(initialisation):
    key = id(initialisation)
    if key not in _known_tasks:
        tasks = initialisation.provenance.get("tasks", [])
        _known_tasks[key] = _index({str(i): task for i, task in enumerate(tasks)})
        weakref.finalize(initialisation, _known_tasks.pop, key)
    return _known_tasks[key]


def _index_of_evaluations(knowledge):
    from autometa.knowledge import Knowledge

    if isinstance(knowledge, Knowledge) or _folder_of_evaluations(knowledge) is not None:
        return _index(find_evaluated(knowledge))
    return _shipped_index()


@cache
def _shipped_index():
    return _index(find_evaluated("default"))


def _index(tasks):
    """Of tasks by name, those that can be recognised, and what recognises them."""
    tasks = {name: about for name, about in tasks.items() if about.get("fingerprint")}
    prints = {name: Fingerprint.from_dict(about["fingerprint"]) for name, about in tasks.items()}
    return tasks, KnownTasks(prints)
