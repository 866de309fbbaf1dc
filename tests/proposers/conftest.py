"""Evaluations whose best configuration is known: it moves with one meta-feature."""

import numpy as np
import pandas as pd
import pytest

from autometa import Knowledge


def score_of(size, C, kernel):
    """A smooth score: the best C grows with ``size``; the linear kernel is a little worse."""
    return 0.9 - 0.1 * (np.log10(C) - size) ** 2 - 0.05 * (kernel == "linear")


@pytest.fixture(scope="session")
def make_evaluations():
    """Draw a table of evaluations and its meta-features."""

    def make(n_tasks=30, n_configs=16, *, shared=True, seed=0, missing=0.0, scale=1.0):
        rng = np.random.default_rng(seed)
        sizes = rng.uniform(-1.5, 1.5, n_tasks)
        rows = []
        configs = None
        for task, size in enumerate(sizes):
            if configs is None or not shared:
                kernels = rng.choice(["rbf", "linear"], n_configs)
                configs = pd.DataFrame({"hp_C": 10 ** rng.uniform(-2, 2, n_configs)})
                configs["hp_kernel"] = kernels
                gamma = 10 ** rng.uniform(-3, 1, n_configs)
                configs["hp_gamma"] = np.where(kernels == "rbf", gamma, np.nan)
            score = score_of(size, configs["hp_C"], configs["hp_kernel"])
            score = scale * (score + rng.normal(scale=0.005, size=n_configs)) + 3 * scale * task % 7
            rows.append(configs.assign(task=f"t{task}", family="svm", score=score))
        table = pd.concat(rows, ignore_index=True)
        table.loc[rng.random(len(table)) < missing, "score"] = np.nan
        names = [f"t{task}" for task in range(n_tasks)]
        described = {"size": sizes, "noise": rng.normal(size=n_tasks), "empty": np.nan}
        return table, pd.DataFrame(described, index=names)

    return make


@pytest.fixture(scope="session")
def knowledge(make_evaluations):
    return Knowledge.from_evaluations(*make_evaluations())


@pytest.fixture(scope="session")
def candidates(make_evaluations):
    table, _ = make_evaluations()
    table = table[table["task"] == "t0"]
    return table[["hp_C", "hp_kernel", "hp_gamma"]].rename(columns=lambda name: name[3:])
