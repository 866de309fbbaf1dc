"""Whether meta-training has seen a table: then a score on it says nothing about new ones."""

from pathlib import Path

from autometa.tasks import Fingerprint, KnownTasks


def known_tasks(knowledge=None):
    """Return the fingerprints of all tables that meta-learned knowledge comes from.

    Parameters
    ----------
    knowledge : path, optional
        A folder of ``autometa meta-train`` or ``autometa collect``; by default what ships.

    Returns
    -------
    KnownTasks
    """
    from autometa.knowledge import Initialisation, Knowledge

    seen = []
    if knowledge is None:
        seen += Initialisation.default().provenance.get("tasks", [])
        seen += [{"name": name, **task} for name, task in Knowledge.default().tasks.items()]
    else:
        folder = Path(knowledge)
        has_evaluations = (folder / "knowledge.json").exists()
        if has_evaluations:
            tasks = Knowledge.load(folder).tasks
            seen += [{"name": name, **task} for name, task in tasks.items()]
        if not has_evaluations or (folder / "initialisation.json").exists():
            seen += Initialisation.load(folder).provenance.get("tasks", [])
    prints = {}
    for task in seen:
        if task.get("fingerprint"):
            name = task["name"]
            while name in prints:  # known twice, perhaps by other rows
                name += "'"
            prints[name] = Fingerprint.from_dict(task["fingerprint"])
    return KnownTasks(prints)
