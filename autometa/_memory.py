"""How much memory a fit has taken, as far as the system tells."""

import os
import sys
from pathlib import Path

#: Memory is short where this share of the limit is taken: what comes next takes some, too.
SHORT_SHARE = 0.8


class Memory:
    """Watch what this process holds beyond what it held when this was made.

    Where the system does not tell (Windows), memory is never short.

    Parameters
    ----------
    gigabytes : float, optional
        None has no limit, and nothing is read.

    Examples
    --------
    >>> Memory(None).is_short(), Memory(0).is_short()
    (False, True)
    """

    def __init__(self, gigabytes=None):
        self.gigabytes = gigabytes
        self._before_gb = 0.0 if gigabytes is None else _held_gb()

    def is_short(self):
        """Whether so much is taken that nothing further should start."""
        if self.gigabytes is None or self._before_gb is None:
            return False
        return _held_gb() - self._before_gb >= SHORT_SHARE * self.gigabytes


def _held_gb():
    """Gigabytes that this process holds, or at most has held where only that is told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e9
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9
