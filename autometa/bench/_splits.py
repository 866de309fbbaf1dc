"""The outer folds of a benchmark: a suite's own, or some dealt here."""

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from autometa.exceptions import InvalidInputError
from autometa.tasks import load_suite, read_corpus, read_index

#: Where a task brings no splits.
N_FOLDS = 5


def benchmark_tasks(corpus=None, suite=None, *, split="meta-valid", min_rows=0, max_tasks=None):
    """Return the tasks of a corpus folder or of an OpenML suite, read one at a time.

    Parameters
    ----------
    corpus : path, optional
        A folder; see :func:`autometa.tasks.read_index`.
    suite : str or int, optional
        An OpenML suite, by alias or id. Either this or ``corpus``.
    split : str, optional
        Of a corpus that has splits, use these tables only. None: all.
    min_rows : int
        Of a corpus, leave out smaller tables; its index has to tell ``n_rows`` then.
    max_tasks : int, optional
        Use so many; of a corpus, in an order that mixes sizes and kinds.

    Returns
    -------
    LazyTasks
    """
    if (corpus is None) == (suite is None):
        raise InvalidInputError("Name the tasks: either a corpus folder or an OpenML suite.")
    if suite is not None:
        is_id = isinstance(suite, str) and suite.isdecimal()
        tasks = load_suite(int(suite) if is_id else suite)
        return tasks if max_tasks is None else tasks[:max_tasks]
    index = read_index(corpus)
    splits = sorted(index["split"].dropna().unique()) if "split" in index.columns else []
    if splits and split is not None:
        index = index[index["split"] == split]
    if min_rows:
        if "n_rows" not in index.columns:
            raise InvalidInputError(
                f"The index of {corpus} has no column n_rows, so min_rows cannot be used."
            )
        index = index[index["n_rows"] >= min_rows]
    if index.empty:
        of_split = f" of split {split!r}" if splits and split is not None else ""
        hint = f" Its splits are {splits}, and None (on the command line, all)." if of_split else ""
        raise InvalidInputError(
            f"The corpus {corpus} has no table{of_split} with {min_rows} rows or more.{hint}"
        )
    names = sorted(index["name"])
    if max_tasks is not None:
        names = [names[i] for i in np.random.default_rng(0).permutation(len(names))[:max_tasks]]
    return read_corpus(corpus, names=names)


def outer_folds(task, *, seed=0):
    """Return the outer folds of a task: its own splits, or five dealt at random.

    Parameters
    ----------
    task : Task
    seed : int
        Of folds that are dealt here; they are stratified by class.

    Returns
    -------
    list of (train, test)
        Row positions.

    Examples
    --------
    >>> from autometa.tasks import task_from_arrays
    >>> task = task_from_arrays(np.arange(20.0)[:, None], ["no", "yes"] * 10)
    >>> [len(test) for _, test in outer_folds(task)]
    [4, 4, 4, 4, 4]
    """
    if task.splits:
        return list(task.splits)
    if len(task.y) < N_FOLDS:
        raise InvalidInputError(
            f"Task {task.name!r} has {len(task.y)} rows, too few for {N_FOLDS} outer folds. "
            "Leave it out."
        )
    shuffled = {"shuffle": True, "random_state": seed}
    if task.kind == "regression":
        return list(KFold(N_FOLDS, **shuffled).split(task.X))
    codes = np.unique(task.y.astype(str), return_inverse=True)[1]
    rare = np.bincount(codes)[codes] < N_FOLDS  # dealt together, as if they were one class
    codes[rare] = -1
    if rare.sum() < N_FOLDS:
        codes[rare] = np.bincount(codes[~rare]).argmax()
    return list(StratifiedKFold(N_FOLDS, **shuffled).split(task.X, codes))
