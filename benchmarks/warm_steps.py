"""Steps: how many of them random weights need to be where proposed weights are after a few.

Both start the same network, on the same rows, with the same optimiser, and are tested on the
other half of the table. Step size, weight decay and dropout are tuned for each start of its own
on the meta-development families (`--split meta-dev`).
"""

import time

import numpy as np
import pandas as pd

from autometa.families import NetworkRun, first_config
from autometa.knowledge import Initialisation
from benchmarks.halves import corpus_tasks, halve
from benchmarks.results_file import ResultsFile

#: Caps: rows of a table that are dealt into halves, and rows of the test half that are scored.
MAX_ROWS, MAX_TEST_ROWS = 5_000, 1_000
MAX_STEPS, WARM_STEPS = 1_000, 5
#: About sixty points, dense at the start.
TEST_STEPS = np.unique(np.round(np.geomspace(1, MAX_STEPS, 56)).astype(int)).tolist()
TEST_STEPS = sorted({0, *range(1, 11), *TEST_STEPS})
#: A cold run ends when its test loss has not improved for this many steps, in numbers and as a
#: multiple of the best step. It counts as never having arrived; to see how much hangs on this,
#: figures named "at least" count it as having arrived right after it was ended.
PATIENCE, PATIENCE_FACTOR = 100, 2.0

#: Chosen by `python -m benchmarks warm_weights --split meta-dev`: cold starts by their best loss
#: at any step, warm ones by the loss after five steps.
SETTINGS = {
    "random": {"step_size": 1.0, "weight_decay": 0.1, "dropout": 0.0},
    "closed_form": {"step_size": 10.0, "weight_decay": 0.1, "dropout": 0.3},
    "look_up": {"step_size": 1.0, "weight_decay": 0.1, "dropout": 0.3},
    "warm": {"step_size": "first trial's", "weight_decay": 0.1, "dropout": 0.0},
}
#: Random tensors; and their head in closed form. Then a stricter rival, reported beside them: the
#: look at labelled rows in closed form as well, on random tensors.
COLD = ("random", "closed_form")
STRICT = "look_up"
#: Ridge strength a row: the best before any step.
CLOSED_FORM_RIDGE = 1.0
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
COLD_GRID = [
    {"step_size": step_size, "weight_decay": weight_decay, "dropout": dropout}
    for step_size, weight_decay, dropout in (
        (0.1, 0.1, 0.3),
        (0.3, 0.1, 0.3),
        (1.0, 0.1, 0.3),
        (3.0, 0.1, 0.3),
        (10.0, 0.1, 0.3),
        (0.3, 0.1, 0.0),
        (1.0, 0.1, 0.0),
        (3.0, 0.1, 0.0),
        (1.0, 30.0, 0.3),
    )
]
WARM_GRID = [
    {"step_size": step_size, "weight_decay": 0.1, "dropout": dropout}
    for step_size in (0.1, 0.3, 1.0, 2.0, 4.0)
    for dropout in (0.0, 0.15)
]
#: Tables for tuning: cheap ones.
MAX_TUNING_ROWS, MAX_TUNING_COLUMNS = 500, 40
#: ``step_size`` is that of the first trial where the configuration leaves it to that.
KEY = ("split", "task", "seed", "start", "config", "knowledge", "step_size")


def cold_start(start, seed, ridge=CLOSED_FORM_RIDGE):
    """Random weights as an initialisation.

    See :data:`COLD` and :data:`STRICT`.
    """
    config = {"seed": seed}
    if start != "random":
        config |= {"closed_form_head": True, "ridge": ridge, "look_up": start == "look_up"}
    return Initialisation({}, "random_weights", config)


def test_loss(prediction, y, n_classes):
    """Log-loss, or the mean squared error over the variance of ``y``; infinite when not finite."""
    if n_classes is None:
        loss = np.mean((prediction - y) ** 2) / max(np.var(y), 1e-12)
    else:
        loss = -np.log(np.clip(prediction[np.arange(len(y)), y], 1e-9, 1)).mean()
    return float(loss) if np.isfinite(loss) else float("inf")


def follow(task, X_test, y_test, configs, initialisation, *, seed, steps, may_stop):
    """Take steps in several configurations together; return their test losses.

    Returns
    -------
    list of dict
        Per configuration: step to test loss, in order.
    """
    configs = [{"optimiser": "adamw", "n_steps": MAX_STEPS, **config} for config in configs]
    run = NetworkRun(task, task.weight[None], configs, initialisation, seed=seed, device="cpu")
    curves = [{} for _ in configs]
    for step in steps:
        run.advance(step - run.n_steps)
        predictions = run.predict(X_test[None])[:, 0]
        for index, prediction in zip(run.active, predictions, strict=True):
            curves[index][step] = test_loss(prediction, y_test, task.n_classes)
        if may_stop:
            is_stale = np.array([_is_stale(curves[index]) for index in run.active])
            if is_stale.any():
                run.drop(is_stale)
            if not run.active:
                break
    return curves


