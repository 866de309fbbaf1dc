"""How surely a table seen before is recognised, and how rarely another one is taken for it.

Every table of a corpus is sketched whole; half of its rows, shuffled and with its columns permuted,
are then looked up among all sketches. A table of another family that is found is a false alarm.
Made-up tables of few small whole numbers, unrelated to all, are looked up too: they are the
likeliest to share rows by chance.
"""

import json
import time

import numpy as np
import pandas as pd

from autometa.tasks import KnownTasks, read_corpus, read_index, row_hashes

MIN_ROWS = 50
N_MADE_UP = 1000


def main(corpus: str) -> dict:
    """Measure recognition and false alarms over a corpus folder; return the figures."""
    index = read_index(corpus).set_index("name")
    known = KnownTasks.from_tasks(read_corpus(corpus))
    rng = np.random.default_rng(0)
    missed, false_alarms, find_s = [], [], []
    n_tried = 0
    for task in read_corpus(corpus):
        X, y = halve(task.X, task.y, rng)
        start = time.perf_counter()
        found = known.find(X, y)
        find_s.append(time.perf_counter() - start)
        if task.n_rows >= MIN_ROWS:
            n_tried += 1
            if task.name not in found:
                missed.append(task.name)
        family = index["family"]
        false_alarms += [(task.name, f) for f in found if family[f] != family[task.name]]
    made_up_alarms = [known.find(*made_up_table(rng)) for _ in range(N_MADE_UP)]
    figures = {
        "n_known": len(known),
        "n_tried": n_tried,
        "recognised": 1 - len(missed) / n_tried,
        "missed": missed,
        "false_alarms": false_alarms,
        "n_made_up": N_MADE_UP,
        "made_up_alarms": sum(bool(found) for found in made_up_alarms),
        "kilobytes_of_json": len(json.dumps(known.to_dict())) / 1000,
        "find_s": float(np.median(find_s)),
        "hash_100000_x_100_s": time_hashing(rng),
    }
    return figures


def halve(X: pd.DataFrame, y: pd.Series, rng) -> tuple[pd.DataFrame, pd.Series]:
    """Half of the rows in random order, the columns too."""
    rows = rng.permutation(len(X))[: len(X) // 2]
    return X.iloc[rows, rng.permutation(X.shape[1])], y.iloc[rows]


def made_up_table(rng) -> tuple[pd.DataFrame, pd.Series]:
    """A table of 2 to 10 columns with 2 to 5 levels each, unevenly frequent."""
    n_rows, n_columns = int(rng.integers(50, 3000)), int(rng.integers(2, 11))
    columns = []
    for n_levels in rng.integers(2, 6, size=n_columns + 1):
        shares = rng.dirichlet(np.full(n_levels, 2.0))
        columns.append(rng.choice(n_levels, size=n_rows, p=shares) + rng.integers(0, 2))
    table = pd.DataFrame(np.column_stack(columns))
    return table.iloc[:, :-1], table.iloc[:, -1]


def time_hashing(rng) -> float:
    X = rng.normal(size=(100_000, 100))
    start = time.perf_counter()
    row_hashes(X)
    return time.perf_counter() - start


def print_table(figures: dict) -> None:
    print(f"sketches                          {figures['n_known']}")
    print(f"  all of them as JSON             {figures['kilobytes_of_json']:.0f} kB")
    print(f"halves looked up (>= {MIN_ROWS} rows)    {figures['n_tried']}")
    print(f"  recognised                      {figures['recognised']:.1%}  {figures['missed']}")
    print(f"false alarms, other families      {len(figures['false_alarms'])}")
    for half, taken_for in figures["false_alarms"]:
        print(f"    {half} taken for {taken_for}")
    print(f"false alarms, {figures['n_made_up']} made-up tables {figures['made_up_alarms']}")
    print(f"median look-up                    {1000 * figures['find_s']:.1f} ms")
    print(f"hashing 100,000 x 100             {figures['hash_100000_x_100_s']:.2f} s")
