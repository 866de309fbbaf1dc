"""Rows several times in the place of weights, for what takes no weights."""

import numpy as np

#: Rows are not repeated into more than so many times as many.
MOST_REPEATED = 4
#: So many rows may come of any weights.
ALWAYS_REPEATED = 5_000
#: The smallest weight becomes so many rows at most.
MOST_OF_SMALLEST = 4


def repeat_by_weight(weight):
    """Return the rows, each as often as its weight says; None where that cannot be.

    Weights count relative to each other, and must be whole multiples of the smallest of them, or
    of a half, a third or a quarter of it.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Above 0.

    Returns
    -------
    ndarray of shape (n_repeated,) or None
        None where all weights are alike too.

    Examples
    --------
    >>> repeat_by_weight(np.array([0.5, 1.0, 0.5])).tolist()
    [0, 1, 1, 2]
    >>> repeat_by_weight(np.array([1.0, 1.5])).tolist()
    [0, 0, 1, 1, 1]
    >>> repeat_by_weight(np.array([1.0, 1.234])) is None
    True
    """
    most = max(MOST_REPEATED * len(weight), ALWAYS_REPEATED)
    for n_of_smallest in range(1, MOST_OF_SMALLEST + 1):
        share = n_of_smallest * weight / weight.min()
        times = np.round(share)
        are_whole = np.abs(times - share).max() <= 1e-6 * times.max()
        if are_whole and times.max() > n_of_smallest and times.sum() <= most:
            return np.repeat(np.arange(len(weight)), times.astype(int))
    return None
