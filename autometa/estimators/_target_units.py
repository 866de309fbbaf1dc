"""A numeric target in units of its own spread, so that its size costs no precision."""

from dataclasses import dataclass

import numpy as np

from autometa._metrics import Metric
from autometa.exceptions import InvalidInputError

#: Squares of larger numbers are no numbers any more.
MAX_SIZE = 1e150


@dataclass(frozen=True)
class TargetUnits:
    """Centre and spread of a target; networks see ``(y - center) / scale``.

    Attributes
    ----------
    center, scale : float
        Weighted mean and standard deviation; the scale of a constant is 1.
    """

    center: float
    scale: float

    @classmethod
    def of(cls, y, weight):
        """Measure a target of shape (n_rows,).

        Examples
        --------
        >>> TargetUnits.of(np.array([1.0, 3.0]), np.ones(2))
        TargetUnits(center=2.0, scale=1.0)
        """
        size = np.abs(y).max()
        if size > MAX_SIZE:
            raise InvalidInputError(
                f"y holds numbers as large as {size:.3g}; at most {MAX_SIZE:g} is accepted. "
                "Fit its logarithm, or divide it."
            )
        center = np.average(y, weights=weight)
        scale = np.sqrt(np.average((y - center) ** 2, weights=weight))
        is_constant = scale <= max(1e-14 * abs(center), 1 / MAX_SIZE)
        return cls(float(center), 1.0 if is_constant else float(scale))

    def apply(self, y):
        return (y - self.center) / self.scale

    def undo(self, numbers):
        """Turn numbers back; what is 0 but for rounding is 0, which some metrics ask for."""
        found = numbers * self.scale + self.center
        return np.where(np.abs(found) <= 4e-16 * (abs(self.center) + self.scale), 0.0, found)


@dataclass(frozen=True)
class MetricInUnits:
    """A metric for numbers in a target's units, asked in units of its spread."""

    metric: Metric
    units: TargetUnits

    @property
    def name(self):
        return self.metric.name

    @property
    def takes_shifts(self):
        return self.metric.takes_shifts

    is_of_labels = False

    @property
    def error(self):
        return self.metric.error

    def score(self, y, prediction, weight=None):
        return self.metric.score(self.units.undo(y), self.units.undo(prediction), weight)
