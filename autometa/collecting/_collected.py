"""What was collected: evaluations as a table, meta-features, and where the tasks come from."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from autometa.collecting._records import read_records
from autometa.exceptions import ArtefactError
from autometa.families import FAMILIES, find_family

TASKS_FILE = "tasks.jsonl"
KEYS = ("task", "family", "config", "step", "score", "cost_s", "status", "message")


@dataclass(frozen=True)
class Collected:
    """Evaluations with what is known of their tasks.

    Attributes
    ----------
    evaluations : DataFrame
        A row for each point of a learning curve, the last of a configuration being the whole of
        it: ``task``, ``family``, ``config`` (its number in the shared set), ``step`` (NaN where
        the family takes none), ``score`` (higher is better), ``cost_s``, ``status`` ("ok", "failed"
        or "timeout"; without "ok" there is one row whose score is NaN), ``message``, one
        ``hp_<name>`` column a hyperparameter (None where it plays no part) and further metrics.
    metafeatures : DataFrame of shape (n_tasks, n_metafeatures)
        Indexed by task.
    tasks : list of dict
        ``name``, ``kind``, ``family`` (of tables), ``openml_id``, ``fingerprint``, ``n_rows`` and
        ``n_features``.
    settings : dict of str to dict
        By family: what its configurations were evaluated with.
    """

    evaluations: pd.DataFrame
    metafeatures: pd.DataFrame
    tasks: list
    settings: dict

    def for_knowledge(self):
        """Return the columns of ``evaluations`` that ``Knowledge.from_evaluations`` takes.

        Returns
        -------
        DataFrame
            ``task``, ``family``, ``step``, ``score``, ``cost_s`` and ``hp_<name>``.
        """
        kept = ["task", "family", "step", "score", "cost_s"]
        return self.evaluations[
            kept + [name for name in self.evaluations.columns if name.startswith("hp_")]
        ]

    def to_knowledge(self):
        """Make knowledge of it, with the families' own spaces.

        Its provenance tells under ``"collected"``, by family, on how many tasks how many
        configurations were evaluated, and under ``"settings"`` within which limits.

        Returns
        -------
        Knowledge
            Empty as long as nothing is finished.
        """
        from autometa.knowledge import Knowledge, versions

        if not len(self.evaluations):
            return Knowledge()
        spaces = {}
        for name in self.evaluations["family"].unique():
            family = find_family(name)
            spaces[name] = family.space(is_regression=True) | family.space(is_regression=False)
        return Knowledge.from_evaluations(
            self.for_knowledge(),
            self.metafeatures,
            spaces,
            tasks={record["name"]: record for record in self.tasks},
            provenance={
                "source": "collect",
                "collected": self._count(),
                "settings": self.settings,
                "versions": versions(),
            },
        )

    def _count(self):
        counts = {}
        for family, table in self.evaluations.groupby("family", sort=False):
            n_configs = table.groupby("task")["config"].nunique()
            failed = table[table["status"] != "ok"]
            counts[family] = {
                "n_tasks": len(n_configs),
                "n_configs": int(n_configs.max()),
                "n_tasks_with_all_configs": int((n_configs == n_configs.max()).sum()),
                "n_failed": len(failed[["task", "config"]].drop_duplicates()),
            }
        return counts


def read_collected(folder, families=None):
    """Read what :func:`collect` has finished so far.

    Parameters
    ----------
    folder : path
    families : collection of str, optional
        By default all that are there.

    Returns
    -------
    Collected

    Raises
    ------
    ArtefactError
        Where the folder holds nothing collected, or damaged files.
    """
    folder = Path(folder)
    if not (folder / TASKS_FILE).is_file():
        raise ArtefactError(
            f"{folder} holds nothing collected. Name a folder written by `autometa collect`."
        )
    _, tasks = read_records(folder / TASKS_FILE)
    tasks = {record["name"]: record for record in tasks}  # of two processes, the last counts
    settings, rows = {}, []
    for family in FAMILIES if families is None else families:
        path = folder / f"{family}.jsonl"
        if not path.is_file():
            continue
        settings[family], records = read_records(path)
        unique = {(record["task"], record["config"]): record for record in records}
        for record in unique.values():
            rows += rows_of(family, record)
    metafeatures = {name: record["metafeatures"] for name, record in tasks.items()}
    described = [{k: v for k, v in r.items() if k != "metafeatures"} for r in tasks.values()]
    return Collected(
        evaluations_frame(rows),
        pd.DataFrame.from_dict(metafeatures, orient="index", dtype=float).rename_axis("task"),
        described,
        settings,
    )


def rows_of(family, record):
    """List the points of a record as rows of the table of evaluations."""
    common = {name: record[name] for name in ("task", "config", "status", "message")}
    common |= {"family": family}
    common |= {f"hp_{name}": value for name, value in record["values"].items()}
    points = record["points"] or [{"step": None, "score": None, "cost_s": record["cost_s"]}]
    return [{**common, **point} for point in points]


def evaluations_frame(rows):
    """Make the table of evaluations from its rows, the common columns first."""
    frame = pd.DataFrame(rows)
    frame = frame.reindex(columns=[*KEYS, *sorted(set(frame.columns) - set(KEYS), key=_order)])
    return frame.astype({"step": float, "score": float, "cost_s": float})


def _order(name):
    return name.startswith("hp_"), name
