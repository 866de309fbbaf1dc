"""The one clock of a fit: how much time is left, on a clock that never goes back."""

import math
import numbers
import time

from autometa.exceptions import InvalidInputError


class Deadline:
    """Count down from the moment it is made.

    Parameters
    ----------
    seconds : float, optional
        At least 0; None never expires, and no clock is read to find that out.

    Examples
    --------
    >>> Deadline(None).expired(), Deadline(0).expired()
    (False, True)
    >>> Deadline(60).left_s <= 60
    True
    """

    def __init__(self, seconds=None):
        if seconds is not None:
            is_number = isinstance(seconds, numbers.Real) and not isinstance(seconds, bool)
            if not is_number or not seconds >= 0:
                raise InvalidInputError(
                    f"time_limit must be a number of seconds >= 0, or None for no limit, "
                    f"got {seconds!r}."
                )
            if math.isinf(seconds):
                seconds = None
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def elapsed_s(self):
        """Seconds since this was made."""
        return time.monotonic() - self._start

    @property
    def left_s(self):
        """Seconds left, 0 at least; infinite without a limit."""
        if self.seconds is None:
            return math.inf
        return max(0.0, self.seconds - self.elapsed_s)

    def earlier(self, by_s):
        """Return a deadline that ends so many seconds earlier, if this one ends at all."""
        found = Deadline(None if self.seconds is None else max(0.0, self.seconds - by_s))
        found._start = self._start
        return found

    def expired(self):
        """Whether no time is left."""
        return self.seconds is not None and self.elapsed_s >= self.seconds
