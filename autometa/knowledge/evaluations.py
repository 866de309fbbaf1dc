"""Knowledge: what configurations scored on which tasks, with meta-features and provenance."""

import copy
import json
import numbers
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, distribution_to_json, json_to_distribution

from autometa.exceptions import ArtefactError, InvalidInputError
from autometa.families import FAMILIES
from autometa.knowledge._evaluations import (
    PREFIX,
    check_evaluations,
    check_metafeatures,
    check_spaces,
    check_tasks,
    task_name,
)
from autometa.knowledge._folder import read_description, version_of, write_files
from autometa.knowledge._studies import join, known_of, study_rows, trials_of
from autometa.knowledge._tables import checksum, from_parquet, to_parquet
from autometa.metafeatures import compute_metafeatures
from autometa.space import typed_value
from autometa.tasks import Fingerprint, fingerprint, task_from_arrays
from autometa.tasks.fingerprint import MIN_SHARE

FORMAT = "autometa-knowledge"
FORMAT_VERSION = 1
DESCRIPTION, METAFEATURES = "knowledge.json", "metafeatures.parquet"


class Knowledge:
    """A table of evaluations: task, family, configuration, step → score, cost.

    Made by :meth:`from_evaluations`, :meth:`load`, or empty, to be filled by :meth:`add_study`.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The evaluations of each family: ``task``, ``step``, ``score`` (higher is better),
        ``cost_s`` (seconds), and ``hp_<name>`` a hyperparameter. Treat them as read-only.
    metafeatures : DataFrame of shape (n_tasks, n_metafeatures), indexed by task
    spaces : dict of str to dict of str to optuna distribution
        The search space of each family.
    tasks : dict of str to dict
        JSON-able provenance of each task: ``openml_id``, ``family``, ``fingerprint`` and the like.
    provenance : dict
        JSON-able: where the whole comes from.
    """

    def __init__(self, tables=None, metafeatures=None, spaces=None, tasks=None, provenance=None):
        self.tables = dict(tables or {})
        self.spaces = dict(spaces or {})
        about = {task_name(name): described for name, described in (tasks or {}).items()}
        self.tasks = {name: dict(about.get(name, {})) for name in _tasks_of(self.tables)}
        self.metafeatures = check_metafeatures(metafeatures, list(self.tasks))
        self.provenance = dict(provenance or {})

    @classmethod
    def from_evaluations(
        cls, evaluations, metafeatures, space=None, *, tasks=None, provenance=None
    ):
        """Make knowledge of a table of scores that configurations had on tasks.

        Parameters
        ----------
        evaluations : DataFrame
            Columns ``task``, ``family``, ``score`` (higher is better; NaN = failed), optionally
            ``cost_s`` (seconds) and ``step`` (points of a learning curve), and one ``hp_<name>``
            column a hyperparameter, NaN or None where it is inactive. Tasks may share their
            configurations or have their own.
        metafeatures : DataFrame indexed by task, or None
            Numeric columns of any names, NaN allowed. Tasks may be missing.
        space : dict of str to optuna distribution, optional
            By hyperparameter, or such dictionaries by family. None: inferred from the values. In
            a column with gaps, which holds all numbers as floats, those of a family that are all
            whole count as whole numbers.
        tasks : dict of str to dict, optional
            JSON-able provenance of tasks: ``openml_id``, ``family``, ``fingerprint`` ...
        provenance : dict, optional
            JSON-able, of the whole.

        Returns
        -------
        Knowledge

        Raises
        ------
        InvalidInputError

        Examples
        --------
        >>> import numpy as np
        >>> from autometa import Knowledge
        >>> from autometa.proposers import SurrogateProposer
        >>> evaluations = pd.DataFrame({
        ...     "task": np.repeat(["a", "b", "c"], 3),
        ...     "family": "svm",
        ...     "hp_C": [0.1, 1.0, 100.0] * 3,
        ...     "hp_kernel": ["rbf", "linear", "rbf"] * 3,
        ...     "hp_gamma": [0.1, None, 10.0] * 3,
        ...     "score": [0.9, 0.8, 0.5, 0.9, 0.7, 0.6, 0.8, 0.9, 0.5],
        ... })
        >>> metafeatures = pd.DataFrame({"n_rows": [150, 120, 5000]}, index=["a", "b", "c"])
        >>> knowledge = Knowledge.from_evaluations(evaluations, metafeatures)
        >>> knowledge
        <Knowledge: 3 tasks, 9 evaluations of svm>
        >>> configs = pd.DataFrame({"C": [0.1, 1.0], "kernel": ["rbf", "linear"],
        ...                         "gamma": [0.1, None]})
        >>> search = SurrogateProposer(knowledge, family="svm").start(
        ...     {"n_rows": 140}, candidates=configs
        ... )
        >>> config = search.ask()
        >>> config
        {'C': 0.1, 'kernel': 'rbf', 'gamma': 0.1}
        >>> search.tell(config, 0.4)
        >>> search.ask()
        {'C': 1.0, 'kernel': 'linear', 'gamma': nan}
        """
        tables = check_evaluations(evaluations)
        spaces = check_spaces(space, tables)
        check_tasks(tasks, _tasks_of(tables))
        return cls(tables, metafeatures, spaces, tasks, provenance)

    @property
    def families(self):
        """Names of the families that were evaluated."""
        return list(self.tables)

    def __repr__(self):
        n_rows = sum(map(len, self.tables.values()))
        of = ", ".join(self.families) or "no family"
        return f"<{type(self).__name__}: {len(self.tasks)} tasks, {n_rows} evaluations of {of}>"

    def to_evaluations(self):
        """Export as what :meth:`from_evaluations` takes.

        Returns
        -------
        evaluations, metafeatures : DataFrame
        """
        tables = [table.assign(family=family) for family, table in self.tables.items()]
        if not tables:
            return pd.DataFrame(columns=["task", "family", "score"]), self.metafeatures.copy()
        columns = list(dict.fromkeys(name for table in tables for name in table.columns))
        objects = [
            _as_objects(table, self.spaces[family]).reindex(columns=columns)
            for family, table in zip(self.families, tables, strict=True)
        ]
        joined = pd.concat(objects, ignore_index=True)
        return joined.apply(_with_its_type), self.metafeatures.copy()

    def filter(self, *, exclude=(), families=None, is_regression=None):
        """Leave tasks or families out.

        Parameters
        ----------
        exclude : sequence of str, int, Fingerprint or dict
            A text leaves out the task of that name, the tasks of that family of data sets and the
            family of models of that name; an integer, also as text, the tasks of that OpenML data
            id or name; a fingerprint, also as the dictionary in ``tasks``, the tasks that it
            matches. What is not there may be named.
        families : str or sequence of str, optional
            Families of models to keep; all by default.
        is_regression : bool, optional
            Keep tasks whose target is of this kind, and those of which that is not known.

        Returns
        -------
        Knowledge

        Examples
        --------
        >>> scores = pd.DataFrame({"task": ["a", "b"], "family": "knn", "score": [0.5, 0.6],
        ...                        "hp_k": [1, 1]})
        >>> Knowledge.from_evaluations(scores, None).filter(exclude=["b"])
        <Knowledge: 1 tasks, 1 evaluations of knn>
        """
        prints, names = _read_exclude(exclude)
        families = [families] if isinstance(families, str) else families
        keep = self.families if families is None else list(families)
        if unknown := sorted(set(keep) - set(self.families)):
            raise InvalidInputError(f"Unknown families {unknown}; known are {self.families}.")
        left_out = {name for name, about in self.tasks.items() if _is_among(name, about, names)}
        left_out |= {
            name
            for name, about in self.tasks.items()
            if about.get("fingerprint") is not None
            and any(
                Fingerprint.from_dict(about["fingerprint"]).match(one) >= MIN_SHARE
                for one in prints
            )
        }
        if is_regression is not None:
            other = ("binary", "multiclass") if is_regression else ("regression",)
            left_out |= {name for name, about in self.tasks.items() if about.get("kind") in other}
        tables = {}
        for family in keep:
            table = self.tables[family]
            table = table[~table["task"].isin(left_out)].reset_index(drop=True)
            if len(table) and family not in names:
                tables[family] = table
        return self._with_tables(tables)

    def merge(self, other):
        """Join two tables of evaluations; where both hold the same one, the other's counts.

        A hyperparameter of whole numbers here and of others there has numbers of both kinds.

        Returns
        -------
        Knowledge

        Raises
        ------
        InvalidInputError
            Where one hyperparameter is a number here and a category there.
        """
        if not isinstance(other, Knowledge):
            raise InvalidInputError(f"Only Knowledge can be merged, got {type(other).__name__}.")
        tables, spaces = dict(self.tables), copy.deepcopy(self.spaces)
        for family, table in other.tables.items():
            spaces[family] = _join_spaces(spaces.get(family, {}), other.spaces[family])
            if family in tables:
                table = _stack(tables[family], table)
            tables[family] = table
        ours, theirs = self.metafeatures, other.metafeatures
        metafeatures = theirs.combine_first(ours) if len(ours.columns) else theirs
        merged = [*self.provenance.get("merged", []), other.provenance]
        provenance = {**self.provenance, "merged": merged} if other.provenance else self.provenance
        tasks = dict(self.tasks)
        for name, about in other.tasks.items():
            tasks[name] = tasks.get(name, {}) | about
        return type(self)(tables, metafeatures, spaces, tasks, provenance)

    def add_study(self, study, X, y, *, family, name=None, metafeatures=None, kind=None):
        """Make a finished Optuna study part of this knowledge, in place.

        Parameters
        ----------
        study : optuna.Study
            With one objective; a minimised one is stored with its sign turned.
        X, y : table and target that the study was about
            Meta-features and the fingerprint are computed of them; rows are not kept.
        family : str
            Configurations are made to fit its space: that of this knowledge, or else, for a family
            of ours such as "svm", its own. What no trial has is filled with the library's default
            (of families that are not ours, with what is known most often), values out of range are
            clipped and categories mapped. What plays no part, beside the other values (of families
            that are not ours: beside a category that it is never known with) or on this kind of
            target, stays empty.
        name : str, optional
            Of the task; by default the study's.
        metafeatures : mapping, optional
            In place of those computed here; needed where the known ones have other names.
        kind : {"binary", "multiclass", "regression", "classification"}, optional
            What the target is; by default as its values look.

        Returns
        -------
        Knowledge
            This one.

        Warns
        -----
        SpaceWarning
            For every change to a configuration.

        Raises
        ------
        InvalidInputError
            Where a task of that name is known that is about other data, and where the study tunes
            nothing of what is known of the family.

        Examples
        --------
        >>> import numpy as np
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(study_name="mine")
        >>> study.optimize(lambda trial: trial.suggest_float("C", 0.1, 10, log=True), n_trials=3)
        >>> X = pd.DataFrame({"a": np.arange(40.0)})
        >>> Knowledge().add_study(study, X, [0, 1] * 20, family="my_machine")
        <Knowledge: 1 tasks, 3 evaluations of my_machine>
        """
        trials = trials_of(study)
        name = study.study_name if name is None else str(name)
        task = task_from_arrays(X, y, kind)
        if metafeatures is None:
            metafeatures = compute_metafeatures(X, y, task.kind)
        print_ = fingerprint(X, y)
        known_print = self.tasks.get(name, {}).get("fingerprint")
        if known_print and Fingerprint.from_dict(known_print).match(print_) < MIN_SHARE:
            raise InvalidInputError(
                f"A task {name!r} is known already, and is about other data. Say what this one is "
                "called: add_study(..., name=...)."
            )
        about = {"source": "study", "kind": task.kind, "fingerprint": print_.to_dict()}
        is_regression, table = about["kind"] == "regression", None
        if family in self.tables:
            alike = self.filter(families=[family], is_regression=is_regression)
            table = alike.tables.get(family, None if family in FAMILIES else self.tables[family])
        space = self.spaces.get(family, {})
        known = known_of(family, trials, space, table, is_regression=is_regression)
        rows = study_rows(study, trials, known).assign(task=name, family=family)
        tables = check_evaluations(rows)
        spaces = check_spaces(known.space, tables)
        metafeatures = pd.DataFrame([dict(metafeatures)], index=[name])
        added = Knowledge(tables, metafeatures, spaces, {name: about})
        self.__dict__.update(self.merge(added).__dict__)
        return self

    def save(self, folder):
        """Write into ``folder``, which is made if need be: Parquet and JSON, wholly or not at all.

        Raises
        ------
        ArtefactError
            Where the folder cannot be written to.
        """
        contents, families = {}, {}
        for number, (family, table) in enumerate(self.tables.items()):
            file = f"evaluations-{number}.parquet"
            contents[file], as_json = to_parquet(table)
            space = {name: distribution_to_json(d) for name, d in self.spaces[family].items()}
            families[family] = {"file": file, "as_json": as_json, "space": space}
        contents[METAFEATURES], _ = to_parquet(self.metafeatures)
        described = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "sha256": {name: checksum(content) for name, content in contents.items()},
            "families": families,
            "tasks": self.tasks,
            "provenance": self.provenance,
            "versions": {name: version_of(name) for name in ("autometa", "optuna", "pandas")},
        }
        try:
            text = json.dumps(described, indent=1, default=_plain)
        except TypeError as error:  # of keys, which no default is asked for
            raise InvalidInputError(f"Provenance must be what JSON holds: {error}.") from error
        contents[DESCRIPTION] = text.encode()  # last: it names the rest
        write_files(Path(folder), contents)

    @classmethod
    def default(cls):
        """Return the evaluations that ship with the package, read once; empty if none do.

        Studies added to what is returned are its own.
        """
        return copy.copy(shipped_evaluations())

    @classmethod
    def load(cls, folder):
        """Read what :meth:`save` wrote, checking format, version and checksums.

        Raises
        ------
        ArtefactError
            Where the folder holds no knowledge, or a foreign, corrupted or unreadable one.

        Examples
        --------
        >>> Knowledge.load("no/such/folder")
        Traceback (most recent call last):
        autometa.exceptions.ArtefactError: no/such/folder holds no readable knowledge.json ...
        """
        folder = Path(folder)
        described = _read_description(folder)
        try:
            contents = {name: (folder / name).read_bytes() for name in described["sha256"]}
            for name, content in contents.items():
                if checksum(content) != described["sha256"][name]:
                    raise ArtefactError(
                        f"{folder / name} is corrupted: its checksum differs from the one in "
                        f"{DESCRIPTION}. Copy or collect it anew."
                    )
            tables, spaces = {}, {}
            for family, about in described["families"].items():
                tables[family] = from_parquet(contents[about["file"]], about["as_json"])
                spaces[family] = {n: json_to_distribution(d) for n, d in about["space"].items()}
            metafeatures = from_parquet(contents[METAFEATURES], [])
            return cls(tables, metafeatures, spaces, described["tasks"], described["provenance"])
        except ArtefactError:
            raise
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(f"{folder} holds no complete knowledge: {error!r}.") from error

    def _with_tables(self, tables):
        spaces = {family: self.spaces[family] for family in tables}
        return type(self)(tables, self.metafeatures, spaces, self.tasks, self.provenance)


