# %% [markdown]
# # Meta-train your own initialisation
# Tables of your own field teach the proposals what such tables are like. Seconds are enough to see
# how; give it hours and hundreds of tables for something worth keeping.

# %% A folder of tables: `index.csv` names them, `data/<name>.parquet` holds them
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

folder = TemporaryDirectory()
path = Path(folder.name)
(path / "tables" / "data").mkdir(parents=True)


def measure_batch(seed, n_rows=240):
    """Draw one batch of a made-up process; its defects depend on two sensors of six."""
    rng = np.random.default_rng(seed)
    sensors = rng.normal(size=(n_rows, 6))
    first, second = rng.choice(6, 2, replace=False)
    drift = sensors[:, first] - sensors[:, second] ** 2 + rng.normal(0, 0.4, n_rows)
    batch = pd.DataFrame(sensors, columns=[f"sensor_{column}" for column in range(6)])
    batch["machine"] = pd.Categorical(rng.choice(["A", "B", "C"], n_rows))
    batch["defect"] = np.where(drift > np.median(drift), "yes", "no")
    return batch


rows = []
for seed in range(6):
    batch = measure_batch(seed)
    batch.to_parquet(path / "tables" / "data" / f"batch-{seed}.parquet")
    split = "meta-valid" if seed == 5 else "meta-train"
    rows.append({"name": f"batch-{seed}", "task": "binary", "target": "defect", "split": split})
pd.DataFrame(rows).to_csv(path / "tables" / "index.csv", index=False)

# %% Train for ten seconds; run the same line again to go on from the last checkpoint
command = "meta-train --corpus tables --hours 0.003 --seed 0 --resume knowledge"
print("$ autometa", command)
subprocess.run([sys.executable, "-m", "autometa", *command.split()], check=True, cwd=path)

# %% Propose weights for a batch that was not in training
from autometa import AutoMetaClassifier

new = measure_batch(seed=100)
X, y = new.drop(columns="defect"), new["defect"]
model = AutoMetaClassifier(n_trials=1, knowledge=str(path / "knowledge"), random_state=0)
model.fit(X[:120], y[:120])
print("accuracy on a new batch", round(model.score(X[120:], y[120:]), 3))
folder.cleanup()
