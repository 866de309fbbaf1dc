"""autometa as a system of TabArena: the tables as they are, the time limit, and nothing tuned."""

import pandas as pd
from tabarena.benchmark.exec_models.external import ExternalSystemModel

#: AutoGluon's names of metrics, and ours.
METRICS = {
    **{"roc_auc": "roc_auc", "log_loss": "neg_log_loss", "accuracy": "accuracy"},
    **{"balanced_accuracy": "balanced_accuracy", "r2": "r2"},
    **{"root_mean_squared_error": "neg_root_mean_squared_error"},
    **{"mean_absolute_error": "neg_mean_absolute_error"},
    **{"mean_squared_error": "neg_mean_squared_error"},
}


class AutoMetaSystemModel(ExternalSystemModel):
    """The public estimators.

    Parameters
    ----------
    options : dict, optional
        For their constructor.
    """

    def __init__(self, options=None, **kwargs):
        super().__init__(**kwargs)
        self.options = options

    def _fit_system(
        self,
        X,
        y,
        *,
        target_name,
        problem_type,
        eval_metric,
        validation_metadata,
        num_cpus,
        num_gpus,
        memory_limit,
        time_limit,
        random_state,
    ):
        from autometa import AutoMetaClassifier, AutoMetaRegressor

        make = AutoMetaRegressor if problem_type == "regression" else AutoMetaClassifier
        self.model = make(
            **{
                "metric": METRICS.get(getattr(eval_metric, "name", None)),
                # Without a limit the search would not end: the estimator's own is taken.
                **({} if time_limit is None else {"time_limit": time_limit}),
                "n_jobs": num_cpus,
                "memory_limit": memory_limit,
                "device": "auto" if num_gpus else "cpu",
                "random_state": 0 if random_state is None else random_state,
                **(self.options or {}),
            }
        )
        self.model.fit(X, y, groups=_groups(X, validation_metadata))
        return self

    def _predict(self, X):
        return pd.Series(self.model.predict(X), index=X.index)

    def _predict_proba(self, X):
        return pd.DataFrame(
            self.model.predict_proba(X), index=X.index, columns=list(self.model.classes_)
        )

    def cleanup(self):
        self.model = None


def _groups(X, validation_metadata):
    """Rows of one group stay on one side of every fold, where the task asks for it."""
    name = getattr(validation_metadata, "group_on", None)
    return X[name] if isinstance(name, str) and name in X.columns else None
