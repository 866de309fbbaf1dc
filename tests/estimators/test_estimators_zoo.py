"""Awkward tables: no crash, finite predictions, and no worse than the most naive guess."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from autometa import AutoMetaClassifier, AutoMetaRegressor

#: One network, one linear, one forest, one boosting, one by distances, one with kernels.
FAMILIES = [
    "adapted_network",
    "linear",
    "extra_trees",
    "hist_gradient_boosting",
    "lightgbm",
    "knn",
    "svm",
]
N = 90
MANY = 1_200


def one_feature(rng, signal):
    return pd.DataFrame({"only": signal})


def constants(rng, signal):
    return pd.DataFrame({"zero": 0, "word": "same", "signal": signal, "ones": np.ones(N)})


def nothing_but_constants(rng, signal):
    return pd.DataFrame({"zero": np.zeros(N), "word": "same"})


def missing_columns(rng, signal):
    nothing = pd.Series([None] * N, dtype=object)
    return pd.DataFrame({"nan": np.nan, "none": nothing, "nat": pd.NaT, "signal": signal})


def thousand_categories(rng, signal):
    levels = [f"level {i}" for i in range(1_000)]
    first = pd.Categorical(rng.permutation([*levels, *levels[: MANY - 1_000]]), levels)
    return pd.DataFrame({"first": first, "second": rng.choice(levels, MANY), "signal": signal})


def text(rng, signal):
    words = np.array(["good", "bad", "so", "so what", "ugly"])
    sentences = [" ".join(rng.choice(words, 5)) + f" {i}" for i in range(N)]
    return pd.DataFrame({"said": sentences, "mood": np.where(signal > 0, "glad", "sad")})


def dates(rng, signal):
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta((signal * 100).round(), unit="D")
    return pd.DataFrame({"sold": days, "as text": days.strftime("%Y-%m-%d")})


def duplicates(rng, signal):
    return pd.DataFrame({"a": np.sign(signal), "b": (signal > 1).astype(int)})


def infinities(rng, signal):
    frame = pd.DataFrame({"signal": signal.copy(), "noise": rng.normal(size=N)})
    frame.loc[::9, "signal"] = np.inf
    frame.loc[::11, "noise"] = -np.inf
    frame["big"] = signal * 1e300
    return frame


def integers_as_text(rng, signal):
    return pd.DataFrame({"signal": (signal * 10).astype(int).astype(str), "one": ["1", "2"] * 45})


def mixed_cells(rng, signal):
    cells = [value if i % 2 else f"{value:.1f}" for i, value in enumerate(signal)]
    return pd.DataFrame({"mixed": pd.Series(cells, dtype=object), "signal": signal})


def wide(rng, signal):
    return pd.DataFrame(np.column_stack([signal, rng.normal(size=(N, 120))]))


TABLES = [
    one_feature,
    constants,
    nothing_but_constants,
    missing_columns,
    thousand_categories,
    text,
    dates,
    duplicates,
    infinities,
    integers_as_text,
    mixed_cells,
    wide,
]
WITHOUT_SIGNAL = (nothing_but_constants,)


def classes_of_many(rng):
    """Two hundred classes, some of one member."""
    y = np.concatenate([np.arange(200), np.arange(100)])
    return pd.DataFrame({"code": y + 0.2 * rng.normal(size=300), "noise": rng.normal(size=300)}), y


def classes_of_one_member(rng):
    signal = rng.normal(size=N)
    y = np.where(signal > 0, "up", "down").astype(object)
    y[:4] = ["a", "b", "c", "d"]
    return pd.DataFrame({"signal": signal, "noise": rng.normal(size=N)}), y


def almost_one_class(rng):
    y = np.zeros(1_000, dtype=int)
    y[17] = 1
    return pd.DataFrame(rng.normal(size=(1_000, 2))), y


def thirty_rows(rng):
    signal = rng.normal(size=30)
    return pd.DataFrame({"signal": signal, "noise": rng.normal(size=30)}), (signal > 0).astype(int)


def all_members_of_one(rng):
    """A class for every row."""
    return pd.DataFrame({"a": rng.normal(size=12)}), np.array([f"class {i}" for i in range(12)])


TARGETS = [
    classes_of_many,
    classes_of_one_member,
    almost_one_class,
    thirty_rows,
    all_members_of_one,
]


def constant_target(rng):
    return pd.DataFrame(rng.normal(size=(40, 2))), np.full(40, 7.0)


def huge_target(rng):
    signal = rng.normal(size=60)
    return pd.DataFrame({"signal": signal}), 1e12 + 1e9 * signal


def heavy_tails(rng):
    signal = rng.normal(size=N)
    return pd.DataFrame({"signal": signal}), np.exp(4 * signal)


def two_rows(rng):
    return pd.DataFrame({"a": [0.0, 1.0]}), np.array([1.0, 2.0])


NUMBER_TARGETS = [constant_target, huge_target, heavy_tails, two_rows]

quiet = pytest.mark.filterwarnings("ignore::autometa.exceptions.DroppedColumnsWarning")
odd_cells = pytest.mark.filterwarnings("ignore::autometa.exceptions.UnreadableCellsWarning")


@pytest.fixture
def fit(short_adaptation, untrained, few_trees):
    def fit(kind, X, y, families=FAMILIES, n_trials=None, **options):
        options = {"time_limit": None, "cv": 2, "random_state": 0, "knowledge": untrained} | options
        return kind(n_trials=n_trials or len(families), families=families, **options).fit(X, y)

    return fit


@pytest.fixture
def few_trees(monkeypatch):
    """Let forests and boosting have twenty trees, where their quality does not matter."""
    from autometa.families import FAMILIES as modules

    for name in ("extra_trees", "hist_gradient_boosting", "lightgbm"):
        steps = modules[name].STEPS_NAME
        monkeypatch.setitem(modules[name].DEFAULT_CONFIG, steps, 20)


def check_board(model):
    """Every family has been tried, and none has failed."""
    board = model.leaderboard_
    assert set(board["family"]) == set(FAMILIES)
    errors = [t.user_attrs.get("autometa:error") for t in model.study_.trials]
    assert set(errors) == {None} and set(board["state"]) <= {"complete", "pruned"}


def unseen(X):
    """The rows in another order, with levels, gaps and numbers that were not there."""
    new = X.iloc[::-1].reset_index(drop=True).copy()
    for name in new.columns:
        if new[name].dtype.kind == "f":
            new.loc[0, name], new.loc[1, name] = np.nan, 1e6
        elif new[name].dtype.kind not in "biuM" and new[name].dtype != "category":
            new[name] = new[name].astype(object)
            new.loc[0, name], new.loc[1, name] = None, "17"
    return new


def check_probabilities(found, shape):
    assert found.shape == shape and np.isfinite(found).all() and (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


@quiet
@odd_cells
@pytest.mark.parametrize("make", TABLES)
def test_an_awkward_table_of_two_classes(fit, make):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=MANY if make is thousand_categories else N)
    X, y = make(rng, signal), np.where(signal > 0, "up", "down")

    model = fit(AutoMetaClassifier, X, y)

    check_board(model)
    found = model.predict_proba(X)
    check_probabilities(found, (len(X), 2))
    check_probabilities(model.predict_proba(unseen(X)), (len(X), 2))
    naive = log_loss(y, np.full(len(y), (y == "up").mean()))
    slack = 0.02 if make in WITHOUT_SIGNAL else -0.1
    assert log_loss(y, found[:, 1]) < naive + slack


@quiet
@odd_cells
@pytest.mark.parametrize("make", TABLES)
def test_an_awkward_table_of_numbers(fit, make):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=MANY if make is thousand_categories else N)
    X, y = make(rng, signal), 50 + 3 * signal

    model = fit(AutoMetaRegressor, X, y)

    check_board(model)
    found = model.predict(X)
    assert found.shape == (len(X),) and np.isfinite(found).all()
    assert np.isfinite(model.predict(unseen(X))).all()
    slack = 1.02 if make in WITHOUT_SIGNAL else 0.9
    assert np.std(y - found) < slack * np.std(y)


@pytest.mark.parametrize("make", TARGETS)
def test_an_awkward_target_of_classes(fit, make):
    X, y = make(np.random.default_rng(0))

    model = fit(AutoMetaClassifier, X, y)

    check_board(model)
    classes, counts = np.unique(y, return_counts=True)
    found = model.predict_proba(X)
    check_probabilities(found, (len(y), len(classes)))
    naive = -(counts / len(y) * np.log(counts / len(y))).sum()
    assert log_loss(y, found, labels=classes) < naive + 0.02


@pytest.mark.parametrize("make", NUMBER_TARGETS)
def test_an_awkward_target_of_numbers(fit, make):
    X, y = make(np.random.default_rng(0))

    model = fit(AutoMetaRegressor, X, y)

    check_board(model)
    found = model.predict(X)
    assert np.isfinite(found).all()
    assert np.std(y - found) <= np.std(y) * 1.01 + 1e-9


def test_thirty_rows_of_numbers(fit):
    X, y = thirty_rows(np.random.default_rng(0))

    model = fit(AutoMetaRegressor, X, X["signal"] * 2)

    check_board(model)
    assert np.isfinite(model.predict(X)).all()


@quiet
@odd_cells
@pytest.mark.parametrize("make", [*TABLES, *TARGETS])
def test_an_awkward_table_at_the_defaults(make):
    rng = np.random.default_rng(0)
    if make in TABLES:
        signal = rng.normal(size=MANY if make is thousand_categories else N)
        X, y = make(rng, signal), np.where(signal > 0, "up", "down")
    else:
        X, y = make(rng)
    AutoMetaClassifier(time_limit=0, random_state=0).fit(X, y)  # pays for what is paid once

    model = AutoMetaClassifier(time_limit=1, random_state=0).fit(X, y)

    classes, counts = np.unique(y, return_counts=True)
    check_probabilities(model.predict_proba(unseen(X)), (len(X), len(classes)))
    found = model.predict_proba(X)
    check_probabilities(found, (len(X), len(classes)))
    naive = -(counts / len(y) * np.log(counts / len(y))).sum()
    assert log_loss(y, found, labels=classes) < naive + 0.05
