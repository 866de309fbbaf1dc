"""Tables with a target: one form for all of them, and where they come from."""

from autometa.tasks._lazy import LazyTasks
from autometa.tasks._openml_runs import publish_run
from autometa.tasks._task import KINDS, Task
from autometa.tasks.arrays import target_kind, task_from_arrays
from autometa.tasks.corpus import read_corpus, read_index
from autometa.tasks.files import read_table, task_from_file, tasks_from_file
from autometa.tasks.fingerprint import Fingerprint, KnownTasks, fingerprint, row_hashes
from autometa.tasks.frame import as_frame, as_target, as_targets
from autometa.tasks.omniglot import read_omniglot
from autometa.tasks.openml import load_dataset, load_suite, load_task
from autometa.tasks.sinusoids import Sinusoids, sample_sinusoid_task
from autometa.tasks.synthetic import sample_prior_task

__all__ = [
    "Fingerprint",
    "KINDS",
    "KnownTasks",
    "LazyTasks",
    "Sinusoids",
    "Task",
    "as_frame",
    "as_target",
    "as_targets",
    "fingerprint",
    "load_dataset",
    "load_suite",
    "load_task",
    "publish_run",
    "read_corpus",
    "read_index",
    "read_omniglot",
    "read_table",
    "row_hashes",
    "sample_prior_task",
    "sample_sinusoid_task",
    "target_kind",
    "task_from_arrays",
    "task_from_file",
    "tasks_from_file",
]
