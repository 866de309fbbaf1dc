"""The space of a user's own study, as its trials show it, beside that of the knowledge."""

from optuna.distributions import CategoricalDistribution

from autometa.families import drop_inactive
from autometa.space import closest_value


class UserSpace:
    """Which hyperparameters a study tunes, and in which ranges, learned from its trials.

    Parameters
    ----------
    names : collection of str
        Hyperparameters of the knowledge.
    defaults : dict of str to value
        What those have that the study leaves alone, as far as they play a part everywhere.
    conditions : dict of str to (str, tuple), optional
        As of the families: which hyperparameters play a part beside which values of others.
    """

    def __init__(self, names, defaults, conditions=None):
        self.names, self.defaults, self.conditions = set(names), defaults, conditions or {}
        self.seen = {}
        self.left_alone = set()

    def see(self, distributions, planned=()):
        """Take in the distributions of a trial.

        Parameters
        ----------
        distributions : dict of str to optuna distribution
        planned : collection of str
            Hyperparameters that it had values for, if it had asked.

        Returns
        -------
        bool
            Whether anything is new.
        """
        before = dict(self.seen), set(self.left_alone)
        for name, distribution in distributions.items():
            if name in self.names:
                self.seen[name] = _widen(self.seen.get(name), distribution)
        self.left_alone = self.left_alone.union(planned) - set(self.seen)
        return before != (self.seen, self.left_alone)

    def fit(self, config):
        """Bring a configuration into the study's space, as far as that is known.

        A category that has no counterpart there is left out: the base sampler will draw it.
        """
        fitted = {}
        for name, value in config.items():
            if name in self.seen:
                try:
                    value = closest_value(value, self.seen[name])
                except LookupError:
                    continue
            elif self.seen and name in self.defaults:
                value = self.defaults[name]
            elif name in self.left_alone:
                continue
            fitted[name] = value
        return drop_inactive(fitted, self.conditions) if self.seen else fitted

    def complete(self, params):
        """Take the known hyperparameters of a trial; those it leaves alone have their defaults."""
        known = {name: value for name, value in params.items() if name in self.names}
        return self.defaults | known


def _widen(one, other):
    """Find a distribution that spans both, of the latter's kind."""
    if one is None or one == other or type(one) is not type(other):
        return other
    if isinstance(other, CategoricalDistribution) or one.log != other.log:
        return other
    step = other.step if one.step == other.step else (1 if isinstance(other.low, int) else None)
    if step is not None and (one.low - other.low) % step:
        step = 1 if isinstance(other.low, int) else None
    low, high = min(one.low, other.low), max(one.high, other.high)
    return type(other)(low, high, log=other.log, step=step)
