"""What proposed weights are worth on tables nobody trained on: fewer steps, better predictions.

Every task is dealt into halves, five times with another seed. Runs are kept in the results folder
one by one, so the command can be stopped and goes on where it was. What does not need the
initialisation (cold weights, rivals) can be run before there is one: `--parts cold,rivals`.

    python -m benchmarks warm_weights --corpus ../shared/corpus --results results
"""

import hashlib
import time
from pathlib import Path

import pandas as pd

from autometa.knowledge import Initialisation
from autometa.tasks import Fingerprint, KnownTasks, read_index
from benchmarks import warm_quality, warm_steps
from benchmarks.halves import corpus_tasks
from benchmarks.results_file import ResultsFile

PARTS = ("cold", "strict", "rivals", "warm", "networks")


def main(
    corpus,
    results,
    *,
    split="meta-valid",
    seeds=5,
    first_seed=0,
    parts=PARTS,
    knowledge=None,
    max_tasks=None,
    hours=None,
    n_threads=1,
    n_warm_steps=warm_steps.WARM_STEPS,
):
    """Run what is missing, then print and return the figures of all that is there.

    Parameters
    ----------
    corpus, results : path
        A corpus folder, and the folder that runs are kept in.
    split : {"meta-valid", "meta-dev"}
    seeds, first_seed : int
        Seeds ``first_seed`` to ``seeds - 1`` are run.
    parts : collection of str
        Among :data:`PARTS`; empty to print what is there.
    knowledge : path, optional
        By default the initialisation that ships with the package.
    max_tasks : int, optional
    hours : float, optional
        Start no run after this time.
    n_threads : int
        Of each fit in the quality part.
    n_warm_steps : int
        After which cold weights have to be where proposed ones are.
    """
    results, split_of = Path(results), {"split": split}
    initialisation = checksum = overlap = None
    if {"warm", "networks"} & set(parts) or not parts:
        initialisation = Initialisation.load(knowledge) if knowledge else Initialisation.default()
        checksum = checksum_of(initialisation)
        overlap = overlap_with(initialisation, corpus, split, max_tasks)
        assert split != "meta-valid" or not overlap, f"Meta-training saw {overlap}."
    end = time.monotonic() + (float("inf") if hours is None else 3600 * hours)
    common = {
        "seeds": range(first_seed, seeds),
        "knowledge": initialisation,
        "checksum": checksum,
        "max_tasks": max_tasks,
        "may_go_on": lambda: time.monotonic() < end,
    }
    steps_file, quality_file = results / "steps.jsonl", results / "quality.jsonl"
    for part in parts:
        if part in ("cold", "strict", "warm"):
            starts = {"cold": warm_steps.COLD, "strict": (warm_steps.STRICT,), "warm": ("warm",)}[
                part
            ]
            own = {"starts": starts, "n_warm_steps": n_warm_steps}
            warm_steps.run_starts(corpus, split, steps_file, **own, **common)
        elif part in ("rivals", "networks"):
            methods = warm_quality.RIVALS if part == "rivals" else warm_quality.NETWORKS
            warm_quality.run_methods(
                corpus, split, quality_file, methods=methods, n_threads=n_threads, **common
            )
        else:
            raise ValueError(f"parts must be among {PARTS}, got {part!r}.")
    if checksum is None:
        return {**split_of, "n_stored": count_runs(steps_file, quality_file, split)}
    figures = {
        **split_of,
        "checksum": checksum,
        "overlap_with_meta_training": overlap,
        "caps": {
            "rows": warm_steps.MAX_ROWS,
            "test_rows_steps": warm_steps.MAX_TEST_ROWS,
            "max_steps": warm_steps.MAX_STEPS,
        },
        "settings": warm_steps.SETTINGS,
    }
    steps = rows_of(steps_file, warm_steps.KEY, split)
    per_task = warm_steps.compare(steps, checksum=checksum, n_warm_steps=n_warm_steps)
    if len(per_task):
        figures["n_warm_steps"] = n_warm_steps
        figures["steps"] = warm_steps.summarise(per_task, n_warm_steps)
        by_seed = _by_seed(steps, checksum, n_warm_steps)
        pairs = pd.concat(by_seed.values(), ignore_index=True)
        figures["steps_by_seed"] = {
            seed: warm_steps.summarise(table, n_warm_steps)["all"]
            for seed, table in by_seed.items()
        }
        figures["steps_of_all_pairs"] = warm_steps.summarise(pairs, n_warm_steps)["all"]
        figures["steps_per_task"] = per_task.round(4).to_dict("records")
    quality = rows_of(quality_file, warm_quality.KEY, split)
    tables = warm_quality.compare(quality, checksum=checksum)
    if tables:
        figures["quality"] = warm_quality.summarise(tables, quality, checksum=checksum)
        figures["quality_per_task"] = {
            name: table.round(4).reset_index().to_dict("records") for name, table in tables.items()
        }
    return figures


