"""Collect on many tasks, in parallel, into a folder from which it can go on at any time."""

import hashlib
import numbers
import warnings
from functools import partial
from pathlib import Path

from joblib import Parallel, delayed
from optuna.distributions import distribution_to_json

from autometa.collecting._adaptive import SearchFiles, run_search
from autometa.collecting._collected import TASKS_FILE, read_collected
from autometa.collecting._designs import design_configs
from autometa.collecting._evaluations import evaluate_table
from autometa.collecting._records import RecordFile
from autometa.collecting._task import check_settings, describe_task, network_options
from autometa.evaluation import TableFolds
from autometa.exceptions import InvalidInputError, InvalidTableError, OpenMLError
from autometa.families import find_family
from autometa.tasks import LazyTasks, fingerprint


def collect(
    tasks,
    families,
    n_configs,
    folder,
    *,
    n_adaptive=0,
    n_folds=3,
    max_rows=2_000,
    seed=0,
    time_limit_s=60.0,
    chunk_size=8,
    n_jobs=None,
    n_threads=1,
    initialisation=None,
    device="cpu",
    on_progress=None,
):
    """Evaluate a shared set of configurations on every task, into a folder.

    All tasks get their first ``chunk_size`` configurations before any gets more, since more tasks
    are worth more than more configurations. Then some tasks are searched, and what was best there
    is evaluated on all. What is finished stays in the folder; the same call goes on from there,
    also with more tasks, families or configurations.

    Parameters
    ----------
    tasks : sequence of Task
        :class:`~autometa.tasks.LazyTasks` are read when their turn comes.
    families : collection of str
        Keys of :data:`autometa.families.FAMILIES`.
    n_configs : int
        The family's default and so many less one that fill its space, see `design_configs`.
    folder : path
    n_adaptive : int, default=0
        Tasks of classes, and as many of numbers, on which 20 more trials by a surrogate of what
        was collected look for a better configuration.
    n_folds, max_rows, seed, time_limit_s, n_threads, initialisation, device
        See :func:`collect_task`; a folder that was collected with others is refused.
    chunk_size : int
        Configurations of one piece of work.
    n_jobs : int, optional
        Pieces at once, by joblib: inside ``joblib.parallel_config(backend=...)`` by that backend,
        such as Dask's on a cluster. Only this process reads tasks and writes to the folder.
    on_progress : callable, optional
        ``on_progress({"n_done", "n_pieces", "task", "family"})`` after every piece; those that were
        finished before count.

    Returns
    -------
    Collected
        All that the folder holds of these families.

    Raises
    ------
    InvalidInputError
        For settings that cannot be, or others than the folder has, and for a task whose name is
        that of another.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from autometa.tasks import task_from_arrays
    >>> task = task_from_arrays(np.arange(40.0)[:, None], ["no"] * 20 + ["yes"] * 20, name="steps")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     collected = collect([task], ["knn"], 4, folder, time_limit_s=None)
    >>> len(collected.evaluations), int(collected.metafeatures.loc["steps", "n_rows"])
    (4, 40)
    """
    families = _check_families(families)
    check_settings(n_folds=n_folds, max_rows=max_rows, time_limit_s=time_limit_s)
    at_least = (("n_configs", n_configs, 1), ("chunk_size", chunk_size, 1))
    for name, value, least in (*at_least, ("n_adaptive", n_adaptive, 0)):
        if not isinstance(value, numbers.Integral):
            raise InvalidInputError(f"{name} must be a whole number, got {value!r}.")
        if value < least:
            raise InvalidInputError(f"{name} must be >= {least}, got {value}.")
    if n_jobs is not None and (not isinstance(n_jobs, numbers.Integral) or n_jobs == 0):
        raise InvalidInputError(
            f"n_jobs must be a whole number other than 0, got {n_jobs!r}. Use -1 for all cores, or "
            "None for what joblib is told."
        )
    network = network_options(families, initialisation, device)
    settings = {"n_folds": n_folds, "max_rows": max_rows, "seed": seed}
    limits = {"time_limit_s": time_limit_s, "n_threads": n_threads}
    folder = Path(folder)
    headers = {
        family: {"settings": settings | limits, **_describe_family(family, network)}
        for family in families
    }
    work = _Work(
        tasks if isinstance(tasks, LazyTasks) else _as_lazy(tasks),
        {family: RecordFile(folder / f"{family}.jsonl", headers[family]) for family in families},
        RecordFile(folder / TASKS_FILE, {"settings": {"seed": seed}}),
        chunk_size=chunk_size,
        options=settings,
    )

    run = partial(_run, network=network, limits=limits, seed=seed, n_jobs=n_jobs)

    def write(piece):
        work.write(piece)
        if on_progress is not None:
            on_progress(work.progress(piece))

    work.plan(
        {
            (family, is_regression): dict(
                enumerate(design_configs(family, n_configs, is_regression=is_regression, seed=seed))
            )
            for family in families
            for is_regression in (False, True)
        }
    )
    run(run_piece, work.pieces(), write)
    if n_adaptive and work.described:
        searches = SearchFiles(folder, headers)
        pieces = searches.pieces(work.tasks, work.sources, n_adaptive, settings)
        run(run_search, pieces, searches.write)
        work.plan(searches.designs())
        run(run_piece, work.pieces(), write)
    return read_collected(folder, families)


