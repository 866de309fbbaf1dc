"""Whether what comes next still fits into the time left, judged by what things cost so far."""

import math
import time

#: Steps that a trial is expected to take, for the size of the next group.
USUAL_STEPS = 60
#: Nothing may take more than this share of the time left.
MARGIN = 0.75


class Pace:
    """Costs of starting a group, of a step and of the refit, measured as they occur.

    Without a limit on time no clock is read and everything may go on.

    Parameters
    ----------
    deadline : Deadline
    n_folds, n_bags : int
    proposal_s : float
        Seconds that one proposal took: the first guess of every cost.
    """

    def __init__(self, deadline, *, n_folds, n_bags, proposal_s=0.0):
        self.deadline, self.n_folds, self.n_bags = deadline, n_folds, n_bags
        self.start_s = 1.5 * proposal_s  # a fold's: proposal and first prediction
        self.step_s = 0.5 * proposal_s  # one network's
        self.best_n_steps = 0
        self._has_measured = False
        self._last = None

    @property
    def _is_free(self):
        return math.isinf(self.deadline.left_s)

    def group_size(self):
        """Trials that may share a group: the first stands alone, so that a result comes early."""
        if self._is_free:
            return math.inf
        if not self._has_measured:
            return 1
        trial_s = self.n_folds * (self.start_s + USUAL_STEPS * self.step_s)
        return max(1, int(self.deadline.left_s / 4 / trial_s))

    def may_start(self):
        """Whether a group of one could start and take a few steps."""
        needed = self.n_folds * (self.start_s + 3 * self.step_s) + self.refit_s()
        return self._is_free or self._fits(needed)

    def group_starts(self, n_trials):
        """Note that a group is about to be made."""
        if not self._is_free:
            self._last = (None, time.monotonic(), n_trials * self.n_folds)

    def may_go_on(self, run):
        """Whether one more step of a run, and the refit after it, fit."""
        if self._is_free:
            return True
        now = time.monotonic()
        last_run, then, n_models = self._last
        cost_s = (now - then) / n_models
        if last_run is run:
            # steps before a report include it, so the larger ones count more
            self.step_s = max(cost_s, 0.8 * self.step_s) if self._has_measured else cost_s
            self._has_measured = True
        else:
            self.start_s = max(cost_s, 0.5 * self.start_s)
        n_models = max(1, len(run.active)) * self.n_folds
        self._last = (run, now, n_models)
        return self._fits(n_models * self.step_s + self.refit_s(run.n_steps + 1))

    def refit_s(self, n_steps=0):
        """Seconds that adapting the best configuration on all rows is expected to take."""
        return self.start_s + self.n_bags * (self.best_n_steps or n_steps) * self.step_s

    def _fits(self, needed_s):
        return needed_s < MARGIN * self.deadline.left_s
