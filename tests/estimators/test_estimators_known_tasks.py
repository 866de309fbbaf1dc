"""Data seen in meta-training is recognised, and what happens then is the user's choice."""

import time

import numpy as np
import pytest
from sklearn.datasets import make_classification

from autometa import AutoMetaClassifier
from autometa.exceptions import KnownTaskError, KnownTaskWarning
from autometa.knowledge import Initialisation
from autometa.tasks import fingerprint

X, Y = make_classification(400, 20, random_state=0)
HALF = np.random.default_rng(0).permutation(400)[:200]


@pytest.fixture(scope="module")
def trained(untrained):
    """Knowledge that has seen the table, under a name, and another table of that name."""
    tables = [(X, Y, 31), (X + 1000, Y, None)]
    tasks = [
        {
            "name": "credit",
            "family": "credit",
            "openml_id": openml_id,
            "fingerprint": fingerprint(table, y).to_dict(),
        }
        for table, y, openml_id in tables
    ]
    return Initialisation(
        untrained.params, untrained.learner_name, untrained.learner_config, {"tasks": tasks}
    )


def make_model(knowledge, **options):
    return AutoMetaClassifier(n_trials=0, knowledge=knowledge, **options)


@pytest.mark.parametrize("rows", [slice(None), HALF])
def test_by_default_known_data_gives_a_warning(trained, rows):
    with pytest.warns(KnownTaskWarning, match=r"'credit' \(OpenML data set 31\)"):
        make_model(trained).fit(X[rows], Y[rows])


def test_known_data_can_be_refused(trained):
    model = make_model(trained, on_known_task="raise")

    with pytest.raises(KnownTaskError, match="seen in meta-training as 'credit'"):
        model.fit(X[:, ::-1], Y)

    assert not hasattr(model, "classes_")


def test_known_data_can_be_ignored(trained):
    make_model(trained, on_known_task="ignore").fit(X, Y)


def test_a_stored_artefact_knows_its_tasks(trained, tmp_path):
    trained.save(tmp_path)

    with pytest.raises(KnownTaskError):
        make_model(tmp_path, on_known_task="raise").fit(X, Y)


def test_new_data_is_not_mistaken(trained):
    make_model(trained, on_known_task="raise").fit(X + 1, Y)


def test_rows_of_weight_zero_are_not_looked_at(trained):
    both = np.concatenate([X, X + 1])
    weight = np.repeat([0.0, 1.0], 400)

    make_model(trained, on_known_task="raise").fit(both, np.tile(Y, 2), sample_weight=weight)


def test_looking_takes_little_time(trained):
    from autometa.estimators._knowledge import check_known_task
    from autometa.tasks import task_from_arrays

    large, y = make_classification(1_000, 20, random_state=1)
    task = task_from_arrays(large, y)
    check_known_task(task, trained, "raise")

    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        check_known_task(task, trained, "raise")
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.05