def tune(corpus, results, *, max_tasks=12, knowledge=None, hours=None, parts=("warm", "cold")):
    """Run the grids of cold and warm settings on meta-development tasks; return the ranking."""
    results = Path(results) / "tuning.jsonl"
    end = time.monotonic() + (float("inf") if hours is None else 3600 * hours)
    options = {"max_tasks": max_tasks, "seeds": [0]}
    options["max_rows"] = warm_steps.MAX_TUNING_ROWS
    options["max_columns"] = warm_steps.MAX_TUNING_COLUMNS
    options["may_go_on"] = lambda: time.monotonic() < end
    initialisation = Initialisation.load(knowledge) if knowledge else Initialisation.default()
    grids = dict.fromkeys(warm_steps.COLD, warm_steps.COLD_GRID)
    grids["warm"] = warm_steps.WARM_GRID
    checksum = checksum_of(initialisation)
    warm_steps.run_starts(
        corpus,
        "meta-dev",
        results,
        starts=[s for s in grids if (s if s == "warm" else "cold") in parts],
        grid=grids,
        knowledge=initialisation,
        checksum=checksum,
        **options,
    )
    rows = rows_of(results, warm_steps.KEY, "meta-dev")
    ranked = warm_steps.choose_settings([r for r in rows if r["knowledge"] in (None, checksum)])
    return {
        "split": "meta-dev",
        "checksum": checksum,
        "ranked": ranked.to_dict("records"),
        "ridges": warm_steps.rank_ridges(corpus),
    }


def checksum_of(initialisation):
    """Checksum of the parameters of an initialisation."""
    digest = hashlib.sha256()
    for name in sorted(initialisation.params):
        digest.update(name.encode() + initialisation.params[name].numpy().tobytes())
    return digest.hexdigest()[:16]


def overlap_with(initialisation, corpus, split, max_tasks=None):
    """Names of the split's tasks of which meta-training saw the family or the rows."""
    seen = initialisation.provenance.get("tasks", [])
    families = {task.get("family") for task in seen}
    known = KnownTasks(
        {t["name"]: Fingerprint.from_dict(t["fingerprint"]) for t in seen if "fingerprint" in t}
    )
    family = read_index(corpus).set_index("name")["family"]
    return sorted(
        task.name
        for task in corpus_tasks(corpus, split, max_tasks=max_tasks)
        if family[task.name] in families or known.find(task.X, task.y)
    )


def rows_of(path, key, split):
    return [row for row in ResultsFile(path, key).rows() if row["split"] == split]


def count_runs(steps_file, quality_file, split):
    steps = rows_of(steps_file, warm_steps.KEY, split)
    quality = rows_of(quality_file, warm_quality.KEY, split)
    counts = pd.Series([r["start"] for r in steps] + [r["method"] for r in quality], dtype=object)
    return counts.value_counts().to_dict()


def _by_seed(rows, checksum, n_warm_steps):
    """Compare every seed by itself: the median over two seeds is only their mean."""
    options = {"checksum": checksum, "n_warm_steps": n_warm_steps}
    tables = {
        seed: warm_steps.compare([row for row in rows if row["seed"] == seed], **options)
        for seed in sorted({row["seed"] for row in rows})
    }
    return {seed: table for seed, table in tables.items() if len(table)}


def print_figures(figures):
    if "n_stored" in figures:
        print(f"runs stored on {figures['split']}: {figures['n_stored']}")
        return
    if "ranked" in figures:
        print(pd.DataFrame(figures["ranked"]).round(4).to_string(index=False))
        print("\nmedian loss of the closed-form head before any step, by ridge strength")
        print(pd.DataFrame(figures["ridges"]).round(4).to_string())
        return
    overlap = figures["overlap_with_meta_training"]
    print(f"{figures['split']}, initialisation {figures['checksum']}, {len(overlap)} tasks seen")
    if "steps" in figures:
        n = figures["n_warm_steps"]
        print(f"\nsteps of cold weights to the loss of proposed weights after {n}, over {n}")
        print(pd.DataFrame(figures["steps"]).T.round(3).to_string())
        print("\nthe same, every seed by itself, and all pairs of task and seed as so many tasks")
        parts = {**figures["steps_by_seed"], "pairs": figures["steps_of_all_pairs"]}
        print(pd.DataFrame(parts).T.round(3).to_string())
    for name, table in figures.get("quality", {}).items():
        print(f"\n{name}")
        print(pd.DataFrame(table).T.round(4).to_string())