def _run(function, pieces, write, *, network, limits, seed, n_jobs):
    """Do pieces of work in parallel, each written once it is finished."""
    errors = []  # raised in a thread of the backend they would be lost

    def calls():
        try:
            for piece in pieces:
                own = network if piece["family"] == "adapted_network" else {}
                yield delayed(function)(piece, own, limits, seed)
        except Exception as error:
            errors.append(error)

    parallel = Parallel(
        n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2 * n_jobs"
    )
    finished = parallel(calls())
    try:
        for piece in finished:
            write(piece)
    finally:
        finished.close()
    if errors:
        raise errors[0]


class _Work:
    """What is to be done, in order; what is done goes to the files."""

    def __init__(self, tasks, files, tasks_file, *, chunk_size, options):
        self.tasks, self.files, self.tasks_file = tasks, files, tasks_file
        self.chunk_size, self.options = chunk_size, options
        self.done = {
            family: {(record["task"], record["config"]) for record in file.records}
            for family, file in files.items()
        }
        self.described = {record["name"]: record for record in tasks_file.records}
        self.names = dict.fromkeys(tasks.names)  # of the tasks read: their own names
        known = [record["source_name"] for record in tasks_file.records]
        names = [record["name"] for record in tasks_file.records]
        self.names |= {k: v for k, v in zip(known, names, strict=True) if k in self.names}

    def plan(self, designs):
        """Take what is to be done: of each family and kind of target, configurations by number."""
        self.designs = designs
        self.numbers = sorted(set().union(*designs.values()))
        self.n_pieces = self.n_left = 0
        for _, _, _, is_left in self._all_pieces():
            self.n_pieces += 1
            self.n_left += is_left

    @property
    def sources(self):
        """Positions of the tasks read, by their own names."""
        places = {source: place for place, source in enumerate(self.tasks.names)}
        return {name: places[source] for source, name in self.names.items() if name is not None}

    def _all_pieces(self):
        """Chunk by chunk, task by task, family by family: what is missing of each."""
        for start in range(0, len(self.numbers), self.chunk_size):
            chunk = self.numbers[start : start + self.chunk_size]
            for position, source_name in enumerate(self.tasks.names):
                name = self.names[source_name]
                kinds = (False, True)
                if name in self.described:
                    kinds = (self.described[name]["kind"] == "regression",)
                for family in self.files:
                    wanted = set().union(*(self.designs[family, kind] for kind in kinds))
                    missing = [
                        n for n in chunk if n in wanted and (name, n) not in self.done[family]
                    ]
                    yield position, family, missing, bool(missing)

    def pieces(self):
        """Yield the pieces of work; a task that cannot be used is left out with a warning."""
        position_before, task, table = None, None, None
        unusable = set()
        for position, family, missing, is_left in self._all_pieces():
            if not is_left or position in unusable:
                continue
            if position != position_before:
                position_before, source_name = position, self.tasks.names[position]
                try:
                    task = self.tasks[position]
                except (InvalidTableError, OpenMLError) as error:
                    warnings.warn(f"left out {source_name}: {error}", stacklevel=2)
                    unusable.add(position)
                    self.n_left -= sum(
                        p == position and left for p, _, _, left in self._all_pieces()
                    )
                    continue
                self.names[source_name] = task.name
                table = TableFolds.from_task(task, **self.options)
                described = None
                if task.name not in self.described:
                    described = {**describe_task(task), "source_name": source_name}
                    self.described[task.name] = described
                elif (
                    self.described[task.name]["fingerprint"]
                    != fingerprint(task.X, task.y).to_dict()
                ):
                    raise InvalidInputError(
                        f"The folder holds evaluations of another table named {task.name!r}. Give "
                        "this one another name, or collect into another folder."
                    )
            design = self.designs[family, table.is_regression]
            missing = [number for number in missing if number in design]
            if not missing:  # of a task whose kind was not known before
                self.n_left -= 1
                continue
            yield {
                "task": task.name,
                "family": family,
                "described": described,
                "table": table,
                "configs": {number: design[number] for number in missing},
            }
            described = None

    def write(self, piece):
        """Store a finished piece."""
        if piece["described"] is not None:
            self.tasks_file.append([piece["described"]])
        self.files[piece["family"]].append(piece["records"])
        self.n_left -= 1

    def progress(self, piece):
        """Describe how far the work is."""
        n_done = self.n_pieces - self.n_left
        names = {"task": piece["task"], "family": piece["family"]}
        return {"n_done": n_done, "n_pieces": self.n_pieces, **names}


