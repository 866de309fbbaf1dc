"""Attributes of trials, stored at once where the storage can."""

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from autometa import MetaSampler
from autometa.search._attributes import store_attributes

USER, SYSTEM = {"a": 1.5, "b": ["x"], "c": "y"}, {"plan": {"C": 2}}


@pytest.fixture(params=["memory", "journal", "database", "database without its inner ways"])
def study(request, tmp_path, monkeypatch):
    if request.param == "memory":
        storage = InMemoryStorage()
    elif request.param == "journal":
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    else:
        storage = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=storage)
    if "without" in request.param:
        without = type("Other", (RDBStorage,), {"_set_trial_attr_without_commit": property()})
        monkeypatch.setattr(study._storage._backend, "__class__", without)
        monkeypatch.setattr(
            without, "set_trial_user_attr", _one_by_one(study._storage._backend, "User")
        )
        monkeypatch.setattr(
            without, "set_trial_system_attr", _one_by_one(study._storage._backend, "System")
        )
    return study


def _one_by_one(database, kind):
    def store(self, trial_id, key, value):
        from optuna.storages._rdb import models
        from optuna.storages._rdb.storage import _create_scoped_session

        model = getattr(models, f"Trial{kind}AttributeModel")
        with _create_scoped_session(database.scoped_session, True) as session:
            RDBStorage._set_trial_attr_without_commit(
                database, session, model, trial_id, key, value
            )

    return store


def test_every_storage_holds_them_afterwards(study):
    trial = study.ask()

    store_attributes(study._storage, trial._trial_id, USER, SYSTEM)
    store_attributes(study._storage, trial._trial_id, {"c": "z", "d": None})
    study.tell(trial, 0.0)

    (found,) = study.get_trials()
    assert found.user_attrs == {**USER, "c": "z", "d": None}
    assert found.system_attrs == SYSTEM


def test_a_database_takes_a_proposal_in_one_transaction(knowledge, tmp_path):
    from sqlalchemy import event

    options = {"family": "svm", "knowledge": knowledge, "metafeatures": {"size": 1.0}, "seed": 0}
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/study.db", sampler=MetaSampler(**options)
    )
    engine, commits = study._storage._backend.engine, []
    event.listen(engine, "commit", commits.append)

    def count(study):
        before = len(commits)
        trial = study.ask()
        trial.suggest_float("C", 1e-2, 1e2, log=True)
        study.tell(trial, 0.0)
        return len(commits) - before

    with_knowledge = [count(study) for _ in range(2)]
    study.sampler = optuna.samplers.TPESampler(seed=0)
    without = [count(study) for _ in range(2)]

    assert [t.user_attrs.get("autometa:origin") for t in study.trials[:2]] == ["surrogate"] * 2
    # what the study is read with is committed too, though nothing is written by it
    assert max(with_knowledge) <= max(without) + 3
