"""Models that grow in steps, so that a fit can end early with what it has.

Every function fits a model of its library until ``should_stop()`` and returns the steps taken.
"""

import numpy as np

from autometa.families._registry import import_extra

#: Steps of the first chunk; of the trees of a forest as many as for so many cells, if that is less.
FIRST_CHUNK, CELLS_AT_ONCE = 10, 20_000_000


def grow_trees(model, Z, y, should_stop, options):
    """Add the trees of scikit-learn's forests until told to stop, so many at once."""
    n_at_once = int(np.clip(CELLS_AT_ONCE // max(1, np.prod(Z.shape)), 1, FIRST_CHUNK))
    given = {"factor": 1, "n_at_once": n_at_once}
    return _grow_by_warm_start(model, Z, y, should_stop, options, "n_estimators", **given)


def grow_iterations(model, Z, y, should_stop, options):
    """Add the trees of scikit-learn's gradient boosting until told to stop.

    A chunk is as large as all before it, since each reads all rows again.
    """
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


def grow_lightgbm(model, Z, y, should_stop, options):
    """Add LightGBM's trees until told to stop."""
    lightgbm = import_extra("lightgbm", "lightgbm")

    def stop(env):
        if should_stop():
            raise lightgbm.callback.EarlyStopException(env.iteration, [])

    model.fit(Z, y, callbacks=[stop], **options)
    return model.booster_.current_iteration()


def grow_catboost(model, Z, y, should_stop, options):
    """Add CatBoost's trees until told to stop."""

    class Stop:
        def after_iteration(self, info):
            return not should_stop()

    model.fit(Z, y, callbacks=[Stop()], **options)
    return model.tree_count_


def grow_xgboost(model, Z, y, should_stop, options):
    """Add XGBoost's trees until told to stop."""
    xgboost = import_extra("xgboost", "xgboost")

    class Stop(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            return should_stop()

    model.set_params(callbacks=[Stop()]).fit(Z, y, **options)
    model.set_params(callbacks=None)
    return model.get_booster().num_boosted_rounds()
