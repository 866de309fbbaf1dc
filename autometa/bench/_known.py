"""Whether meta-training has seen a table: then a score on it says nothing about new ones."""

from autometa.tasks import Fingerprint, KnownTasks


def known_tasks(knowledge=None):
    """Return the fingerprints of all tables that meta-learned knowledge comes from.

    Parameters
    ----------
    knowledge : path, optional
        A folder of ``autometa meta-train`` or ``autometa collect``; what it lacks, and by default
        all, is what ships.

    Returns
    -------
    KnownTasks
    """
    from autometa.estimators._knowledge import find_evaluated, find_initialisation

    named = "default" if knowledge is None else knowledge
    seen = list(find_initialisation(named).provenance.get("tasks", []))
    seen += [{"name": name, **task} for name, task in find_evaluated(named).items()]
    prints = {}
    for task in seen:
        if task.get("fingerprint"):
            name = task["name"]
            while name in prints:  # known twice, perhaps by other rows
                name += "'"
            prints[name] = Fingerprint.from_dict(task["fingerprint"])
    return KnownTasks(prints)
