"""Attributes of a trial, stored together: every write to a database or a file has its price."""

from optuna.storages import RDBStorage


def store_attributes(storage, trial_id, user, system=None):
    """Set several attributes of a running trial.

    A database takes them in one transaction, where Optuna would make one of each; other storages
    take them one after another.

    Parameters
    ----------
    storage : optuna storage
        Of a study, as that wraps it.
    trial_id : int
    user, system : dict of str to JSON-able value
    """
    system = system or {}
    database = getattr(storage, "_backend", storage)  # behind Optuna's cache of finished trials
    if isinstance(database, RDBStorage) and len(user) + len(system) > 1:
        try:
            from optuna.storages._rdb import models
            from optuna.storages._rdb.storage import _create_scoped_session as open_session

            set_without_commit = database._set_trial_attr_without_commit
        except (ImportError, AttributeError):  # not of Optuna's public face, so it may go
            pass
        else:
            kinds = (
                (models.TrialSystemAttributeModel, system),
                (models.TrialUserAttributeModel, user),
            )
            with open_session(database.scoped_session, True) as session:
                for kind, attributes in kinds:
                    for name, value in attributes.items():
                        set_without_commit(session, kind, trial_id, name, value)
            return
    for name, value in system.items():
        storage.set_trial_system_attr(trial_id, name, value)
    for name, value in user.items():
        storage.set_trial_user_attr(trial_id, name, value)
