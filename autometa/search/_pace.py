"""Whether what comes next still fits into the time left, judged by what things cost so far."""

import math
import time
from contextlib import contextmanager

from autometa._memory import Memory
from autometa.families import GROWING, Folds
from autometa.families.adapted_network import (
    DEFAULT_CONFIG,
    MAX_STEP_ROWS,
    REPORT_STEPS,
    first_steps,
)

#: Steps of the shortest trial worth starting.
FEWEST_STEPS = 2
#: A step's first guess: so many times what reading as many rows takes, by the square of rows.
STEP_OF_READING = 3.0
#: A fold's predictions, in float32, take so much of what reading all rows in float64 takes.
PREDICTING_OF_READING = 0.7
#: Nothing may take more than this share of the time left.
MARGIN = 0.9
#: Of the time left after the first trials, what the refit may take.
REFIT_SHARE = 0.5
#: Of the time left, what one configuration of a table family may take on all folds.
FIT_SHARE = 0.35
#: Beside other families, what a group of networks with the refit of its best may take.
GROUP_SHARE = 0.5
#: A fit on all rows takes so many times what one takes on a part of them.
REFIT_OF_FOLD = 1.5
#: A family that grows is worth starting where so much of what it took before fits.
LEAST_GROWN = 0.3
#: Of the time left, what another may take that is fitted on a part of the rows.
CAPPED_SHARE = 0.1
#: Fewer rows than these are not worth a fit where there are more.
FEWEST_ROWS = 1_000
#: The power of the rows by which a fit's time grows, where it is not 1.
ROWS_POWER = {"svm": 2.0}