def _first_step_size(config, halves):
    """The step size of the estimator's first trial, where the configuration is left to that."""
    if config["step_size"] != "first trial's":
        return None
    is_regression = halves.n_classes is None
    return first_config(len(halves.y_train), is_regression=is_regression)["step_size"]


def _is_stale(curve):
    best_step, step = min(curve, key=curve.get), max(curve)
    return step - best_step >= max(PATIENCE, PATIENCE_FACTOR * best_step)


def run_starts(
    corpus,
    split,
    results,
    *,
    starts,
    seeds,
    knowledge=None,
    checksum=None,
    grid=None,
    n_warm_steps=WARM_STEPS,
    **options,
):
    """Run what is not in the results file yet, all tasks of one seed before the next.

    Parameters
    ----------
    starts : collection of {"random", "closed_form", "look_up", "warm"}
    seeds : iterable of int
    knowledge : Initialisation, optional
        For the warm start.
    checksum : str, optional
        Of the knowledge.
    grid : dict, optional
        Start to list of configurations; by default the tuned ones.
    n_warm_steps : int
        That a warm start takes; one of :data:`TEST_STEPS`.
    options : dict
        ``max_tasks``, ``max_rows``, ``max_columns`` and ``may_go_on`` (a callable).
    """
    file = ResultsFile(results, KEY)
    may_go_on = options.pop("may_go_on", lambda: True)
    tasks = corpus_tasks(corpus, split, **options)
    for seed in seeds:
        for task in tasks:
            halves = encoded = None
            for start in starts:
                configs = [SETTINGS[start]] if grid is None else grid[start]
                is_warm = start == "warm"
                common = {
                    "split": split,
                    "task": task.name,
                    "seed": seed,
                    "start": start,
                    "knowledge": checksum if is_warm else None,
                }
                if any(config["step_size"] == "first trial's" for config in configs):
                    halves = halves or halve(task, seed=seed, max_rows=MAX_ROWS)
                step_sizes = [_first_step_size(config, halves) for config in configs]
                n_steps = n_warm_steps if is_warm else 0
                missing = []
                for config, step_size in zip(configs, step_sizes, strict=True):
                    row = file.find(**common, config=config, step_size=step_size)
                    if row is None or row["steps"][-1] < n_steps:
                        missing.append((config, step_size))
                if not missing:
                    continue
                if not may_go_on():
                    return
                halves = halves or halve(task, seed=seed, max_rows=MAX_ROWS)
                encoded = encoded or halves.encode(MAX_TEST_ROWS)
                begin = time.process_time()
                curves = follow(
                    *encoded,
                    [c if size is None else {**c, "step_size": size} for c, size in missing],
                    knowledge if is_warm else cold_start(start, seed),
                    seed=seed,
                    steps=[s for s in TEST_STEPS if s <= (n_warm_steps if is_warm else MAX_STEPS)],
                    may_stop=not is_warm,
                )
                seconds = (time.process_time() - begin) / len(missing)
                for (config, step_size), curve in zip(missing, curves, strict=True):
                    file.add(
                        {
                            **common,
                            "kind": task.kind,
                            "config": config,
                            "step_size": step_size,
                            "steps": list(curve),
                            "losses": [round(loss, 6) for loss in curve.values()],
                            "n_train": len(encoded[0].y),
                            "n_test": len(encoded[2]),
                            "n_columns": encoded[0].X.shape[1],
                            "cpu_s": round(seconds, 2),
                        }
                    )


def steps_to(row, loss, *, at_least=False):
    """Steps that a run needed to reach a loss; 1,000 for never.

    Losses are known at some steps only, so a run is taken to have arrived right after the last
    of them at which it had not. ``at_least`` takes a run that was ended early to have arrived
    right after that.
    """
    previous = -1
    for step, value in zip(row["steps"], row["losses"], strict=True):
        if value <= loss:
            return previous + 1
        previous = step
    return min(previous + 1, MAX_STEPS) if at_least else MAX_STEPS


