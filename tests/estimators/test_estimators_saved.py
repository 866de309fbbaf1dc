"""Saved estimators: what comes back is the same, what is damaged is refused."""

import json
import pickle

import numpy as np
import optuna
import pandas as pd
import pytest

import autometa
from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.exceptions import ArtefactError, InvalidInputError

X = pd.DataFrame(
    {
        "size": np.linspace(0, 1, 24),
        "color": list("abc") * 8,
        "sold": pd.date_range("2024-01-01", periods=24),
    }
)
NUMBERS = np.sin(np.arange(24.0))
LABELS = {
    "int": np.array([3, 7]),
    "negative int8": np.array([-1, 1], dtype=np.int8),
    "big int": np.array([2**60, 2**60 + 1]),
    "float": np.array([0.0, 2.0]),
    "bool": np.array([False, True]),
    "str": np.array(["no", "yes"]),
    "object": np.array(["no", "ja"], dtype=object),
    "date": np.array(["2024-01-01", "2025-01-01"], dtype="datetime64[us]"),
}


@pytest.fixture
def fitted(knowledge):
    def fit(labels="str", n_trials=0, **options):
        model = AutoMetaClassifier(n_trials=n_trials, knowledge=knowledge, **options)
        return model.fit(X, LABELS[labels][np.arange(24) % 2])

    return fit


@pytest.mark.parametrize("labels", LABELS)
def test_a_classifier_comes_back_with_its_labels(fitted, labels, tmp_path):
    model = fitted(labels)

    model.save(tmp_path / "model")
    again = autometa.load(tmp_path / "model")

    np.testing.assert_array_equal(again.classes_, model.classes_)
    assert again.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_regressor_comes_back(knowledge, tmp_path):
    model = AutoMetaRegressor(n_trials=0, knowledge=knowledge).fit(X, NUMBERS)

    model.save(tmp_path)

    np.testing.assert_array_equal(autometa.load(tmp_path).predict(X), model.predict(X))


@pytest.mark.usefixtures("short_adaptation")
@pytest.mark.parametrize("keep", ["save", "pickle"])
def test_what_a_fit_learned_is_kept(fitted, keep, tmp_path):
    model = fitted(n_trials=2, time_limit=None, cv=2, random_state=0, class_weight="balanced")

    if keep == "save":
        model.save(tmp_path)
        again = autometa.load(tmp_path)
    else:
        again = pickle.loads(pickle.dumps(model))

    pd.testing.assert_frame_equal(again.leaderboard_, model.leaderboard_)
    assert again.study_.best_params == model.study_.best_params
    assert again.proposals_ == model.proposals_
    assert again.best_score_ == model.best_score_
    assert again.best_params_ == model.best_params_
    np.testing.assert_equal(again.metafeatures_, model.metafeatures_)
    assert again.feature_names_in_.tolist() == ["size", "color", "sold"]
    assert again.get_params()["class_weight"] == "balanced"
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.usefixtures("short_adaptation")
def test_trials_keep_their_numbers_beside_one_that_never_ended(fitted, tmp_path):
    stored = {"storage": optuna.storages.InMemoryStorage(), "study_name": "mine"}
    options = {"time_limit": None, "cv": 2, "random_state": 0, **stored}
    fitted(n_trials=1, **options).study_.ask()  # by a process that was killed
    optuna.load_study(**stored).enqueue_trial({})
    model = fitted(n_trials=3, families=["linear", "knn"], **options)
    model.save(tmp_path)

    boards = [one.leaderboard_.set_index("trial") for one in (autometa.load(tmp_path), model)]

    for column in ("score", "weight", "family"):
        pd.testing.assert_series_equal(*(board[column] for board in boards))


