"""Where runs are kept: one row a run, one Parquet file a session."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from autometa.exceptions import ArtefactError

#: What tells runs apart; of two with the same values the later one counts.
KEY = ("method", "task", "fold", "budget_s", "n_threads", "seed", "data")

_TEXTS = (
    *("method", "task", "data", "kind", "status", "error", "versions", "options", "known_as"),
    *("session", "date", "machine", "prediction_file"),
)
_COUNTS = ("fold", "n_threads", "seed", "n_train", "n_test", "n_features", "n_classes")
_COUNTS += ("openml_task_id", "n_folds")
_NUMBERS = (
    *("budget_s", "roc_auc", "log_loss", "accuracy", "rmse", "mae", "r2"),
    *("constant_roc_auc", "constant_log_loss", "constant_accuracy"),
    *("constant_rmse", "constant_mae", "constant_r2"),
    *("fit_s", "predict_s", "import_s", "fit_cpu_s", "before_mb", "peak_mb", "calibration_s"),
)
SCHEMA = pa.schema(
    [(name, pa.string()) for name in _TEXTS]
    + [(name, pa.int64()) for name in _COUNTS]
    + [(name, pa.float64()) for name in _NUMBERS]
)


class RunsFile:
    """The runs of one session, written anew, wholly or not at all, after each.

    Parameters
    ----------
    folder : path
        Of the results; made if need be.
    session : str
    """

    def __init__(self, folder, session):
        self.path = Path(folder, "runs", f"{session}.parquet")
        self.rows = []

    def add(self, row):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows.append(row)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        pa.parquet.write_table(pa.Table.from_pylist(self.rows, schema=SCHEMA), partial)
        partial.replace(self.path)


def read_runs(*folders):
    """Read the runs of results folders.

    Parameters
    ----------
    *folders : path
        As :func:`run_benchmark` writes them. One without runs gives none.

    Returns
    -------
    DataFrame
        One row a run, the newest of each: ``method``, ``task``, ``fold``, ``budget_s`` (seconds,
        NaN where the method takes no limit), ``status`` ("ok", "failed", "died", "timeout",
        "memory"), ``error``, the metrics (``roc_auc``, ``log_loss``, ``accuracy``, ``rmse``,
        ``mae``, ``r2``) and those of a constant prediction (``constant_*``), ``fit_s``,
        ``predict_s``, ``import_s``, ``fit_cpu_s`` (seconds), ``before_mb`` and ``peak_mb``
        (megabytes), ``known_as`` (the name under which meta-training has seen the table, or ""),
        and more.

    Examples
    --------
    >>> read_runs("no/such/folder").empty
    True
    """
    tables = []
    for folder in folders:
        for path in sorted(Path(folder, "runs").glob("*.parquet")):
            try:
                table = pa.parquet.read_table(path)
            except (OSError, pa.ArrowException) as error:
                raise ArtefactError(
                    f"{path} holds no readable runs: {error}. Move the file away; its runs are "
                    "then made anew."
                ) from error
            lacking = [name for name in KEY if name not in table.column_names]
            if lacking:
                raise ArtefactError(f"{path} holds no runs of a benchmark: it lacks {lacking}.")
            tables.append(table.to_pandas().assign(folder=str(folder)))
    if not tables:
        return pd.DataFrame({name: [] for name in [*SCHEMA.names, "folder"]})
    return newest_of(pd.concat(tables, ignore_index=True))


def newest_of(runs):
    """Of each run the newest; of a seed's folds only those of the table and rows they had last."""
    runs = runs.sort_values("date", kind="stable").drop_duplicates(list(KEY), keep="last")
    newest = runs.groupby(["task", "fold", "seed"])["data"].transform("last")
    return runs[runs["data"] == newest].reset_index(drop=True)


def of_options(runs, options):
    """Leave out runs of methods of which others of the ``options``, by method, are wanted."""
    if "options" not in runs:  # written by hand
        return runs
    wanted = runs["method"].map(options)
    is_other = wanted.notna() & runs["options"].notna() & (wanted != runs["options"])
    return runs[~is_other].reset_index(drop=True)


def key_of(row):
    """The values that tell a run apart."""
    values = [row[name] for name in KEY]
    return tuple(None if pd.isna(value) else value for value in values)
