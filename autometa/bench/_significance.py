"""Whether methods differ: paired tests over tasks, and differences of mean ranks."""

import numpy as np
from scipy import stats


def duel(ours, theirs, tie):
    """Compare two methods by their scores on the same tasks.

    Parameters
    ----------
    ours, theirs : Series of shape (n_tasks,)
        The higher, the better.
    tie : float
        Scores that differ by no more are a draw.

    Returns
    -------
    dict
        ``win_rate`` (draws count half), ``wins``, ``ties``, ``losses``, ``p_sign`` of the sign test
        without draws and ``p_wilcoxon`` of Wilcoxon's signed-rank test, both two-sided.
    """
    difference = (ours - theirs).where(lambda d: d.abs() > tie, 0.0)
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    ties = len(difference) - wins - losses
    decided = wins + losses
    return {
        "win_rate": (wins + ties / 2) / max(1, len(difference)),
        **{"wins": wins, "ties": ties, "losses": losses},
        "p_sign": stats.binomtest(wins, decided).pvalue if decided else 1.0,
        "p_wilcoxon": float(stats.wilcoxon(difference).pvalue) if decided else 1.0,
    }


def holm(p_values):
    """Correct p values for their number.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    corrected, so_far = np.empty(len(p_values)), 0.0
    for position, i in enumerate(order):
        so_far = max(so_far, min(1.0, p_values[i] * (len(p_values) - position)))
        corrected[i] = so_far
    return corrected


def critical_difference(ranks, alpha):
    """Friedman's test of ranks, and how far mean ranks must differ (Nemenyi).

    Parameters
    ----------
    ranks : DataFrame of shape (n_tasks, n_methods)
    alpha : float

    Returns
    -------
    dict
        ``p_friedman``, ``critical_difference`` and ``groups``: lists of methods, neighbours in
        rank, within which no difference is significant. NaN for fewer than three methods.

    References
    ----------
    Demšar, "Statistical comparisons of classifiers over multiple data sets", 2006.
    """
    n, k = ranks.shape
    mean = ranks.mean().sort_values()
    if k < 3 or n < 2:
        return {"p_friedman": np.nan, "critical_difference": np.nan, "groups": []}
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.friedmanchisquare(*(ranks[name] for name in ranks)).pvalue
    p = 1.0 if np.isnan(p) else float(p)  # all ranks are equal
    quantile = stats.studentized_range.ppf(1 - alpha, k, 1e5) / np.sqrt(2)
    difference = float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
    groups, reached = [], -1
    for start in range(k):
        near = mean.iloc[start:] <= mean.iloc[start] + difference
        end = start + int(near.sum())
        if end - start > 1 and end > reached:
            groups.append(mean.index[start:end].tolist())
            reached = end
    return {"p_friedman": p, "critical_difference": difference, "groups": groups}