def test_a_pickle_does_not_hold_the_table(knowledge):
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(4_400, 3)))
    model = AutoMetaRegressor(n_trials=0, knowledge=knowledge).fit(wide, wide[0])
    small = AutoMetaRegressor(n_trials=0, knowledge=knowledge).fit(wide[:2_200], wide[0][:2_200])

    # 2,048 rows to look up and about 1,000 knots a column are kept of any table.
    assert len(pickle.dumps(model)) < 1.1 * len(pickle.dumps(small))


def test_secrets_and_objects_are_not_written(fitted, tmp_path):
    fitted(storage=f"sqlite:///{tmp_path}/s3cret.db", callbacks=[print]).save(tmp_path / "model")

    assert "s3cret" not in (tmp_path / "model" / "estimator.json").read_text()
    assert autometa.load(tmp_path / "model").callbacks == ()


def test_a_loaded_estimator_can_be_saved_and_fitted_again(fitted, knowledge, tmp_path):
    fitted().save(tmp_path / "once")
    again = autometa.load(tmp_path / "once")

    again.save(tmp_path / "twice")
    again.set_params(knowledge=knowledge).fit(X, NUMBERS > 0)

    assert autometa.load(tmp_path / "twice").classes_.tolist() == ["no", "yes"]
    assert again.classes_.tolist() == [False, True]


def test_saving_twice_replaces(fitted, tmp_path):
    fitted("int").save(tmp_path)
    fitted("bool").save(tmp_path)

    assert autometa.load(tmp_path).classes_.tolist() == [False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "estimator.json",
        "estimator.safetensors",
    ]


def test_an_unwritable_folder_is_refused_and_nothing_is_left(fitted, tmp_path):
    (tmp_path / "file").write_text("in the way")

    for folder in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(ArtefactError, match="Name a folder that can be written to"):
            fitted().save(folder)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_fills_up_leaves_nothing_behind(fitted, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    model = fitted()
    monkeypatch.setattr("os.replace", fail)

    with pytest.raises(ArtefactError, match="No space left"):
        model.save(tmp_path / "a" / "b")

    assert list(tmp_path.iterdir()) == []


def test_labels_that_json_cannot_hold_are_refused(fitted, tmp_path):
    model = fitted()
    model.classes_ = np.array([pd.Interval(0, 1), pd.Interval(1, 2)], dtype=object)

    with pytest.raises(InvalidInputError, match="Classes of type Interval cannot be saved"):
        model.save(tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


def damage_json(folder, **changes):
    path = folder / "estimator.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "estimator.json").unlink(), "holds no readable estimator.json"),
        (lambda f: (f / "estimator.json").write_bytes(b"\xff{"), "holds no readable"),
        (lambda f: damage_json(f, format="other"), "does not describe an autometa-estimator"),
        (
            lambda f: (f / "estimator.json").write_text("[]"),
            "does not describe an autometa-estimator",
        ),
        (lambda f: damage_json(f, format_version=99), "has format version 99"),
        (lambda f: damage_json(f, n_features_in=7), "is corrupted"),
        (lambda f: (f / "estimator.safetensors").unlink(), "holds no complete estimator"),
        (lambda f: (f / "estimator.safetensors").write_bytes(b"abc"), "is corrupted"),
    ],
)
def test_a_damaged_folder_is_refused(fitted, tmp_path, damage, message):
    fitted().save(tmp_path)
    damage(tmp_path)

    with pytest.raises(ArtefactError, match=message):
        autometa.load(tmp_path)


def test_an_unfitted_estimator_cannot_be_saved(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        AutoMetaClassifier().save(tmp_path / "model")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.gpu
def test_what_was_fitted_on_a_gpu_predicts_on_a_cpu(fitted, tmp_path, monkeypatch):
    import torch

    model = fitted(device="cuda")
    model.save(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    again = autometa.load(tmp_path)

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_what_a_module_of_ours_imports_is_not_trusted():
    from autometa.estimators._saved import _is_ours

    assert _is_ours("autometa.families._table_model.TableModel")
    assert not _is_ours("autometa.families._registry.import_module")
    assert not _is_ours("autometa.families.nowhere.Model") and not _is_ours("os.system")
