# %% [markdown]
# # Warm-start your own LightGBM study
# What configurations scored on some tables tells which ones to try first on the next table. Here
# ten small tables are enough to see how; `autometa collect` does the like on hundreds of yours.

# %% Tables that have been looked at before, and a new one
import numpy as np
from sklearn.datasets import make_classification

from autometa.tasks import task_from_arrays

tasks = []
for seed in range(10):
    n_features = 5 + 3 * seed
    shape = {"n_informative": 2 + seed // 2, "flip_y": 0.02 * seed, "class_sep": 0.5 + 0.2 * seed}
    X, y = make_classification(150 + 10 * seed, n_features, **shape, random_state=seed)
    tasks.append(task_from_arrays(X, y, name=f"table-{seed}"))
X, y = make_classification(200, 17, n_informative=4, flip_y=0.1, class_sep=1.2, random_state=100)

# %% Collect: the same configurations on every known table
from tempfile import TemporaryDirectory

from autometa.collecting import collect

with TemporaryDirectory() as folder:
    collected = collect(tasks, ["lightgbm"], 16, folder, time_limit_s=None)
knowledge = collected.to_knowledge()
print(knowledge)

# %% Your own objective; the space is a ready one, in LightGBM's own parameter names
import optuna
from lightgbm import LGBMClassifier
from sklearn.model_selection import cross_val_score

from autometa.families import FAMILIES

optuna.logging.set_verbosity(optuna.logging.WARNING)
space = FAMILIES["lightgbm"].space(is_regression=False)


def loss_of(params):
    model = LGBMClassifier(**params, subsample_freq=1, n_jobs=1, verbosity=-1, random_state=0)
    return -cross_val_score(model, X, y, cv=3, scoring="neg_log_loss").mean()


# %% Three studies: cold, with the first trials enqueued, and with the knowledge asked all along
from autometa import MetaSampler, warm_start

n_trials = 10
study_of = {
    "cold TPE": optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0)),
    "warm start": optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0)),
    "MetaSampler": optuna.create_study(
        sampler=MetaSampler(X, y, family="lightgbm", knowledge=knowledge, seed=0)
    ),
}
options = {"family": "lightgbm", "knowledge": knowledge}
warm_start(study_of["warm start"], X, y, n=3, **options)
for study in study_of.values():
    for _ in range(n_trials):
        trial = study.ask(space)
        study.tell(trial, loss_of(trial.params))

# %% Where trials came from, and how far the best had come after each
trial = study_of["MetaSampler"].trials[0]
print(trial.user_attrs)
shown = (1, 2, 3, 5, n_trials)
print(f"{'log-loss after trial':<22}", *(f"{number:>7}" for number in shown))
best_of = {}
for name, study in study_of.items():
    best_of[name] = np.minimum.accumulate([trial.value for trial in study.trials])
    print(f"{name:<22}", *(f"{best_of[name][number - 1]:7.4f}" for number in shown))

# %% The same as a plot, where matplotlib is installed
from importlib.util import find_spec
from pathlib import Path

if find_spec("matplotlib"):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    for name, best in best_of.items():
        axes.step(np.arange(1, n_trials + 1), best, where="post", label=name)
    axes.set(xlabel="trials", ylabel="best log-loss so far")
    axes.legend()
    path = Path("warm_start.png").resolve()
    figure.savefig(path)
    print(f"The plot is in {path}")