@cache
def shipped_evaluations():
    """The one that all share, with whatever was made of it; not to be changed."""
    folder = _shipped_folder()
    return Knowledge.load(folder) if (folder / DESCRIPTION).is_file() else Knowledge()


def read_tasks(folder=None):
    """Read what the evaluations in a folder are of, without reading them.

    Parameters
    ----------
    folder : path, optional
        Of :meth:`Knowledge.save`; by default what ships.

    Returns
    -------
    dict of str to dict
        As ``Knowledge.tasks``.
    """
    if folder is None and not (_shipped_folder() / DESCRIPTION).is_file():
        return {}
    folder = _shipped_folder() if folder is None else Path(folder)
    try:
        return dict(_read_description(folder)["tasks"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder} holds no complete knowledge: {error!r}.") from error


def _shipped_folder():
    return Path(__file__).parent / "shipped" / "evaluations"


def _read_description(folder):
    return read_description(
        folder / DESCRIPTION,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        written_by="`Knowledge.save` or `autometa collect`",
    )


def _tasks_of(tables):
    return list(dict.fromkeys(task for table in tables.values() for task in table["task"]))


def _read_exclude(exclude):
    """Sort what is excluded into fingerprints and names, ids among them as text."""
    is_one = isinstance(exclude, (str, numbers.Integral, Fingerprint, dict))
    prints, names = [], set()
    for entry in [exclude] if is_one else (() if exclude is None else exclude):
        if isinstance(entry, dict):
            entry = Fingerprint.from_dict(entry)
        if isinstance(entry, Fingerprint):
            prints.append(entry)
        elif isinstance(entry, (str, numbers.Integral)):
            names.add(str(entry))
        else:
            raise InvalidInputError(
                f"exclude names {entry!r}. Accepted are names, OpenML data ids and fingerprints."
            )
    return prints, names


def _is_among(name, about, names):
    ids = {about.get(key) for key in ("openml_id", "openml_data_id")} - {None}
    return name in names or about.get("family") in names or bool(set(map(str, ids)) & names)


def _join_spaces(one, other):
    return one | {name: join(one.get(name, d), d, name) for name, d in other.items()}


def _stack(one, other):
    """Put tables below each other, without those of the first that the other holds too."""
    columns = list(dict.fromkeys([*one.columns, *other.columns]))
    # Objects, so that whole numbers beside missing ones stay whole.
    objects = [table.astype(object).reindex(columns=columns) for table in (one, other)]
    joined = pd.concat(objects, ignore_index=True).infer_objects()
    same = [name for name in columns if name not in ("score", "cost_s")]
    keys = pd.factorize(pd.MultiIndex.from_frame(joined[same].astype(str)))[0]
    is_repeated = np.isin(keys[: len(one)], keys[len(one) :])
    return joined[~np.append(is_repeated, np.zeros(len(other), bool))].reset_index(drop=True)


def _as_objects(table, space):
    """Hold every value in the type that its space has, which a column with gaps does not."""
    objects = table.astype(object)
    for name, distribution in space.items():
        column = table[PREFIX + name]
        if not pd.api.types.is_float_dtype(column) or type(distribution) is FloatDistribution:
            continue
        typed = {value: typed_value(value, distribution) for value in column.dropna().unique()}
        values = [typed.get(value, value) for value in column]
        objects[PREFIX + name] = pd.Series(values, index=table.index, dtype=object)
    return objects


def _with_its_type(column):
    """Give a column of objects its type, unless whole numbers beside gaps would become floats."""
    has_whole = "integer" in pd.api.types.infer_dtype(column)
    return column if has_whole and column.isna().any() else column.infer_objects()


def _plain(value):
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidInputError(f"Provenance must be what JSON holds, got {value!r}.")
