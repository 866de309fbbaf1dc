"""A progress bar on stderr, silent where stderr is no terminal."""

import datetime
import time


class ProgressBar:
    """A line with a bar while a ``with`` block lasts.

    Parameters
    ----------
    describe : callable
        Returns the share done (None where nobody knows) and the text beside the bar.
    ticks : bool
        Redraw by the clock, from a thread of its own. False redraws in :meth:`update` only, for
        work that forks processes.
    """

    def __init__(self, describe, *, ticks=True):
        from rich.console import Console
        from rich.live import Live

        self._describe = describe
        self._live = None
        console = Console(stderr=True)
        if console.is_terminal:
            self._live = Live(
                get_renderable=self._render,
                console=console,
                auto_refresh=ticks,
                refresh_per_second=4,
                transient=True,
            )
        self._updated_s = 0.0

    def __enter__(self):
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error):
        if self._live is not None:
            self._live.stop()

    def update(self):
        """Redraw, at most four times a second."""
        now_s = time.monotonic()
        if self._live is not None and now_s - self._updated_s > 0.25:
            self._updated_s = now_s
            self._live.refresh()

    def _render(self):
        from rich.progress_bar import ProgressBar as Bar
        from rich.table import Table
        from rich.text import Text

        share, text = self._describe()
        bar = Bar(total=1.0, completed=share or 0.0, width=30, pulse=share is None)
        row = Table.grid(padding=(0, 1))
        row.add_row(bar, Text(text, overflow="ellipsis", no_wrap=True))
        return row


def clock(seconds):
    """Write a duration.

    Examples
    --------
    >>> clock(3725.4)
    '1:02:05'
    """
    return str(datetime.timedelta(seconds=round(seconds)))


def time_left(elapsed_s, share):
    """Guess how long the rest takes, from the share done; "" while nothing is known.

    Examples
    --------
    >>> time_left(10.0, 0.25)
    ', 0:00:30 left'
    """
    if not share:
        return ""
    return f", {clock(elapsed_s * (1 - min(1.0, share)) / share)} left"
