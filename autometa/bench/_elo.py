"""Elo ratings: the strengths that explain best who won against whom."""

import numpy as np
import pandas as pd

#: Rated 1000 where it takes part, as TabArena does.
ANCHOR, ANCHOR_RATING = "random_forest", 1000.0
N_RESAMPLES = 200
#: Draws that each pair is given on top, so that who lost every duel has a rating too.
N_PRIOR_DRAWS = 0.5


def elo(scores, *, tie=0.0, seed=0):
    """Rate methods from their scores on tasks; every pair meets once a task.

    Parameters
    ----------
    scores : DataFrame of shape (n_tasks, n_methods)
        The higher, the better.
    tie : float
        Scores that differ by no more are a draw.
    seed : int
        Of the bootstrap over tasks.

    Returns
    -------
    DataFrame indexed by method
        ``elo``, and ``elo_low``, ``elo_high``: 95 % of the resamples. 400 points are ten times the
        odds; the random forest, or else the mean, has 1000.

    References
    ----------
    Hunter, "MM algorithms for generalized Bradley-Terry models", 2004.

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [2.0] * 10 + [1.0] * 10, "b": [1.0] * 10 + [2.0] * 10})
    >>> elo(scores)["elo"].round().tolist()
    [1000.0, 1000.0]
    """
    values = scores.to_numpy(float)
    difference = values[:, :, None] - values[:, None, :]
    won = np.where(np.abs(difference) <= tie, 0.5, difference > 0)  # tasks × method × other
    won[:, np.arange(len(scores.columns)), np.arange(len(scores.columns))] = 0.0
    rng = np.random.default_rng(seed)
    resampled = rng.integers(len(won), size=(N_RESAMPLES, len(won)))
    anchor = list(scores.columns).index(ANCHOR) if ANCHOR in scores.columns else None
    rating = _rate(won.sum(axis=0), anchor)
    spread = np.array([_rate(won[rows].sum(axis=0), anchor) for rows in resampled])
    low, high = np.percentile(spread, [2.5, 97.5], axis=0)
    return pd.DataFrame({"elo": rating, "elo_low": low, "elo_high": high}, index=scores.columns)


def _rate(wins, anchor):
    """Ratings from numbers of wins, of shape (n_methods, n_methods)."""
    n = len(wins)
    if n < 2:
        return np.full(n, ANCHOR_RATING)
    wins = wins + N_PRIOR_DRAWS / 2 * (1 - np.eye(n))
    games, total = wins + wins.T, wins.sum(axis=1)
    strength = np.ones(n)
    for _ in range(500):
        before = strength
        strength = total / (games / (strength[:, None] + strength)).sum(axis=1)
        strength = strength / np.exp(np.log(strength).mean())
        if np.abs(np.log(strength / before)).max() < 1e-6:
            break
    rating = 400 * np.log10(strength)
    return rating - (rating.mean() if anchor is None else rating[anchor]) + ANCHOR_RATING
