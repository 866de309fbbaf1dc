"""Evaluate a group of configurations on the folds of a task, point by point of their curves."""

import warnings
from functools import cached_property

import numpy as np

from autometa._device import is_out_of_memory
from autometa.families import NetworkRun

#: Rows that a fold's score is measured on at most, as many of them as there is time for, and no
#: fewer; more would cost time and change little.
MAX_VALID_ROWS, FEWEST_VALID_ROWS = 4_096, 512


class FoldScorer:
    """Score predictions for the validation rows of every fold.

    Parameters
    ----------
    task : EncodedTask
    folds : Folds
    metric : Metric

    Attributes
    ----------
    rows : ndarray of shape (n_folds, n_valid)
        The rows that each fold is scored on, repeated where folds are of unequal size.
    """

    def __init__(self, task, folds, metric):
        self.metric = metric
        most = max(FEWEST_VALID_ROWS, round(task.reading_share * MAX_VALID_ROWS))
        rows = [_valid_rows(weight, min(most, MAX_VALID_ROWS)) for weight in folds.valid_weight]
        self._sizes = [len(r) for r in rows]
        self.rows = np.stack([np.resize(r, max(self._sizes)) for r in rows])
        self._cells, self._total_weight = task.X, task.weight.sum()
        self._y = [task.y[r] for r in rows]
        self._weight = [w[r] for w, r in zip(folds.valid_weight, rows, strict=True)]

    @cached_property
    def X(self):
        """The encoded rows; an ndarray of shape (n_folds, n_valid, n_columns, 3)."""
        return self._cells[self.rows]

    def scores(self, predictions):
        """Return the mean score over folds.

        Parameters
        ----------
        predictions : ndarray of shape (n_configs, n_folds, n_valid, ...)
            For ``rows``.

        Returns
        -------
        ndarray of shape (n_configs,)
        """
        n_folds = len(self.rows)
        per_fold = [
            [self.score(p, fold) for p, fold in zip(c, range(n_folds), strict=True)]
            for c in predictions
        ]
        return np.mean(per_fold, axis=1)

    def held_out(self, predictions):
        """Give what was held out as rows, each counting once however many folds held it out.

        Parameters
        ----------
        predictions : ndarray of shape (n_folds, n_valid, ...)

        Returns
        -------
        predictions : ndarray of shape (n_rows, ...)
        y, weight : ndarray of shape (n_rows,)
        """
        kept = [p[:size] for p, size in zip(predictions, self._sizes, strict=True)]
        weight = np.concatenate(self._weight)
        share = min(1.0, self._total_weight / weight.sum())
        return np.concatenate(kept), np.concatenate(self._y), share * weight

    def score(self, prediction, fold):
        """Return the score of one fold's predictions, of shape (n_valid, ...); NaN for others.

        A network that diverges predicts no finite numbers.
        """
        prediction = prediction[: self._sizes[fold]]
        if not np.isfinite(prediction).all():
            return np.nan
        return self.metric.score(self._y[fold], prediction, self._weight[fold])


def evaluate_group(
    task, folds, configs, *, scorer, initialisation, seed, device, may_go_on, report, proposed=None
):
    """Adapt a group together, reporting every point of its learning curves.

    Out of memory, the group is halved; a single configuration moves to the CPU.

    Parameters
    ----------
    task : EncodedTask
    folds : Folds
    configs : list of dict
    scorer : FoldScorer
    initialisation : Initialisation
    seed : int
    device : str
    may_go_on : callable
        ``may_go_on(run)`` is asked before every step.
    report : callable
        ``report(indices, n_steps, scores, predictions)`` gets a point of the curves of
        ``configs[indices]`` with the predictions for the scorer's rows, and returns a boolean
        array: which of them to prune.
    proposed : list of dict of Tensor, default=None
        The weights of the folds, where they were proposed before.
    """
    common = {"initialisation": initialisation, "seed": seed, "proposed": proposed}
    error = _try_group(task, folds, configs, scorer, device, may_go_on, report, common)
    if error is None:
        return
    if len(configs) == 1 and device == "cpu":
        raise MemoryError(
            f"One configuration of the adapted network on {len(task.y)} rows and "
            f"{task.X.shape[1]} columns does not fit in memory. Give fewer rows or columns."
        ) from error
    common |= {"scorer": scorer, "may_go_on": may_go_on}
    if len(configs) == 1:
        warnings.warn(f"{device} is out of memory; going on with the CPU.", stacklevel=2)
        evaluate_group(task, folds, configs, device="cpu", report=report, **common)
        return
    half = len(configs) // 2
    for start, part in ((0, configs[:half]), (half, configs[half:])):

        def shifted(indices, *point, start=start):
            return report([start + i for i in indices], *point)

        evaluate_group(task, folds, part, device=device, report=shifted, **common)


def _try_group(task, folds, configs, scorer, device, may_go_on, report, common):
    """Run a group; where memory does not suffice, return the error without what it held."""
    try:
        run = NetworkRun(task, folds.train_weight, configs, device=device, **common)
        _follow(run, scorer, may_go_on, report)
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not is_out_of_memory(error):
            raise
        # its traceback holds the tensors that must go before smaller groups start
        return error.with_traceback(None)
    return None


def _follow(run, scorer, may_go_on, report):
    run.drop(_report_due(run, scorer, report))
    while run.next_report is not None:
        for _ in range(run.next_report - run.n_steps):
            if not may_go_on(run):
                return
            run.advance(1)
        is_done = _report_due(run, scorer, report) | run.has_ended
        if is_done.any():
            run.drop(is_done)


def _report_due(run, scorer, report):
    """Report the configurations that have a point here; return which of the active to prune."""
    is_due = run.is_due
    indices = [index for index, due in zip(run.active, is_due, strict=True) if due]
    is_pruned = np.zeros(len(is_due), dtype=bool)
    predictions = run.predict(scorer.X)[is_due]
    is_pruned[is_due] = report(indices, run.n_steps, scorer.scores(predictions), predictions)
    return is_pruned


def _valid_rows(weight, most):
    rows = np.flatnonzero(weight > 0)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])
