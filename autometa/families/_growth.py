"""Models that grow in steps, so that a fit can end early with what it has.

Every function fits a model of its library until ``should_stop()`` and returns the steps taken.
Boosting also ends where ``is_stale(n_steps, predict)`` says so, which may ask what the model
predicts so far; CatBoost, which does not tell that, and forests, which only get better, do not.
"""

import numpy as np
from sklearn.base import is_classifier

from autometa.families._registry import import_extra

#: Steps of the first chunk; of the trees of a forest as many as for so many cells, if that is less.
FIRST_CHUNK, CELLS_AT_ONCE = 10, 20_000_000


def grow_trees(model, Z, y, should_stop, options, is_stale=None):
    """Add the trees of scikit-learn's forests until told to stop, so many at once."""
    n_at_once = int(np.clip(CELLS_AT_ONCE // max(1, np.prod(Z.shape)), 1, FIRST_CHUNK))
    given = {"factor": 1, "n_at_once": n_at_once}
    return _grow_by_warm_start(model, Z, y, should_stop, options, "n_estimators", **given)


def grow_iterations(model, Z, y, should_stop, options, is_stale=None):
    """Add the trees of scikit-learn's gradient boosting until told to stop.

    A chunk is as large as all before it, since each reads all rows again.
    """
    if is_stale is not None:
        predict = getattr(model, "predict_proba", model.predict)
        is_late, n_steps = should_stop, lambda: model.get_params()["max_iter"]

        def should_stop():
            return is_late() or is_stale(n_steps(), predict)

    return _grow_by_warm_start(model, Z, y, should_stop, options, "max_iter")


def _grow_by_warm_start(
    model, Z, y, should_stop, options, steps_name, *, factor=2, n_at_once=FIRST_CHUNK
):
    n_wanted, n_steps = model.get_params()[steps_name], 0
    model.set_params(warm_start=True)
    while True:
        n_steps = min(max(n_steps * factor, n_steps + n_at_once), n_wanted)
        model.set_params(**{steps_name: n_steps}).fit(Z, y, **options)
        if n_steps == n_wanted or should_stop():
            break
    model.set_params(warm_start=False)
    return n_steps


def grow_lightgbm(model, Z, y, should_stop, options, is_stale=None):
    """Add LightGBM's trees until told to stop."""
    lightgbm = import_extra("lightgbm", "lightgbm")

    def stop(env):
        is_over = is_stale is not None and is_stale(
            env.iteration + 1, lambda rows: _as_columns(model, env.model.predict(rows))
        )
        if is_over or should_stop():
            raise lightgbm.callback.EarlyStopException(env.iteration, [])

    model.fit(Z, y, callbacks=[stop], **options)
    return model.booster_.current_iteration()


def _as_columns(model, found):
    """A column a class, where a library gives the probability of the second of two."""
    is_one_of_two = is_classifier(model) and found.ndim == 1
    return np.column_stack([1 - found, found]) if is_one_of_two else found


def grow_catboost(model, Z, y, should_stop, options, is_stale=None):
    """Add CatBoost's trees until told to stop."""

    class Stop:
        def after_iteration(self, info):
            return not should_stop()

    model.fit(Z, y, callbacks=[Stop()], **options)
    return model.tree_count_


def grow_xgboost(model, Z, y, should_stop, options, is_stale=None):
    """Add XGBoost's trees until told to stop."""
    xgboost = import_extra("xgboost", "xgboost")

    class Stop(xgboost.callback.TrainingCallback):
        def after_iteration(self, booster, epoch, evals_log):
            def predict(rows):
                rows = xgboost.DMatrix(rows, enable_categorical=True)
                return _as_columns(model, booster.predict(rows))

            return should_stop() or (is_stale is not None and is_stale(epoch + 1, predict))

    model.set_params(callbacks=[Stop()]).fit(Z, y, **options)
    model.set_params(callbacks=None)
    return model.get_booster().num_boosted_rounds()