def compare(rows, *, checksum, settings=None, n_warm_steps=WARM_STEPS):
    """Compare warm and cold runs.

    Returns
    -------
    DataFrame
        Per task: kind, number of seeds, steps of each cold start (median over seeds), the
        better one's, the ratio to the warm start's, and whether it never arrived; the number of
        runs, a seed each, in which no cold start arrived, and of those among them in which one
        had been ended before the last step.
    """
    settings = settings or SETTINGS
    warm, cold, strict = {}, {start: {} for start in COLD}, {}
    kinds = {}
    for row in rows:
        if row["config"] != settings[row["start"]]:
            continue
        key = (row["task"], row["seed"])
        kinds[row["task"]] = row["kind"]
        if row["start"] == "warm":
            if row["knowledge"] == checksum and n_warm_steps in row["steps"]:
                warm[key] = row["losses"][row["steps"].index(n_warm_steps)]
        elif row["start"] == STRICT:
            strict[key] = row
        else:
            cold[row["start"]][key] = row
    complete = sorted(set(warm).intersection(*cold.values()))
    table = pd.DataFrame(
        [
            {
                "task": key[0],
                "seed": key[1],
                "warm_loss": warm[key],
                **{start: steps_to(cold[start][key], warm[key]) for start in COLD},
                **{
                    f"{start}_at_least": steps_to(cold[start][key], warm[key], at_least=True)
                    for start in COLD
                },
                **{f"{start}_best": min(cold[start][key]["losses"]) for start in COLD},
                STRICT: steps_to(strict[key], warm[key]) if key in strict else np.nan,
                "last_step": min(cold[start][key]["steps"][-1] for start in COLD),
            }
            for key in complete
        ]
    )
    if table.empty:
        return table
    has_never = (table[list(COLD)] >= MAX_STEPS).all(axis=1)
    was_ended = has_never & (table.pop("last_step") < MAX_STEPS)
    per_task = table.groupby("task").median(numeric_only=True).drop(columns="seed")
    per_task["n_seeds"] = table.groupby("task").size()
    per_task["n_never"] = has_never.groupby(table["task"]).sum()
    per_task["n_ended"] = was_ended.groupby(table["task"]).sum()
    per_task["kind"] = [kinds[name] for name in per_task.index]
    per_task["cold_steps"] = per_task[list(COLD)].min(axis=1)
    per_task["at_least"] = per_task[[f"{start}_at_least" for start in COLD]].min(axis=1)
    per_task["ratio"] = per_task["cold_steps"] / n_warm_steps
    per_task["is_never"] = per_task["cold_steps"] >= MAX_STEPS
    return per_task.reset_index()


def summarise(per_task, n_warm_steps=WARM_STEPS):
    """Medians over tasks, for all tasks and by kind; a dictionary of dictionaries.

    ``never`` is the share of tasks, ``never_in_runs`` that of runs in which no cold start arrived
    within the steps that it took; of these, ``ended_of_never`` were ended by :data:`PATIENCE`.
    """
    figures = {}
    kinds = per_task["kind"].where(per_task["kind"] == "regression", "classification")
    groups = {"all": per_task, **dict(list(per_task.groupby(kinds)))}
    for name, part in groups.items():
        figures[name] = {
            "n_tasks": len(part),
            "n_runs": int(part["n_seeds"].sum()),
            "median_ratio": float(part["ratio"].median()),
            "median_ratio_at_least": float(part["at_least"].median() / n_warm_steps),
            "never": float(part["is_never"].mean()),
            "never_in_runs": float(part["n_never"].sum() / part["n_seeds"].sum()),
            "ended_of_never": float(part["n_ended"].sum() / max(1, part["n_never"].sum())),
            **{f"median_ratio_{s}": float(part[s].median() / n_warm_steps) for s in COLD},
            **{f"never_{s}": float((part[s] >= MAX_STEPS).mean()) for s in COLD},
            **_with_strict(part.dropna(subset=STRICT), n_warm_steps),
        }
    return figures


def _with_strict(part, n_warm_steps):
    """The same against the best of all three starts, on the tasks that have them."""
    steps = part[["cold_steps", STRICT]].min(axis=1)
    return {
        f"n_tasks_{STRICT}": len(part),
        f"median_ratio_with_{STRICT}": float(steps.median() / n_warm_steps),
        f"never_with_{STRICT}": float((steps >= MAX_STEPS).mean()),
    }


def choose_settings(rows):
    """Rank the grid's configurations by the median, over tasks, of the loss above the best one.

    Returns
    -------
    DataFrame
        One row per start and configuration.
    """
    table = pd.DataFrame(
        [
            {
                "task": row["task"],
                "start": row["start"],
                **row["config"],
                "loss": row["losses"][-1] if row["start"] == "warm" else min(row["losses"]),
            }
            for row in rows
        ]
    )
    names = ["step_size", "weight_decay", "dropout"]
    floor = table.groupby(["start", "task"])["loss"].transform("min")
    table["excess"] = table["loss"] - floor
    ranked = table.groupby(["start", *names]).agg(
        n_tasks=("loss", "size"),
        median_loss=("loss", "median"),
        median_excess=("excess", "median"),
        mean_excess=("excess", "mean"),
    )
    return ranked.sort_values(["start", "median_excess"]).reset_index()


def rank_ridges(corpus, max_tasks=24):
    """Median loss of the closed-form head before any step on meta-development tasks.

    Returns
    -------
    dict of str to dict of float to float
        For classes and for numbers, ridge strength to loss.
    """
    options = {"max_rows": 1_500, "max_columns": 60, "max_tasks": max_tasks}
    found = {"classification": [], "regression": []}
    for task in corpus_tasks(corpus, "meta-dev", **options):
        encoded = halve(task, seed=0, max_rows=MAX_ROWS).encode(MAX_TEST_ROWS)
        common = {"seed": 0, "steps": [0], "may_stop": False}
        losses = {
            ridge: follow(*encoded, [{}], cold_start("closed_form", 0, ridge), **common)[0][0]
            for ridge in RIDGES
        }
        found["regression" if task.kind == "regression" else "classification"].append(losses)
    return {kind: pd.DataFrame(losses).median().to_dict() for kind, losses in found.items()}
