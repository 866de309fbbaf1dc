"""Tasks, data sets and suites from OpenML, through its own client and cache.

The only file that imports ``openml``, and only when it is used.
"""

import warnings
from contextlib import contextmanager

import pandas as pd

from autometa.exceptions import InvalidInputError, InvalidTableError, OpenMLError
from autometa.tasks._lazy import LazyTasks
from autometa.tasks._task import Task
from autometa.tasks.arrays import task_from_arrays
from autometa.tasks.frame import as_frame


def load_task(task_id: int) -> Task:
    """Load an OpenML task: its table, its target and its splits.

    Parameters
    ----------
    task_id : int
        Of a classification or regression task.

    Returns
    -------
    Task
        With one split per repeat and fold.

    Raises
    ------
    OpenMLError
        Where there is no such task, it is of another type, or OpenML cannot be reached.
    """
    openml = _client()
    task_id = _whole_number(task_id, "task_id")
    with _clear_errors(f"task {task_id}"):
        found = openml.tasks.get_task(task_id)
    if not isinstance(found, openml.tasks.OpenMLSupervisedTask):
        raise OpenMLError(
            f"OpenML task {task_id} is of type {found.task_type!r}. Choose a supervised "
            "classification or regression task."
        )
    is_regression = isinstance(found, openml.tasks.OpenMLRegressionTask)
    with _clear_errors(f"the data set {found.dataset_id} of task {task_id}"):
        dataset = openml.datasets.get_dataset(found.dataset_id)
        frame, target = _frame_and_target(dataset, found.target_name)
    with _clear_errors(f"the splits of task {task_id}"), warnings.catch_warnings():
        # The client leaves the file of the splits to be closed by the garbage collector.
        warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
        n_repeats, n_folds, _ = found.get_split_dimensions()
        splits = [
            found.get_train_test_split_indices(repeat=repeat, fold=fold)
            for repeat in range(n_repeats)
            for fold in range(n_folds)
        ]
    return task_from_arrays(
        frame.drop(columns=[target]),
        frame[target],
        "regression" if is_regression else "classification",
        name=f"{dataset.name}-t{task_id}",
        splits=splits,
        provenance=_provenance(dataset, target) | {"openml_task_id": task_id},
    )


def load_dataset(id_or_name: int | str, target: str | None = None) -> Task:
    """Load an OpenML data set as a task without splits.

    Parameters
    ----------
    id_or_name : int or str
        A name means its oldest active version.
    target : str, optional
        A column; by default the one that the data set declares. Numbers make a regression task,
        everything else classes.
    """
    openml = _client()
    with _clear_errors(f"data set {id_or_name!r}"):
        dataset = openml.datasets.get_dataset(id_or_name)
        frame, target = _frame_and_target(dataset, target or dataset.default_target_attribute)
    is_number = frame[target].dtype.kind in "iuf"
    return task_from_arrays(
        frame.drop(columns=[target]),
        frame[target],
        "regression" if is_number else "classification",
        name=f"{dataset.name}-d{dataset.dataset_id}",
        provenance=_provenance(dataset, target),
    )


def load_suite(alias_or_id: int | str) -> LazyTasks:
    """Load an OpenML benchmarking suite, one task at a time.

    Parameters
    ----------
    alias_or_id : int or str
        For example 99 or "OpenML-CC18".

    Returns
    -------
    LazyTasks
        Each task is downloaded, or read from the client's cache, when it is taken.
    """
    openml = _client()
    with _clear_errors(f"suite {alias_or_id!r}"):
        try:
            task_ids = openml.study.get_suite(alias_or_id).tasks or []
        except ValueError as error:  # a study of runs, not of tasks
            raise OpenMLError(f"OpenML study {alias_or_id!r} is no suite of tasks.") from error
    if not task_ids:
        raise OpenMLError(f"OpenML suite {alias_or_id!r} has no tasks.")
    return LazyTasks([f"openml-t{i}" for i in task_ids], lambda i: load_task(task_ids[i]))


def _client():
    try:
        import openml
    except ImportError as error:
        raise OpenMLError(
            "The openml client is not installed. Install it with: pip install openml"
        ) from error
    return openml


@contextmanager
def _clear_errors(what: str):
    """Turn the client's exceptions into ours, in one line."""
    import requests
    import urllib3

    openml = _client()
    failures = openml.exceptions
    server = openml.config.server
    try:
        yield
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise OpenMLError(
            f"Cannot load {what}: OpenML ({server}) cannot be reached ({type(error).__name__}). "
            "Check the connection. Tasks and data sets that were loaded before stay usable offline "
            f"by their ids, from the cache in {openml.config.get_cache_directory()}."
        ) from error
    except (failures.OpenMLNotAuthorizedError, failures.OpenMLPrivateDatasetError) as error:
        raise OpenMLError(
            f"OpenML ({server}) refused {what}: {_one_line(error.message)}. "
            "Set openml.config.apikey to a key that may read it."
        ) from error
    except failures.PyOpenMLError as error:
        raise OpenMLError(
            f"OpenML ({server}) cannot give {what}: {_one_line(error.message)}. "
            "Check the id or name."
        ) from error
    except RuntimeError as error:  # the client found no data set of that name
        if isinstance(error, OpenMLError) or "No active datasets" not in str(error):
            raise
        raise OpenMLError(
            f"OpenML ({server}) cannot give {what}: {_one_line(error)}. Check the id or name."
        ) from error


def _frame_and_target(dataset, target: str | None) -> tuple[pd.DataFrame, str]:
    """The columns that count, the target among them."""
    name = f"OpenML data set {dataset.name!r}"
    # The target is split off here: the client would split its name at commas.
    frame = as_frame(dataset.get_data(include_ignore_attribute=True)[0])
    columns = frame.columns.tolist()
    shown = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
    if target is None:
        raise InvalidInputError(f"{name} declares no target. Give one of its columns: {shown}.")
    if target not in columns:
        several = " declares several targets; it" if "," in target else ""
        raise InvalidTableError(f"{name}{several} has no column {target!r}. Its columns: {shown}.")
    ignored = dataset.ignore_attribute or []
    ignored = {ignored} if isinstance(ignored, str) else set(ignored)
    return frame.drop(columns=[c for c in columns if c in ignored - {target}]), target


def _provenance(dataset, target: str) -> dict:
    return {
        "source": "openml",
        "openml_data_id": int(dataset.dataset_id),
        "openml_version": dataset.version,
        "family": dataset.name,
        "target": target,
    }


def _whole_number(value, name: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise InvalidInputError(f"{name} must be a whole number, got {value!r}.") from None


def _one_line(message) -> str:
    return " ".join(str(message).split()).rstrip(".")
