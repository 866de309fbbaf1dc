# %% [markdown]
# # A CSV from the command line
# In a terminal these are lines beginning with `autometa`; here a cell runs each of them.

# %% Any CSV, Parquet or ARFF file will do: this one has text, dates, gaps and an identifier
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows = 400
flats = pd.DataFrame(
    {
        "listing": [f"flat-{row:05d}" for row in range(n_rows)],
        "district": rng.choice(["harbour", "old town", "hills"], n_rows),
        "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 25_000, n_rows), "D"),
        "area_m2": rng.gamma(9, 8, n_rows).round(1),
    }
)
flats.loc[rng.random(n_rows) < 0.1, "area_m2"] = np.nan
age = 2020 - flats["built"].dt.year
flats["rent"] = (
    300 + 11 * flats["area_m2"].fillna(70) - 3 * age + rng.normal(0, 60, n_rows)
).round()

folder = TemporaryDirectory()
path = Path(folder.name)
flats[:300].to_csv(path / "flats.csv", index=False)
flats[300:].drop(columns="rent").to_csv(path / "new_flats.csv", index=False)


def run(*arguments):
    print("$ autometa", *arguments)
    subprocess.run([sys.executable, "-m", "autometa", *arguments], check=True, cwd=path)


# %% Fit
run("fit", "flats.csv", "--target", "rent", "--time-limit", "5", "--out", "rent-model")

# %% Predict
run("predict", "rent-model", "new_flats.csv", "--out", "predictions.csv")

# %% Compare with what the flats were let for
predicted = pd.read_csv(path / "predictions.csv").iloc[:, -1].to_numpy()
error = np.abs(predicted - flats["rent"][300:].to_numpy()).mean()
print(f"mean absolute error {error:.0f}, rents vary by {flats['rent'].std():.0f}")
folder.cleanup()
