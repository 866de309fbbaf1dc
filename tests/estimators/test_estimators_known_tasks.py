"""Data seen in meta-training is recognised, and what happens then is the user's choice."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from autometa import AutoMetaClassifier
from autometa.bench._known import known_tasks
from autometa.estimators._knowledge import find_evaluated, find_evaluations, find_initialisation
from autometa.exceptions import ArtefactError, KnownTaskError, KnownTaskWarning
from autometa.families import default_config
from autometa.knowledge import Initialisation, Knowledge
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


@pytest.fixture(scope="module")
def evaluated():
    """Evaluations of neighbours on the table; one configuration is the best."""
    configs = pd.DataFrame({"hp_n_neighbors": [5, 33], "hp_weights": ["uniform", "distance"]})
    rows = [configs.assign(task=t, family="knn", score=[0.5, 0.9]) for t in ("credit", "loans")]
    tasks = {"credit": {"fingerprint": fingerprint(X, Y).to_dict()}}
    return Knowledge.from_evaluations(pd.concat(rows), None, tasks=tasks)


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


@pytest.fixture(params=["itself", "its folder", "a folder of both", "a folder in it"])
def given(request, evaluated, untrained, tmp_path):
    """Evaluations in every form that estimators take, and the weights that should propose."""
    if request.param == "itself":
        return evaluated, Initialisation.default()
    if request.param == "its folder":
        evaluated.save(tmp_path)
        return tmp_path, Initialisation.default()
    untrained.save(tmp_path)
    evaluated.save(tmp_path if request.param == "a folder of both" else tmp_path / "evaluations")
    return str(tmp_path), untrained


def test_evaluations_propose_and_what_they_lack_ships(given):
    knowledge, weights = given
    model = AutoMetaClassifier(n_trials=1, families=["knn"], knowledge=knowledge, random_state=0)

    model.fit(X + 1, Y)

    usual = default_config("knn", is_regression=False)  # of what the evaluations do not say
    known = {"family": "knn", "n_neighbors": 33, "weights": "distance"}
    assert model.proposals_[0] == {**usual, **known}
    assert find_initialisation(knowledge).checksum == weights.checksum


def test_weights_alone_come_with_the_evaluations_that_ship(untrained, knowledge):
    for given in (Initialisation.default(), "default"):
        assert find_evaluations(given)().families == Knowledge.default().families
    for given in (untrained, knowledge):  # the network's own are of the weights that ship
        families = [*find_evaluations(given)().families, "adapted_network"]
        assert families == Knowledge.default().families
    model = AutoMetaClassifier(n_trials=1, families=["knn"], knowledge=untrained, random_state=0)

    model.fit(X, Y)

    assert model.study_.trials[0].user_attrs["autometa:origin"] in ("surrogate", "portfolio")


def test_tables_that_hyperparameters_were_evaluated_on_are_known_where_these_count(given):
    with pytest.raises(KnownTaskError, match="seen in meta-training as 'credit'"):
        AutoMetaClassifier(n_trials=1, knowledge=given[0], on_known_task="raise").fit(
            X[HALF], Y[HALF]
        )

    make_model(given[0], on_known_task="raise").fit(X[HALF], Y[HALF])


def test_what_ships_knows_all_tables_that_it_is_of():
    known = known_tasks().fingerprints.values()
    weights, evaluations = Initialisation.default(), find_evaluated("default")

    assert len(known) == len(weights.provenance["tasks"]) + len(evaluations)
    assert evaluations == Knowledge.default().tasks


def test_a_folder_of_neither_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="initialisation.json"):
        make_model(tmp_path).fit(X, Y)


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
