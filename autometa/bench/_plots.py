"""Plots of comparisons, by matplotlib where it is installed."""

from importlib import import_module

import numpy as np

from autometa.bench._over_time import over_time
from autometa.exceptions import MissingExtraError

#: Names of methods are no formulas, even with dollars in them.
AS_WRITTEN = {"parse_math": False}


def plot_critical_difference(comparison, ax=None):
    """Draw mean ranks on a line; a bar joins methods that are not told apart (Nemenyi, 5 %).

    Parameters
    ----------
    comparison : Comparison
        Of at least three methods on two tasks.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    found = comparison.critical_difference()
    mean = comparison.ranks.rank(axis=1).mean().sort_values()
    ax = _axes(ax, (8, 1.5 + 0.3 * len(mean)))
    half = (len(mean) + 1) // 2
    for position, (name, rank) in enumerate(mean.items()):
        is_left = position < half
        height = -1.0 - (position if is_left else len(mean) - 1 - position)
        edge = 0.6 if is_left else len(mean) + 0.4
        ax.plot([rank, rank, edge], [0, height, height], color="0.3", linewidth=1)
        side = "right" if is_left else "left"
        ax.text(edge, height, f" {name} {rank:.2f} ", ha=side, va="center", **AS_WRITTEN)
    for number, group in enumerate(found["groups"]):
        height = -0.3 - 0.25 * number
        ends = [mean[group[0]] - 0.05, mean[group[-1]] + 0.05]
        ax.plot(ends, [height, height], color="black", linewidth=4, solid_capstyle="butt")
    ax.plot([1, len(mean)], [0, 0], color="black")
    for rank in range(1, len(mean) + 1):
        ax.plot([rank, rank], [0, 0.15], color="black")
        ax.text(rank, 0.25, str(rank), ha="center", va="bottom")
    difference = found["critical_difference"]
    if np.isfinite(difference):
        ax.plot([1, 1 + difference], [1.1, 1.1], color="black", linewidth=2)
        ax.text(1 + difference / 2, 1.2, f"critical difference {difference:.2f}", ha="center")
    ax.set_xlim(-1.5, len(mean) + 2.5)
    ax.set_ylim(-1.5 - half, 1.8)
    ax.axis("off")
    ax.set_title(f"Mean ranks on {comparison.n_tasks} tasks")
    return ax


def plot_over_time(runs, metric=None, ax=None):
    """Draw normalised scores over seconds of fitting; methods without a limit are points.

    Parameters
    ----------
    runs : DataFrame
        As :func:`read_runs`.
    metric : str, optional
        See :func:`compare_runs`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax, (7, 4.5))
    table = over_time(runs, metric)
    for name, rows in table.groupby("method", sort=False):
        is_point = rows["budget_s"].isna().all()
        ax.plot(rows["fit_s"].clip(lower=0.01), rows["normalised"], "s" if is_point else "o-")
        last = rows.iloc[-1]
        place = (max(0.01, last["fit_s"]), last["normalised"])
        ax.annotate(f" {name}", place, va="center", **AS_WRITTEN)
    ax.set_xscale("log")
    ax.set_xlabel("seconds of fitting")
    ax.set_ylabel("normalised score")
    n_tasks = 0 if table.empty else int(table["n_tasks"].iloc[0])
    ax.set_title(f"1 = the best of all, 0 = a constant prediction ({n_tasks} tasks)")
    return ax


def plot_wins(comparison, ax=None):
    """Draw how often each method beats each other one, in per cent of tasks.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    names = comparison.methods
    share = comparison.wins()["win_rate"].unstack().reindex(index=names, columns=names) * 100
    size = 2 + 0.6 * len(names)
    ax = _axes(ax, (size + 1, size))
    ax.imshow(share.to_numpy(), vmin=0, vmax=100, cmap="RdYlGn")
    for i, j in np.argwhere(share.notna().to_numpy()):
        ax.text(j, i, f"{share.iloc[i, j]:.0f}", ha="center", va="center")
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", **AS_WRITTEN)
    ax.set_yticks(range(len(names)), names, **AS_WRITTEN)
    ax.set_title(f"Row beats column, % of {comparison.n_tasks} tasks")
    return ax


def _axes(ax, size):
    if ax is not None:
        return ax
    try:
        figure = import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError(
            "Plots need matplotlib. Install it with: pip install 'autometa[bench]'"
        ) from error
    # A figure of its own, without pyplot: no window, no global list of figures.
    return figure.Figure(figsize=size, layout="constrained").subplots()
