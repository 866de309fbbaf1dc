"""A folder of tables on disk: ``index.csv`` and ``data/<name>.parquet``."""

from pathlib import Path

import pandas as pd

from autometa.exceptions import InvalidInputError
from autometa.tasks._lazy import LazyTasks
from autometa.tasks._task import KINDS, Task
from autometa.tasks.arrays import task_from_frame
from autometa.tasks.files import read_table

REQUIRED_COLUMNS = ("name", "task", "target")


def read_index(folder) -> pd.DataFrame:
    """Read what a corpus folder holds, one row per table.

    Parameters
    ----------
    folder : path
        Its ``index.csv`` has the columns ``name``, ``task`` (the kind) and ``target``, and may have
        ``family`` (tables derived from one source share it; by default the name), ``openml_id``
        and ``split``, among others.

    Returns
    -------
    DataFrame of shape (n_tables, ...)
    """
    folder = Path(folder)
    path = folder / "index.csv"
    advice = "A corpus is a folder with index.csv and data/<name>.parquet."
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}. {advice}")
    if not path.is_file():
        raise InvalidInputError(f"{folder} has no index.csv. {advice}")
    try:
        index = pd.read_csv(path, dtype={"name": str, "target": str, "family": str, "split": str})
    except (ValueError, OSError) as error:
        raise InvalidInputError(f"{path} is no readable CSV table: {error}. {advice}") from error
    lacking = [column for column in REQUIRED_COLUMNS if column not in index.columns]
    if lacking:
        raise InvalidInputError(
            f"{path} lacks the columns {lacking}; it has {list(index.columns)[:10]}. {advice}"
        )
    unknown = sorted(set(index["task"].astype(str)) - set(KINDS))
    if unknown:
        raise InvalidInputError(f"{path}: task must be one of {list(KINDS)}, found {unknown}.")
    if index["name"].duplicated().any():
        raise InvalidInputError(
            f"{path}: {index['name'][index['name'].duplicated()].iloc[0]!r} is listed twice."
        )
    if "family" not in index.columns:
        index["family"] = index["name"]
    index["family"] = index["family"].fillna(index["name"])
    return index


def read_corpus(folder, *, split: str | None = None, kinds=None, names=None) -> LazyTasks:
    """Read the tasks of a corpus folder, one at a time.

    Parameters
    ----------
    folder : path
        See :func:`read_index`.
    split : str, optional
        Only the tables of this split, e.g. ``"meta-train"``; by default all.
    kinds : collection of {"binary", "multiclass", "regression"}, optional
    names : collection of str, optional
        Only these tables.

    Returns
    -------
    LazyTasks
        In the order of the index. Its ``names`` are known without reading any table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data").mkdir()
    ...     table = pd.DataFrame({"age": [31, 45], "paid": ["no", "yes"]})
    ...     table.to_parquet(Path(folder, "data", "loans.parquet"))
    ...     _ = Path(folder, "index.csv").write_text("name,task,target\\nloans,binary,paid\\n")
    ...     list(read_corpus(folder))
    [<Task 'loans': 2 x 1, binary>]
    """
    index = read_index(folder)
    if split is not None:
        index = index[_chosen(index, "split", [split], folder)]
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise InvalidInputError(f"kinds must be among {list(KINDS)}, got {unknown}.")
        index = index[index["task"].isin(kinds)]
    if names is not None:
        index = index[_chosen(index, "name", list(names), folder)]
    rows = index.to_dict("records")
    return LazyTasks(index["name"], lambda i: _read_task(Path(folder), rows[i]))


def _chosen(index: pd.DataFrame, column: str, wanted: list[str], folder) -> pd.Series:
    known = index[column].dropna().unique().tolist() if column in index.columns else []
    missing = [value for value in wanted if value not in known]
    if missing:
        raise InvalidInputError(
            f"The corpus {folder} has no {column} {missing[0]!r}, but {known[:5]}"
            f"{' and others' if len(known) > 5 else ''}."
        )
    return index[column].isin(wanted)


def _read_task(folder: Path, row: dict) -> Task:
    provenance = {"source": "corpus", "family": row["family"]}
    if pd.notna(row.get("openml_id")):
        provenance["openml_data_id"] = int(row["openml_id"])
    if isinstance(row.get("split"), str):
        provenance["split"] = row["split"]
    frame = read_table(folder / "data" / f"{row['name']}.parquet")
    return task_from_frame(
        frame, row["target"], row["task"], name=row["name"], provenance=provenance
    )
