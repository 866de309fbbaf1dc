# %% [markdown]
# # First fit
# A network's weights are proposed for a table nobody trained on, a few gradient steps adapt them,
# and an Optuna study chooses how.

# %% A table with names, classes as text and a missing cell
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X.loc[0, "alcohol"] = None
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %% The weights as proposed: no training at all
from autometa import AutoMetaClassifier

proposed = AutoMetaClassifier(n_trials=0, random_state=0).fit(X_train, y_train)
print("proposed  log-loss", round(log_loss(y_test, proposed.predict_proba(X_test)), 3))

# %% Five seconds of search over ways to adapt them
model = AutoMetaClassifier(time_limit=5, random_state=0).fit(X_train, y_train)
probabilities = model.predict_proba(X_test)
print("adapted   log-loss", round(log_loss(y_test, probabilities), 3))
print("adapted   AUC     ", round(roc_auc_score(y_test, probabilities, multi_class="ovr"), 3))
print("first predictions ", ", ".join(model.predict(X_test[:5])))

# %% What was tried: a table, and the ordinary Optuna study behind it
print(model.leaderboard_.head())
print(len(model.study_.trials), "trials, best:", model.best_params_)

# %% Numbers are predicted the same way
from sklearn.datasets import load_diabetes

from autometa import AutoMetaRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True)
regressor = AutoMetaRegressor(time_limit=5, random_state=0).fit(X[:300], y[:300])
print("regression R2     ", round(regressor.score(X[300:], y[300:]), 3))

# %% Keep a model: safetensors and JSON, no pickle
from tempfile import TemporaryDirectory

import autometa

with TemporaryDirectory() as folder:
    model.save(f"{folder}/wine")
    again = autometa.load(f"{folder}/wine")
    assert (again.predict_proba(X_test) == probabilities).all()
