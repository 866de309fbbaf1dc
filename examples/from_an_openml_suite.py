# %% [markdown]
# # From an OpenML suite to predictions
# `load_suite` takes an id or an alias; what it downloads stays in the cache of the `openml` client.

# %% Which suite
import sys

alias = sys.argv[1] if len(sys.argv) > 1 else "OpenML-CC18"

# %% Its tasks, each a table with a target and OpenML's own splits
from autometa.tasks import load_suite

tasks = load_suite(alias)[:3]

# %% Fit the first fold of each
from autometa import AutoMetaClassifier, AutoMetaRegressor

for task in tasks:
    is_regression = task.kind == "regression"
    make_model = AutoMetaRegressor if is_regression else AutoMetaClassifier
    train, test = task.splits[0]
    model = make_model(time_limit=5, random_state=0).fit(task.X.iloc[train], task.y.iloc[train])
    score = model.score(task.X.iloc[test], task.y.iloc[test])
    print(f"{task.name:<24}{'R2' if is_regression else 'accuracy':<10}{score:.3f}")
