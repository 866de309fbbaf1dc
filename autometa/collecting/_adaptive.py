"""Configurations that did best where some tasks were searched, for all tasks to share.

A set that fills a space of many dimensions holds none that is good everywhere. A search on one
task, which knows the scores of all others, finds one that is good there, and often elsewhere.
"""

import numpy as np

from autometa.collecting._collected import read_collected
from autometa.collecting._evaluations import evaluate_table
from autometa.collecting._records import RecordFile
from autometa.evaluation import TableFolds
from autometa.exceptions import NothingLeftError
from autometa.families import read_config
from autometa.proposers import SurrogateProposer

#: Their numbers start above those of any set that fills a space.
FIRST_NUMBER = 100_000
#: Trials of a search.
N_TRIALS = 20


class SearchFiles:
    """The searches of every family that were made, and those that are missing.

    Parameters
    ----------
    folder : path
        What was collected.
    headers : dict of str to dict
        By family: what its evaluations were made with.
    """

    def __init__(self, folder, headers):
        self.folder = folder
        self.files = {
            family: RecordFile(
                folder / f"{family}-adaptive.jsonl", {**header, "n_trials": N_TRIALS}
            )
            for family, header in headers.items()
        }

    def pieces(self, tasks, sources, n_tasks, options):
        """Yield the searches that are missing: of each kind of target, on so many tasks.

        Parameters
        ----------
        tasks : LazyTasks
        sources : dict of str to int
            Positions of tasks by name.
        n_tasks : int
        options : dict
            Of :meth:`TableFolds.from_task`.
        """
        for family, file in self.files.items():
            collected = read_collected(self.folder, [family])
            is_numbers = {one["name"]: one["kind"] == "regression" for one in collected.tasks}
            scored = collected.evaluations.dropna(subset="score")["task"]
            names = sorted(set(scored) & set(sources))
            order = np.random.default_rng(options["seed"]).permutation(names).tolist()
            number = max((one["number"] for one in file.records), default=FIRST_NUMBER - 1)
            for is_regression in (False, True):
                searched = [r["task"] for r in file.records if r["is_regression"] == is_regression]
                alike = [name for name in order if is_numbers[name] == is_regression]
                alike = [name for name in alike if name not in searched]
                known = collected.to_knowledge().filter(is_regression=is_regression)
                for name in alike[: max(0, n_tasks - len(searched))]:
                    number += 1
                    yield {
                        "task": name,
                        "family": family,
                        "number": number,
                        "is_regression": is_regression,
                        "table": TableFolds.from_task(tasks[sources[name]], **options),
                        "known": known,
                    }

    def write(self, piece):
        """Store a finished search."""
        self.files[piece["family"]].append([piece])

    def designs(self):
        """Return what was found, by family and kind of target: configurations by number."""
        return {
            (family, is_regression): {
                one["number"]: one["values"]
                for one in file.records
                if one["is_regression"] == is_regression and one["values"] is not None
            }
            for family, file in self.files.items()
            for is_regression in (False, True)
        }


def run_search(piece, network, limits, seed):
    """Search a family on a task, from what all others tell and from what was collected of it.

    Returns
    -------
    dict
        ``task``, ``family``, ``number``, ``is_regression`` and ``values``: the best configuration,
        or None where no trial came up to those that were collected.
    """
    task, family, known = piece["task"], piece["family"], piece["known"]
    told = _scores_of(known, family, task)
    others = known.filter(exclude=[task])
    best = None
    if family in others.families:
        metafeatures = known.metafeatures.loc[task]
        search = SurrogateProposer(others, family).start(metafeatures, random_state=seed)
        for config, score in told:
            search.tell(config, score)
        best_score = max(score for _, score in told)
        for _ in range(N_TRIALS):
            try:
                asked = search.ask()
            except NothingLeftError:
                break
            config = read_config(family, asked, is_regression=piece["is_regression"])
            [record] = evaluate_table(
                piece["table"], family, [config], seed=seed, network=network, **limits
            )
            score = record["points"][-1]["score"] if record["points"] else np.nan
            search.tell(config, score)
            if score > best_score:
                best, best_score = config, score
    kept = ("task", "family", "number", "is_regression")
    return {name: piece[name] for name in kept} | {"values": best}


def _scores_of(known, family, task):
    """Configurations of a task with their last scores."""
    table = known.tables[family]
    table = table[(table["task"] == task) & table["score"].notna()]
    names = [name for name in table.columns if name.startswith("hp_")]
    last = table.groupby(names, dropna=False, sort=False).tail(1)
    configs = last[names].rename(columns=lambda name: name.removeprefix("hp_"))
    return list(zip(configs.to_dict("records"), last["score"], strict=True))
