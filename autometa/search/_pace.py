"""Whether what comes next still fits into the time left, judged by what things cost so far."""

import math

from autometa.families import Folds
from autometa.families.adapted_network import (
    DEFAULT_CONFIG,
    MAX_CONTEXT_ROWS,
    MAX_STEP_ROWS,
    REPORT_STEPS,
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


class Pace:
    """Costs of proposing, of a step and of predicting, measured as they occur.

    Without a limit on time no clock is read and everything may go on.

    Parameters
    ----------
    deadline : Deadline
    n_bags : int
        Networks that the refit adapts, or fewer where time is short.
    n_rows : int
    propose_s : float
        Seconds that proposing weights took, the first guess of a fold's.
    read_s : float
        Seconds that reading the labelled rows took, so that a network can predict; what a
        fold's predictions and a step take is guessed from it.

    Attributes
    ----------
    propose_s, step_s, predict_s, read_s : float
        Seconds of one network: predicting is that of a fold, reading that of the refit.
    """

    def __init__(self, deadline, *, n_bags=1, n_rows=1, propose_s=0.0, read_s=0.0):
        self.deadline, self.n_bags = deadline, n_bags
        self.propose_s, self.read_s = propose_s, read_s
        self.predict_s = PREDICTING_OF_READING * read_s
        share = min(n_rows, MAX_STEP_ROWS) / min(n_rows, MAX_CONTEXT_ROWS)
        self.step_s = STEP_OF_READING * share**2 * read_s
        self._has_stepped = False
        self._best_n_steps = None
        self._n_reserved = 1  # networks of the refit that the search leaves time for
        self._last_s, self._n_networks, self._is_stepping = 0.0, 1, False

    @property
    def _is_free(self):
        return self.deadline.seconds is None

    def few_enough(self, folds):
        """Take the first of the folds: as many as let a first trial end, one at least."""
        n_folds, n_steps = len(folds.train_weight), DEFAULT_CONFIG["n_steps"]
        while not self._is_free and n_folds > 1:
            if self._fits(n_folds * self._trial_s(n_steps) + self._refit_s(n_steps, 1)):
                break
            n_folds -= 1
        return Folds(folds.train_weight[:n_folds], folds.valid_weight[:n_folds])

    def may_start(self, n_folds):
        """Whether a trial could start, take a few steps and leave time for the refit."""
        if self._is_free:
            return True
        best = self._best_n_steps or 0
        n_steps = max(FEWEST_STEPS, best // 2)  # fewer would hardly beat the best
        refit_s = self._refit_s(max(n_steps, best), self._n_reserved)
        return self._fits(n_folds * self._trial_s(n_steps) + refit_s)

    def group_size(self, n_folds):
        """Trials that may share a group: the first stands alone, so that a result comes early."""
        if self._is_free:
            return math.inf
        if self._best_n_steps is None:
            return 1
        trial_s = n_folds * self._trial_s(2 * DEFAULT_CONFIG["n_steps"])
        return max(1, int(self.deadline.left_s / 4 / max(trial_s, 1e-9)))

    def group_starts(self, n_networks):
        """Note that a group is about to be made: trials times folds."""
        if not self._is_free:
            self._note(n_networks)

    def reported(self, n_steps):
        """Note that the networks of a group have predicted, after so many steps."""
        if self._is_free:
            return
        cost_s = self._cost_s()
        if n_steps == 0:
            known_s = self.propose_s + self.predict_s
            factor = max(cost_s / known_s, 0.8) if known_s else 1.0
            self.propose_s, self.predict_s = self.propose_s * factor, self.predict_s * factor
        else:
            self.predict_s = max(cost_s - self.step_s, 0.8 * self.predict_s)
        self._note(self._n_networks)

    def may_go_on(self, run):
        """Whether the steps to the next point of a run's curve, and the refit after it, fit."""
        if self._is_free:
            return True
        if self._is_stepping:
            cost_s = self._cost_s()
            self.step_s = max(cost_s, 0.8 * self.step_s) if self._has_stepped else cost_s
            self._has_stepped = True
        self._note(len(run.active) * len(run.train_weight), is_stepping=True)
        n_more = run.next_report - run.n_steps
        most_steps = max(run.next_report, self._best_n_steps or 0)
        refit_s = self._refit_s(most_steps, self._n_reserved)
        return self._fits(self._n_networks * (n_more * self.step_s + self.predict_s) + refit_s)

    def group_ended(self, best_n_steps):
        """Note which number of steps is the best so far."""
        if self._best_n_steps is None and not self._is_free:
            self._n_reserved = self._n_bags_within(best_n_steps, REFIT_SHARE)
        self._best_n_steps = best_n_steps

    def plan_refit(self, n_steps):
        """Return how many networks to adapt on all rows, and until when they may take steps."""
        if self._is_free:
            return self.n_bags, self.deadline
        n_bags = self._n_bags_within(n_steps, 1.0)
        return n_bags, self.deadline.earlier(n_bags * self.read_s)

    def _n_bags_within(self, n_steps, share):
        n_bags = self.n_bags
        while n_bags > 1 and not self._fits(self._refit_s(n_steps, n_bags), share):
            n_bags -= 1
        return n_bags

    def _trial_s(self, n_steps):
        """Seconds of a trial on one fold."""
        n_reports = sum(step < n_steps for step in REPORT_STEPS) + 1
        return self.propose_s + n_reports * self.predict_s + n_steps * self.step_s

    def _refit_s(self, n_steps, n_bags):
        """Seconds of adapting a configuration on all rows; the proposal is there already."""
        if n_steps == 0:
            return 0.0
        return self.propose_s + n_bags * (n_steps * self.step_s + self.read_s)

    def _fits(self, needed_s, share=1.0):
        return needed_s < MARGIN * share * self.deadline.left_s

    def _note(self, n_networks, *, is_stepping=False):
        self._last_s, self._n_networks = self.deadline.elapsed_s, n_networks
        self._is_stepping = is_stepping

    def _cost_s(self):
        """Seconds since the last note, for each network."""
        return (self.deadline.elapsed_s - self._last_s) / max(1, self._n_networks)
