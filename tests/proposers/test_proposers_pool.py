"""Which configurations are the same: in the pool, beside candidates, whatever the rows' order."""

import math

import numpy as np
import pandas as pd
import pytest

from autometa import Knowledge
from autometa.proposers import SurrogateProposer


def make_rows(n_tasks=12, dtype=float):
    """Evaluations on a grid of two logarithmic hyperparameters."""
    rng = np.random.default_rng(0)
    rows = [
        {"task": t, "family": "mine", "hp_C": C, "hp_gamma": g, "score": rng.normal()}
        for t in range(n_tasks)
        for C in (0.1, 1.0, 10.0, 100.0)
        for g in (1e-3, 1e-2, 0.1, 1.0)
    ]
    return pd.DataFrame(rows).astype({"hp_C": dtype, "hp_gamma": dtype})


def propose(rows, n=25):
    search = SurrogateProposer(Knowledge.from_evaluations(rows, None), "mine").start()
    asked = []
    for number in range(n):
        asked.append(search.ask())
        search.tell(asked[-1], math.sin(number))
    return asked


def test_no_configuration_is_asked_twice_but_for_rounding():
    asked = propose(make_rows())

    logs = np.log([[config["C"], config["gamma"]] for config in asked])
    apart = np.abs(logs[:, None] - logs).max(axis=2)
    assert apart[~np.eye(len(logs), dtype=bool)].min() > 1e-7


def test_what_is_drawn_is_not_stored():
    pool = SurrogateProposer(Knowledge.from_evaluations(make_rows(), None), "mine").start()._pool

    stored, drawn = pool.points[: pool.n_stored], pool.points[pool.n_stored :]

    apart = np.abs(drawn[:, None] - stored).max(axis=2)
    assert len(drawn) > 50 and apart.min() > 1e-9


def test_given_candidates_are_told_apart_exactly():
    candidates = pd.DataFrame({"C": [1.0, 1.0 + 1e-15], "gamma": 0.1})
    proposer = SurrogateProposer(Knowledge.from_evaluations(make_rows(), None), "mine")

    search = proposer.start(candidates=candidates)

    assert {search.ask()["C"] for _ in range(2)} == set(candidates["C"])


def test_the_order_of_evaluations_does_not_matter():
    rows = make_rows()

    assert propose(rows) == propose(rows.sample(frac=1, random_state=1))


@pytest.mark.parametrize("is_given", [True, False])
def test_evaluations_in_single_precision_are_those_of_candidates_in_double(is_given):
    single = Knowledge.from_evaluations(make_rows(dtype="float32"), None)
    grid = make_rows(n_tasks=1)[["hp_C", "hp_gamma"]]

    search = SurrogateProposer(single, "mine").start(candidates=grid if is_given else None)
    for config in grid.to_dict("records"):
        search.tell(config, 0.5)

    places = search._pool.places[: len(grid)]
    assert sorted(places) == list(range(len(grid)))
    assert not search._pool.is_left[: len(grid)].any()
