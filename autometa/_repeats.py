"""Rows several times in the place of weights, for what takes no weights."""

import numpy as np

#: Rows are not repeated into more than so many times as many.
MOST_REPEATED = 4
#: So many rows may come of any weights.
ALWAYS_REPEATED = 20_000


def repeat_by_weight(weight):
    """Return the rows, each as often as its weight says; None where that cannot be.

    Weights count relative to the smallest of them, and must be multiples of it.

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
    >>> repeat_by_weight(np.array([1.0, 1.5])) is None
    True
    """
    share = weight / weight.min()
    times = np.round(share)
    most = max(MOST_REPEATED * len(weight), ALWAYS_REPEATED)
    are_whole = np.abs(times - share).max() <= 1e-6 * times.max()
    if not are_whole or times.max() == 1 or times.sum() > most:
        return None
    return np.repeat(np.arange(len(weight)), times.astype(int))
