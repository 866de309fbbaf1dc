"""An awkward table with every kind of column, and targets that depend on it."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def make_table():
    """Draw ``(X, y)``: numbers, gaps, infinities, text, categories, booleans and dates."""

    def make(n_rows=120, n_classes=3, seed=0):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(
            {
                "size": rng.normal(size=n_rows),
                "weight, kg": rng.normal(size=n_rows),
                "colour": rng.choice(["red", "blue", "green", "{x}"], n_rows),
                "grade": pd.Categorical(rng.integers(1, 4, n_rows)),
                "sold": rng.random(n_rows) < 0.5,
                "day": pd.Timestamp("2020-01-01")
                + pd.to_timedelta(rng.integers(0, 900, n_rows), unit="D"),
                "nothing": np.full(n_rows, np.nan),
            }
        )
        signal = X["size"] + 2.0 * (X["colour"] == "red") + 0.1 * rng.normal(size=n_rows)
        X.loc[::7, "size"] = np.nan
        X.loc[::9, "colour"] = None
        X.loc[3, "weight, kg"] = np.inf
        y = signal.to_numpy()
        if n_classes is None:
            return X, 1e6 + 1e3 * y
        order = np.argsort(np.argsort(y)) * n_classes // n_rows
        return X, np.array(["low", "middle", "high", "top"])[order]

    return make