class Pace:
    """Costs of proposing, of a step and of predicting, measured as they occur.

    Without a limit on time no clock is read and everything may go on.

    Parameters
    ----------
    deadline : Deadline
    n_bags : int
        Networks that the refit adapts, or fewer where time is short.
    n_rows : int
        That a network looks up when it predicts.
    propose_s : float
        Seconds that proposing weights took, the first guess of a fold's.
    read_s : float
        Seconds that reading the labelled rows took, so that a network can predict; what a
        fold's predictions and a step take is guessed from it.
    n_proposed : int
        Folds whose weights are there already: the first, or none.
    is_alone : bool
        Whether the adapted network is the only family.
    memory : Memory, optional
        Where it is short, nothing more starts; by default without a limit.

    Attributes
    ----------
    propose_s, step_s, predict_s, read_s : float
        Seconds of one network: predicting is that of a fold, reading that of the refit. Proposing
        takes none once the weights of all folds are there.
    """

    def __init__(
        self,
        deadline,
        *,
        n_bags=1,
        n_rows=1,
        propose_s=0.0,
        read_s=0.0,
        n_proposed=0,
        is_alone=True,
        memory=None,
    ):
        self.deadline, self.n_bags, self.is_alone = deadline, n_bags, is_alone
        self.memory = Memory(None) if memory is None else memory
        self._group_share = 1.0 if is_alone else GROUP_SHARE
        self._group_end_s = math.inf
        self.propose_s, self.read_s, self._n_proposed = propose_s, read_s, n_proposed
        self.predict_s = PREDICTING_OF_READING * read_s
        share = min(n_rows, MAX_STEP_ROWS) / n_rows
        self.step_s = STEP_OF_READING * share**2 * read_s
        self._has_stepped = False
        self._best_n_steps = None
        self._n_reserved = 1  # networks of the refit that the search leaves time for
        self._last_s, self._n_networks, self._is_stepping = 0.0, 1, False
        self._tables_s = 0.0  # of table models that are to be fitted on all rows
        self._fold_s = {}  # seconds that a table model of each family took on a fold's rows
        self._rows_power = dict(ROWS_POWER)

    @property
    def is_free(self):
        return self.deadline.seconds is None

    def few_enough(self, folds):
        """Take the first of the folds: as many as let a first trial of the network end.

        One at least; beside other families, all where not even one fits that ends with the
        weights as proposed, unless those are there: what they predict is soon known.
        """
        if self.is_free:
            return folds
        n_folds, n_rows = folds.train_weight.shape
        n_steps = first_steps(n_rows)
        while n_folds > 1 and not self._may_try(n_folds, n_steps):
            n_folds -= 1
        if not (self.is_alone or self._n_proposed or self._may_try(n_folds, 0)):
            return folds
        return Folds(folds.train_weight[:n_folds], folds.valid_weight[:n_folds])

    def _may_try(self, n_folds, n_steps):
        needed_s = self._trial_s(n_steps, n_folds) + self._refit_s(n_steps, 1)
        return self._fits(needed_s, self._group_share)

    def may_start(self, n_folds, fewest_steps=FEWEST_STEPS):
        """Whether a trial could start, take a few steps and leave time for the refit."""
        if self.memory.is_short():
            return False
        if self.is_free:
            return True
        best = self._best_n_steps or 0
        n_steps = max(fewest_steps, best // 2)  # fewer would hardly beat the best
        refit_s = self._refit_s(max(n_steps, best), self._n_reserved)
        return self._fits(self._trial_s(n_steps, n_folds) + refit_s, self._group_share)

    def may_predict(self):
        """Whether a fold's predictions of a network that is there fit."""
        return self.is_free or self._fits(self.predict_s)

    def group_size(self, n_folds):
        """Trials that may share a group: the first stands alone, so that a result comes early."""
        if self.is_free:
            return math.inf
        if self._best_n_steps is None:
            return 1
        trial_s = self._trial_s(2 * DEFAULT_CONFIG["n_steps"], n_folds)
        return max(1, int(self._group_share * self.deadline.left_s / 4 / max(trial_s, 1e-9)))

    def group_starts(self, n_networks):
        """Note that a group is about to be made: trials times folds."""
        if not self.is_free:
            self._note(n_networks)
            self._group_end_s = self.deadline.elapsed_s + self._group_share * self.deadline.left_s

    def reported(self, n_steps):
        """Note that the networks of a group have predicted, after so many steps."""
        if self.is_free:
            return
        cost_s = self._cost_s()
        if n_steps == 0:
            n_folds = self._n_networks  # the first trial has its group for itself
            known_s = self._propose_s(n_folds) / n_folds + self.predict_s
            self.predict_s *= max(cost_s / known_s, 0.8) if known_s else 1.0
            self.propose_s = 0.0  # the weights of all folds are there
        else:
            self.predict_s = max(cost_s - self.step_s, 0.8 * self.predict_s)
        self._note(self._n_networks)

    def may_go_on(self, run):
        """Whether the steps to the next point of a run's curve, and the refit after it, fit."""
        if self.is_free:
            return True
        if self._is_stepping:
            cost_s = self._cost_s()
            self.step_s = max(cost_s, 0.8 * self.step_s) if self._has_stepped else cost_s
            self._has_stepped = True
        self._note(len(run.active) * len(run.train_weight), is_stepping=True)
        n_more = run.next_report - run.n_steps
        most_steps = max(run.next_report, self._best_n_steps or 0)
        refit_s = self._refit_s(most_steps, self._n_reserved)
        needed_s = self._n_networks * (n_more * self.step_s + self.predict_s) + refit_s
        left_s = min(self._group_end_s - self.deadline.elapsed_s, self.deadline.left_s)
        return needed_s < MARGIN * left_s

    def group_ended(self, best_n_steps):
        """Note which number of steps is the best so far."""
        if self._best_n_steps is None and not self.is_free:
            self._n_reserved = self._n_bags_within(best_n_steps, REFIT_SHARE * self._group_share)
        self._best_n_steps = best_n_steps

    def knows(self, family):
        """Whether fits of a family have been timed, or guessed from fits on few rows."""
        return self.is_free or family in self._fold_s

    def guess(self, family, fold_s, rows_power):
        """Take a guess of what a fold of a family takes, and how that grows with the rows."""
        self._fold_s[family], self._rows_power[family] = fold_s, rows_power

    def rows_share(self, family, task, n_folds):
        """The share of each fold's rows that a table model of a family may be fitted on.

        1 where all fit, or as many steps of a family that grows; 0 where what fits is not worth it.
        """
        if self.memory.is_short():
            return 0.0
        if self.is_free:
            return 1.0
        fold_s = self._fold_s.get(family) or guess_seconds(family, task)
        if family in GROWING:
            fold_s = fold_s * LEAST_GROWN
        left_s = self._left_for_fits_s
        if fold_s * n_folds < FIT_SHARE * left_s:
            return 1.0
        if family in GROWING or left_s <= 0:
            return 0.0
        share = CAPPED_SHARE * left_s / (n_folds * fold_s)
        share **= 1 / self._rows_power.get(family, 1.0)
        return share if share * task.X.shape[0] >= FEWEST_ROWS else 0.0

    @contextmanager
    def fitting(self, family, n_folds, rows_share=1.0):
        """Watch over one configuration's fits; gives the :class:`FitLimits`."""
        seconds = None if self.is_free else self._left_for_fits_s * FIT_SHARE
        limits = FitLimits(seconds, n_folds, self.memory)
        yield limits
        if limits.n_ended and not self.is_free:
            fold_s, before_s = limits.seconds / limits.n_ended, self._fold_s.get(family, 0.0)
            fold_s /= rows_share ** self._rows_power.get(family, 1.0)
            # one that was stopped says little of what others take
            self._fold_s[family] = max(fold_s, before_s * (1.0 if limits.is_over else 0.5))

    def reserve(self, seconds):
        """Leave so many seconds, of fits on a fold, for the same fits on all rows."""
        self._tables_s = REFIT_OF_FOLD * seconds

    def may_refit(self, seconds):
        """Whether a fit that took so long on a fold could be made on all rows."""
        if self.memory.is_short():
            return False
        return self.is_free or self._fits(REFIT_OF_FOLD * seconds)

    def may_fit(self, seconds):
        """Whether further fits that take so long end in time."""
        return self.is_free or seconds < self._left_for_fits_s

    @property
    def _left_for_fits_s(self):
        refit_s = self._refit_s(self._best_n_steps or 0, self._n_reserved)
        return MARGIN * self.deadline.left_s - refit_s

    def plan_refit(self, n_steps):
        """Return how many networks to adapt on all rows, and until when they may take steps."""
        if self.is_free:
            return self.n_bags, self.deadline
        n_bags = self._n_bags_within(n_steps, 1.0)
        return n_bags, self.deadline.earlier(n_bags * self.read_s)

    def _n_bags_within(self, n_steps, share):
        n_bags = self.n_bags
        while n_bags > 1 and not self._fits(self._refit_s(n_steps, n_bags), share):
            n_bags -= 1
        return n_bags

    def _trial_s(self, n_steps, n_folds):
        """Seconds of a trial on all folds."""
        n_reports = sum(step < n_steps for step in REPORT_STEPS) + 1
        fold_s = n_reports * self.predict_s + n_steps * self.step_s
        return self._propose_s(n_folds) + n_folds * fold_s

    def _propose_s(self, n_folds):
        """Seconds of proposing the weights that are not there yet."""
        return max(0, n_folds - self._n_proposed) * self.propose_s

    def _refit_s(self, n_steps, n_bags):
        """Seconds of what has to be fitted on all rows; the proposal is there already."""
        if n_steps == 0:
            return self._tables_s
        return self._tables_s + n_bags * (n_steps * self.step_s + self.read_s)

    def _fits(self, needed_s, share=1.0):
        return needed_s < MARGIN * share * self.deadline.left_s

    def _note(self, n_networks, *, is_stepping=False):
        self._last_s, self._n_networks = self.deadline.elapsed_s, n_networks
        self._is_stepping = is_stepping

    def _cost_s(self):
        """Seconds since the last note, for each network."""
        return (self.deadline.elapsed_s - self._last_s) / max(1, self._n_networks)


class FitLimits:
    """Until when each fold's model may grow.

    Parameters
    ----------
    seconds : float or None
        For all folds; None for no limit, and no clock is read.
    n_folds : int
    memory : Memory

    Attributes
    ----------
    should_stop : callable or None
        For ``TableModel.fit_prepared``.
    n_ended : int
        Folds fitted and predicted.
    is_over : bool
        Whether a fit was told to stop.
    """

    def __init__(self, seconds, n_folds, memory):
        self._limit_s, self._n_folds, self.n_ended, self.is_over = seconds, n_folds, 0, False
        self._memory = memory
        is_free = seconds is None and memory.gigabytes is None
        self.should_stop = None if is_free else self._is_over
        self._start = 0.0 if seconds is None else time.monotonic()
        self.seconds = float("nan") if seconds is None else 0.0

    def fold_ended(self):
        """Note that a fold's model was fitted and has predicted."""
        self.n_ended += 1
        if self._limit_s is not None:
            self.seconds = time.monotonic() - self._start

    def _is_over(self):
        return self._memory.is_short() or (self._limit_s is not None and self._is_late())

    def _is_late(self):
        share = (self._limit_s - self.seconds) / (self._n_folds - self.n_ended)
        is_late = time.monotonic() - self._start - self.seconds > share
        self.is_over |= is_late
        return is_late


def guess_seconds(family, task):
    """Guess what a fit of a family on a task takes, at its least; seconds, on one core.

    Parameters
    ----------
    family : str
    task : EncodedTask
    """
    n_rows, n_columns = task.X.shape[:2]
    n_outputs = 1 if task.n_classes in (None, 2) else task.n_classes
    cells = n_rows * n_columns
    if family == "linear":
        return 1e-9 * cells * (n_columns if task.is_regression else 600 * n_outputs) + 0.01
    if family == "knn":
        return 1e-9 * cells * n_rows + 0.01
    if family == "svm":
        return 1e-8 * cells * n_rows * (1 if task.is_regression else 4) + 0.01
    is_boosting = family not in ("random_forest", "extra_trees")
    return 2e-7 * cells * (n_outputs if is_boosting else 1) + 0.03
