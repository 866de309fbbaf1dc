"""How long fits with a time limit take, how much memory, and how long 10,000 rows to predict.

Every fit has a process of its own, in which a small one went before: the import of libraries and
the first use of torch do not count.
"""

import itertools
import time

from autometa import AutoMetaClassifier
from benchmarks.fit_time import in_process, make_table, peak_mb

#: Rows and columns.
SHAPES = ((100, 4), (1_000, 20), (5_000, 50), (2_000, 1_000), (100_000, 100))
LIMITS = (1.0, 5.0, 10.0, 60.0)
N_JOBS = (1, 2)
N_PREDICTED = 10_000


def main(*, shapes=SHAPES, limits=LIMITS, n_jobs=N_JOBS):
    """Fit every shape with every limit on every number of threads.

    Parameters
    ----------
    shapes : sequence of (int, int)
    limits : sequence of float
        Seconds.
    n_jobs : sequence of int

    Returns
    -------
    dict
        ``rows``: ``n_rows``, ``n_columns``, ``limit_s``, ``n_jobs``, ``fit_s``, ``beyond_mb`` (peak
        memory above that before the fit, which holds the data) and ``predict_s`` of 10,000 rows.
    """
    rows = []
    for shape, n, limit_s in itertools.product(shapes, n_jobs, limits):
        found = in_process("limits", "measure", *shape, limit_s, n, n_threads=n)
        names = {"n_rows": shape[0], "n_columns": shape[1], "limit_s": limit_s, "n_jobs": n}
        rows.append({**names, **found})
    return {"rows": rows}


def measure(n_rows, n_columns, limit_s, n_jobs):
    """Measure one fit in this process."""

    def make_model(seconds):
        return AutoMetaClassifier(time_limit=seconds, random_state=0, n_jobs=int(n_jobs))

    make_model(1.0).fit(*make_table(200))
    X, y = make_table(int(n_rows), int(n_columns))
    new, _ = make_table(N_PREDICTED, int(n_columns))
    before = peak_mb()
    start = time.perf_counter()
    model = make_model(limit_s).fit(X, y)
    fit_s, beyond_mb = time.perf_counter() - start, peak_mb() - before
    start = time.perf_counter()
    model.predict_proba(new)
    return {"fit_s": fit_s, "beyond_mb": beyond_mb, "predict_s": time.perf_counter() - start}


def print_figures(figures):
    print("   rows  columns  threads   limit     fit      over  beyond the data  10,000 predicted")
    for row in figures["rows"]:
        print(
            f"{row['n_rows']:7,d}  {row['n_columns']:7,d}  {row['n_jobs']:7d}  "
            f"{row['limit_s']:4g} s  {row['fit_s']:5.1f} s  {row['fit_s'] - row['limit_s']:+6.1f} s"
            f"  {row['beyond_mb']:12.0f} MB  {row['predict_s']:14.2f} s"
        )
