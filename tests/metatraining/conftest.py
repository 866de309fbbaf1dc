"""Small tasks and learners for meta-training."""

from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def make_tasks():
    """Make prior tasks of given families, one each."""

    def make(*families, n_rows=80, n_columns=4, kinds=("binary", "regression", "multiclass")):
        from autometa.tasks import sample_prior_task

        tasks = []
        for seed, family in enumerate(families):
            task = sample_prior_task(
                np.random.default_rng(seed),
                n_rows=n_rows,
                n_columns=n_columns,
                kind=kinds[seed % len(kinds)],
            )
            provenance = {**task.provenance, "family": family, "openml_data_id": 100 + seed}
            tasks.append(replace(task, name=f"{family}-{seed}", provenance=provenance))
        return tasks

    return make


@pytest.fixture
def make_learner(tiny_network):
    """Make the meta-learner that these tests train."""

    def make(**options):
        from autometa.metalearners import MAML

        return MAML(**{"n_inner_steps": 1, "network": tiny_network, **options})

    return make