def run_piece(piece, network, limits, seed):
    """Evaluate the configurations of a piece; the table is not sent back."""
    configs = piece["configs"]
    records = evaluate_table(
        piece["table"],
        piece["family"],
        list(configs.values()),
        seed=seed,
        network=network,
        **limits,
    )
    named = [
        {"task": piece["task"], "config": number, "values": config, **record}
        for (number, config), record in zip(configs.items(), records, strict=True)
    ]
    return {"records": named, **{k: piece[k] for k in ("task", "family", "described")}}


def _check_families(families):
    if isinstance(families, str):
        families = [families]
    families = list(dict.fromkeys(families))
    if not families:
        raise InvalidInputError("families is empty. Name at least one, such as 'lightgbm'.")
    for family in families:
        if family != "adapted_network":
            find_family(family).make({}, is_regression=False)  # says what is not installed
    return families


def _describe_family(family, network):
    """What makes configurations of one family comparable: its space, and what it starts from."""
    found = find_family(family)
    described = {"family": family}
    for kind, is_regression in (("classes", False), ("numbers", True)):
        space = found.space(is_regression=is_regression)
        described[f"space for {kind}"] = {
            name: distribution_to_json(distribution) for name, distribution in space.items()
        }
    if family == "adapted_network":
        digest = hashlib.sha256()
        for name, param in sorted(network["initialisation"].params.items()):
            digest.update(name.encode() + param.cpu().contiguous().numpy().tobytes())
        described["initialisation"] = digest.hexdigest()[:16]
        described["device"] = network["device"].partition(":")[0]
    return described


def _as_lazy(tasks):
    tasks = list(tasks)
    names = [task.name for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInputError(f"Several tasks are named {twice[0]!r}. Give each its own name.")
    return LazyTasks([task.name for task in tasks], lambda i: tasks[i])
