"""AutoGluon's TabularPredictor with its presets."""

from importlib import import_module

# torch by itself first: elsewhere pip may choose one with CUDA, of several gigabytes.
REQUIREMENTS = [
    "torch==2.13.0",
    "torch==2.13.0 autogluon.tabular[lightgbm,catboost,xgboost,fastai]==1.6.3",
]
ENVIRONMENT = "autogluon"
IMPORTS = ["autogluon.tabular", "lightgbm", "catboost", "xgboost", "torch", "fastai.tabular"]
VARIANTS = {
    "autogluon_medium": {"presets": "medium_quality"},
    "autogluon_best": {"presets": "best_quality"},
}
METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "root_mean_squared_error"}
TARGET = "the target"


def fit(job):
    tabular = import_module("autogluon.tabular")
    predictor = tabular.TabularPredictor(
        label=TARGET,
        problem_type=job.kind,
        eval_metric=METRICS[job.metric],
        path=str(job.folder / "autogluon"),
        verbosity=0,
    )
    return predictor.fit(
        job.X.assign(**{TARGET: job.y}),
        time_limit=job.time_limit,
        num_cpus=job.n_threads,
        num_gpus=0,
        **job.options,
    )


def predict(model, X, job):
    if job.is_regression:
        return model.predict(X).to_numpy()
    return model.predict_proba(X)[list(range(job.n_classes))].to_numpy()
