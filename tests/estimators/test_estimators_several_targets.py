"""Several targets, or several labels a row: an estimator for each, and one `fit` for all."""

import pickle
import warnings

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.utils import get_tags

import autometa
import autometa.search
from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.encoding import TableEncoder
from autometa.exceptions import (
    AutoMetaError,
    DroppedColumnsWarning,
    InferLimitWarning,
    InvalidInputError,
    KnownTaskError,
    KnownTaskWarning,
)

X = np.random.default_rng(0).normal(size=(60, 3))
NUMBERS = np.column_stack([X[:, 0], -X[:, 1]])
LABELS = (NUMBERS > 0).astype(int)
MIXED = pd.DataFrame(
    {
        "sold": LABELS[:, 0],
        "size": np.array(["small", "medium", "large"])[np.digitize(X[:, 1], [-0.5, 0.5])],
    }
)
TARGETS = {AutoMetaClassifier: LABELS, AutoMetaRegressor: NUMBERS}
MODELS = list(TARGETS)
pytestmark = pytest.mark.usefixtures("short_adaptation")


@pytest.fixture
def make_model(untrained):
    def make(cls=AutoMetaClassifier, n_trials=0, **options):
        options = {"time_limit": None, "cv": 2, "random_state": 0, **options}
        return cls(n_trials=n_trials, **{"knowledge": untrained, **options})

    return make


def outputs(model, X=X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X).T


def left_behind(model):
    return set(vars(model)) - set(model.get_params(deep=False))


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("options", [{}, {"n_trials": 2, "families": ["linear"]}, {"n_trials": 1}])
def test_each_target_is_predicted_as_by_a_fit_of_its_own(make_model, cls, options):
    y = TARGETS[cls]

    model = make_model(cls, **options).fit(X, y)

    assert model.predict(X).shape == (60, 2)
    for one, target, found in zip(model.estimators_, y.T, outputs(model), strict=True):
        alone = make_model(cls, **{**options, "random_state": one.random_state}).fit(X, target)
        expected = alone.predict_proba(X) if cls is AutoMetaClassifier else alone.predict(X)
        np.testing.assert_array_equal(found, expected)
        assert one.best_params_ == alone.best_params_


@pytest.mark.parametrize("cls", MODELS)
def test_a_fit_can_be_repeated_to_the_bit_and_each_target_has_its_own_seed(make_model, cls):
    first, again = (make_model(cls, n_trials=1).fit(X, TARGETS[cls]) for _ in range(2))
    other = make_model(cls, random_state=1).fit(X, TARGETS[cls])
    drawn = make_model(cls, random_state=None).fit(X, TARGETS[cls])

    np.testing.assert_array_equal(outputs(first), outputs(again))
    assert len({one.random_state for one in [*first.estimators_, *other.estimators_]}) == 4
    assert [one.random_state for one in drawn.estimators_] == [None, None]


def test_rows_may_have_several_labels(make_model):
    model = make_model().fit(X, LABELS)

    shares = model.predict_proba(X)
    assert (model.predict(X) == LABELS).mean() > 0.8
    assert [share.shape for share in shares] == [(60, 2), (60, 2)]
    assert [labels.tolist() for labels in model.classes_] == [[0, 1], [0, 1]]
    assert [offsets.tolist() for offsets in model.class_offsets_] == [[0, 0], [0, 0]]
    np.testing.assert_array_equal(np.argmax(shares, axis=2).T, model.predict(X))


def test_targets_may_have_classes_of_different_kinds_and_numbers(make_model):
    model = make_model().fit(X, MIXED)

    assert [labels.tolist() for labels in model.classes_] == [[0, 1], ["large", "medium", "small"]]
    assert [share.shape for share in model.predict_proba(X)] == [(60, 2), (60, 3)]
    predicted = model.predict(X)
    assert predicted.shape == (60, 2) and predicted.dtype == object
    assert {type(label) for label in predicted[:, 0]} == {int}
    assert set(predicted[:, 1]) <= set(MIXED["size"])


def test_names_of_columns_are_kept(make_model):
    named = make_model(n_trials=1, families=["linear"], study_name="shop").fit(X, MIXED)
    counted = make_model().fit(X, LABELS)

    assert named.target_names_ == ["sold", "size"]
    assert named.leaderboard_["target"].tolist() == ["sold", "size"]
    assert named.leaderboard_.columns[0] == "target"
    assert [one["target"] for one in named.leaderboard_.attrs["benefit"]] == ["sold", "size"]
    assert [study.study_name for study in named.study_] == ["shop/sold", "shop/size"]
    assert counted.target_names_ == [0, 1]
    assert len(counted.leaderboard_) == 0 and counted.leaderboard_.columns[0] == "target"


@pytest.mark.parametrize(
    "bring",
    [
        np.ndarray.tolist,
        list,
        pd.DataFrame,
        lambda y: pd.DataFrame(y, columns=["a", "b"], dtype="Int64"),
        lambda y: pl.DataFrame(y, schema=["a", "b"]),
        lambda y: pl.DataFrame(y, schema=["a", "b"]).to_arrow(),
        lambda y: y.astype(object),
    ],
)
def test_targets_come_as_any_table(make_model, bring):
    expected = make_model().fit(X, LABELS)

    model = make_model().fit(X, bring(LABELS))

    np.testing.assert_array_equal(outputs(model), outputs(expected))
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert model.predict(X).dtype == LABELS.dtype


def test_what_a_fit_tells_is_told_of_each_target(make_model):
    model = make_model(n_trials=2, families=["linear"]).fit(X, LABELS)

    assert model.n_trials_ == 4 and len(model.leaderboard_) == 4
    assert [study.best_value for study in model.study_] == model.leaderboard_["score"][::2].tolist()
    assert [params["family"] for params in model.best_params_] == ["linear"] * 2
    assert [one.best_score_ for one in model.estimators_] == model.best_score_
    assert [proposals[0]["family"] for proposals in model.proposals_] == ["linear"] * 2
    assert [one["n_classes"] for one in model.metafeatures_] == [2, 2]
    assert model.n_features_in_ == 3 and model.fit_time_s_ > 0


def test_a_column_vector_is_one_target(make_model):
    model = make_model()

    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model.fit(X, LABELS[:, :1])

    assert model.predict(X).shape == (60,)
    np.testing.assert_array_equal(
        model.predict_proba(X), make_model().fit(X, LABELS[:, 0]).predict_proba(X)
    )


def test_a_fit_to_one_target_forgets_those_before(make_model):
    model = make_model().fit(X, LABELS)

    model.fit(X, LABELS[:, 0])

    assert not hasattr(model, "estimators_") and not hasattr(model, "target_names_")
    assert model.predict(X).shape == (60,) and model.best_params_ == {}


def test_a_row_scores_where_all_its_labels_are_right(make_model):
    weight = np.arange(60) % 3
    model, mixed = make_model().fit(X, LABELS), make_model().fit(X, MIXED)

    assert model.score(X, LABELS) == accuracy_score(LABELS, model.predict(X))
    weighted = accuracy_score(LABELS, model.predict(X), sample_weight=weight)
    assert model.score(X, LABELS, sample_weight=weight) == pytest.approx(weighted)
    assert mixed.score(X, MIXED) == np.mean((mixed.predict(X) == MIXED.to_numpy()).all(axis=1))
    with pytest.raises(InvalidInputError, match=r"y has shape \(60, 1\)"):
        model.score(X, LABELS[:, 0])


def test_numbers_score_by_the_mean_over_targets(make_model):
    model = make_model(AutoMetaRegressor).fit(X, NUMBERS)

    found = model.predict(X)
    each = [r2_score(NUMBERS[:, i], found[:, i]) for i in range(2)]
    assert model.score(X, NUMBERS) == pytest.approx(np.mean(each))
    assert found.dtype == np.float64


@pytest.mark.parametrize("cls", MODELS)
def test_tags_say_so(cls):
    tags = get_tags(cls())

    assert tags.target_tags.multi_output and tags.target_tags.single_output
    assert cls is AutoMetaRegressor or tags.classifier_tags.multi_label


@pytest.mark.parametrize("n_targets", [2, 5])
def test_all_targets_end_in_one_time_limit_and_each_has_its_share(
    make_model, fake_costs, n_targets
):
    clock = fake_costs(propose_s=0.1, read_s=0.1, step_s=0.05)
    y = np.column_stack([(X[:, 0] > cut).astype(int) for cut in np.linspace(-1, 1, n_targets)])

    model = make_model(
        n_trials=None, time_limit=6.0 * n_targets, cv=None, families=["adapted_network"]
    )
    model.fit(X, y)

    assert all(one.n_trials_ >= 1 for one in model.estimators_)
    assert 0.45 * model.time_limit < model.fit_time_s_ <= model.time_limit
    assert model.fit_time_s_ == pytest.approx(clock.now - 1_000)
    took = np.array([one.fit_time_s_ for one in model.estimators_])
    left = model.time_limit - np.cumsum([0.0, *took[:-1]])
    shares = left / np.arange(n_targets, 0, -1)
    assert [one.time_limit for one in model.estimators_] == pytest.approx(shares.tolist())
    assert (took <= shares).all()


def test_time_that_a_target_leaves_is_for_those_after_it(make_model, fake_costs):
    fake_costs(propose_s=1.0)

    model = make_model(time_limit=30.0).fit(X, np.column_stack([LABELS, LABELS[:, 0]]))

    assert [one.time_limit for one in model.estimators_] == pytest.approx([10.0, 14.5, 28.0])


@pytest.mark.parametrize("cls", MODELS)
def test_weights_are_repetitions_for_every_target(make_model, cls):
    weight = np.random.default_rng(0).integers(0, 3, size=60)
    rows = np.repeat(np.arange(60), weight)

    weighted = make_model(cls, n_trials=1).fit(X, TARGETS[cls], sample_weight=weight)
    repeated = make_model(cls, n_trials=1).fit(X[rows], TARGETS[cls][rows])

    np.testing.assert_array_equal(outputs(weighted), outputs(repeated))


def test_groups_and_splits_reach_every_target(make_model, monkeypatch):
    seen, search = [], autometa.search.run_search

    def run_search(task, folds, **options):
        seen.append(folds)
        return search(task, folds, **options)

    monkeypatch.setattr(autometa.search, "run_search", run_search)
    groups = np.arange(60) % 4

    make_model(n_trials=1, cv=GroupKFold(4)).fit(X, LABELS, groups=groups)
    make_model(n_trials=1, cv=4).fit(X, LABELS, groups=groups)
    make_model(n_trials=1, cv=KFold(4).split(X)).fit(X, LABELS)

    assert len(seen) == 6
    for folds in seen:
        np.testing.assert_array_equal(np.sort(folds.valid_weight.sum(axis=1)), [15] * 4)


def test_class_weights_are_for_all_targets_or_a_list_of_theirs(make_model):
    heavy = {1: 50.0}
    plain, both, second = (
        make_model(class_weight=weight).fit(X, LABELS).predict_proba(X)
        for weight in (None, heavy, [None, heavy])
    )

    assert (both[0][:, 1].mean() > plain[0][:, 1].mean()) and (both[0] != plain[0]).any()
    np.testing.assert_array_equal(second[0], plain[0])
    np.testing.assert_array_equal(second[1], both[1])


def test_the_metric_is_that_of_each_target(make_model):
    model = make_model(n_trials=1, metric="f1_macro").fit(X, MIXED)

    alone = make_model(
        n_trials=1, metric="f1_macro", random_state=model.estimators_[1].random_state
    )
    assert model.best_score_[1] == alone.fit(X, MIXED["size"]).best_score_


def test_the_limit_of_prediction_is_that_of_each_target(make_model):
    with pytest.warns(InferLimitWarning) as said:
        model = make_model(infer_limit=1e-12).fit(X, LABELS)

    assert len(said) == 2
    assert [one.infer_limit for one in model.estimators_] == [1e-12] * 2


def test_one_configuration_may_predict_each_target(make_model):
    model = make_model(n_trials=4, families=["linear", "knn"], ensemble=False).fit(X, LABELS)

    board = model.leaderboard_
    assert (board[board["weight"] > 0].groupby("target")["weight"].agg(list).map(len) == 1).all()


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("keep", ["save", "pickle"])
def test_what_a_fit_learned_is_kept(make_model, cls, keep, tmp_path):
    frame = pd.DataFrame(X, columns=list("abc"))
    y = MIXED if cls is AutoMetaClassifier else pd.DataFrame(NUMBERS, columns=["p", "q"])
    model = make_model(cls, n_trials=3, families=["linear", "adapted_network"]).fit(frame, y)

    if keep == "save":
        model.save(tmp_path)
        again = autometa.load(tmp_path)
    else:
        again = pickle.loads(pickle.dumps(model))

    for found, expected in zip(outputs(again, frame), outputs(model, frame), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    pd.testing.assert_frame_equal(again.leaderboard_, model.leaderboard_)
    np.testing.assert_equal(again.metafeatures_, model.metafeatures_)
    assert again.score(frame, y) == model.score(frame, y)
    for name in ("target_names_", "best_params_", "best_score_", "proposals_", "fit_time_s_"):
        assert getattr(again, name) == getattr(model, name), name
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]
    assert [one.random_state for one in again.estimators_] == [
        one.random_state for one in model.estimators_
    ]


def test_networks_alone_are_saved_without_models_of_tables(make_model, tmp_path):
    make_model().fit(X, LABELS).save(tmp_path / "model")

    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "estimator.json",
        "estimator.safetensors",
    ]
    assert autometa.load(tmp_path / "model").target_names_ == [0, 1]


def test_scikit_learns_tools_take_them(make_model):
    classifier, regressor = make_model(), make_model(AutoMetaRegressor)

    copied = clone(classifier.fit(X, LABELS))
    found = cross_val_score(classifier, X, LABELS, cv=3, error_score="raise")
    scores = cross_val_score(regressor, X, NUMBERS, cv=3, error_score="raise")
    auc = cross_val_score(classifier, X, LABELS, scoring="roc_auc", cv=3, error_score="raise")
    search = GridSearchCV(classifier, {"class_weight": [None, "balanced"]}, cv=2).fit(X, LABELS)

    assert left_behind(copied) == set() and copied.random_state == 0
    assert ((found >= 0) & (found <= 1)).all() and (auc > 0.5).all()
    assert np.isfinite(scores).all()
    assert search.best_estimator_.predict(X).shape == (60, 2)
    assert len(search.classes_) == 2


def test_a_table_seen_in_meta_training_is_warned_of_once(make_model, untrained):
    from autometa.knowledge import Initialisation
    from autometa.tasks import fingerprint

    seen = {"name": "shop", "fingerprint": fingerprint(X, LABELS[:, 1]).to_dict()}
    knowledge = Initialisation(
        untrained.params, untrained.learner_name, untrained.learner_config, {"tasks": [seen]}
    )

    with pytest.warns(KnownTaskWarning, match="'shop'") as said:
        make_model(knowledge=knowledge).fit(X, LABELS)
    assert len(said) == 1
    with pytest.raises(KnownTaskError, match="'shop'"):
        make_model(knowledge=knowledge, on_known_task="raise").fit(X, LABELS)
    make_model(knowledge=knowledge, on_known_task="ignore").fit(X, LABELS)


def test_columns_are_warned_of_once(make_model):
    frame = pd.DataFrame(X, columns=list("abc")).assign(key=[f"k{i}" for i in range(60)])
    frame["key"] = frame["key"].astype(object)

    with pytest.warns(DroppedColumnsWarning) as said:
        model = make_model().fit(frame, LABELS)
    assert len(said) == 1
    with pytest.warns(UserWarning, match="does not have valid feature names") as said:
        model.predict_proba(frame.to_numpy())
    assert len(said) == 1


def test_stored_studies_are_resumed_target_by_target(make_model, tmp_path):
    stored = {"storage": f"sqlite:///{tmp_path}/study.db", "study_name": "shop"}
    options = {"n_trials": 1, "families": ["linear"], **stored}
    make_model(**options).fit(X, MIXED)

    resumed = make_model(**options).fit(X, MIXED)

    assert [one.n_trials_ for one in resumed.estimators_] == [2, 2]
    names = optuna.get_all_study_names(stored["storage"])
    assert sorted(names) == ["shop/size", "shop/sold"]


def test_after_ctrl_c_the_targets_to_come_have_the_weights_as_proposed(make_model):
    y = np.column_stack([LABELS, LABELS[:, 0]])

    def interrupt_the_second(study, trial):
        if study.study_name == "shop/1":
            raise KeyboardInterrupt

    options = {"families": ["linear"], "study_name": "shop", "callbacks": [interrupt_the_second]}
    with pytest.warns(UserWarning, match="Interrupted") as said:
        model = make_model(n_trials=3, **options).fit(X, y)

    assert [one.n_trials_ for one in model.estimators_] == [3, 1, 0]
    assert str(said[-1].message) == "Interrupted; targets [2] have the weights as proposed."
    assert model.predict(X).shape == (60, 3)


@pytest.mark.parametrize("n_before", [0, 1])
def test_ctrl_c_before_the_search_of_a_target_keeps_those_before(make_model, monkeypatch, n_before):
    calls, fit = [], TableEncoder.fit

    def interrupt(*args, **options):
        calls.append(1)
        if len(calls) == n_before + 1:
            raise KeyboardInterrupt
        return fit(*args, **options)

    monkeypatch.setattr(TableEncoder, "fit", interrupt)
    model = make_model(n_trials=1, families=["linear"])
    y = np.column_stack([LABELS, LABELS[:, 0]])

    if n_before == 0:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        return
    with pytest.warns(UserWarning, match=r"Interrupted; targets \[1, 2\] have the weights as pr"):
        model.fit(X, y)
    assert [one.n_trials_ for one in model.estimators_] == [1, 0, 0]


def test_ctrl_c_in_the_refit_of_one_target_ends_the_others_too(make_model, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(AutoMetaClassifier, "_keep", interrupt)

    with pytest.warns(UserWarning, match="Interrupted"):
        model = make_model(n_trials=1, families=["adapted_network"]).fit(X, LABELS)

    assert [one.n_trials_ for one in model.estimators_] == [1, 0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones((60, 2, 2)), r"got shape \(60, 2, 2\). For several targets, give a 2d array"),
        (np.ones((60, 2, 2)).tolist(), "lists in lists of lists"),
        (np.empty((60, 0)), r"y has no column \(shape \(60, 0\)\)"),
        (LABELS[:-1], "Target 0: There are fewer labels than rows"),
        (MIXED.assign(sold=1), r"Target 'sold': The target has one class only \(1\)"),
        (MIXED.assign(size=None), "Target 'size': Input y contains NaN: 60 of 60"),
        (NUMBERS, "Target 0: Unknown label type: continuous"),
        (np.tile(MIXED[["sold"]], 2) * 1j, "Complex data not supported"),
        (pd.DataFrame(LABELS, columns=["a", "a"]), "Duplicate column names: 'a'"),
    ],
)
def test_targets_that_cannot_be_used_are_refused_by_name(make_model, y, message):
    model = make_model()

    with pytest.raises(AutoMetaError, match=message):
        model.fit(X, y)

    assert left_behind(model) == set()


def test_sparse_labels_are_refused(make_model):
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(AutoMetaError, match=r"Pass y.toarray\(\)"):
        make_model().fit(X, sparse.csr_matrix(LABELS))


def test_a_text_among_numbers_is_refused_by_the_regressor(make_model):
    with pytest.raises(AutoMetaError, match="Target 'size': A regression target must be numeric"):
        make_model(AutoMetaRegressor).fit(X, MIXED)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ([None], "class_weight is a list of 1, y has 2 targets"),
        ({1: 2.0}, "Target 'size': class_weight names classes .1., which y does not hold"),
        ([{1: 2.0}, "even"], "Target 'size': class_weight must be None, 'balanced' or a dict"),
    ],
)
def test_class_weights_that_do_not_fit_are_refused_before_any_fit(
    make_model, class_weight, message, monkeypatch
):
    monkeypatch.setattr("autometa.families.propose_model", lambda *args, **options: 1 / 0)
    model = make_model(class_weight=class_weight)

    with pytest.raises(AutoMetaError, match=message):
        model.fit(X, MIXED)

    assert left_behind(model) == set()


def test_a_failure_in_one_target_leaves_nothing_behind(make_model):
    splits = [(np.arange(30), np.arange(30, 60))]

    def fail_in_the_second(study, trial):
        if study.study_name == "shop/size":
            raise InvalidInputError("no such luck")

    options = {"families": ["linear"], "study_name": "shop", "callbacks": [fail_in_the_second]}
    model = make_model(n_trials=1, cv=splits, **options)

    with pytest.raises(InvalidInputError, match="Target 'size': no such luck"):
        model.fit(X, MIXED)

    assert left_behind(model) == set()


def test_a_table_beyond_the_memory_limit_is_refused_at_once(make_model):
    model = make_model(memory_limit=1e-6)

    with pytest.raises(MemoryError, match="memory_limit=1e-06"):
        model.fit(X, LABELS)

    assert left_behind(model) == set()


def test_no_clock_is_read_without_a_limit(make_model, monkeypatch):
    expected = outputs(make_model(n_trials=1).fit(X, LABELS))
    hours = iter(np.arange(0.0, 1e9, 3600.0))
    monkeypatch.setattr("time.monotonic", lambda: next(hours))

    np.testing.assert_array_equal(outputs(make_model(n_trials=1).fit(X, LABELS)), expected)


def test_a_fit_of_several_targets_is_silent(make_model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_model(n_trials=1).fit(X, MIXED).leaderboard_  # noqa: B018


@pytest.mark.parametrize("routes", [False, True])
def test_scikit_learns_estimators_of_many_columns_still_work(make_model, routes):
    options = {"sample_weight": np.ones(60)} if routes else {}

    numbers = MultiOutputRegressor(make_model(AutoMetaRegressor)).fit(X, NUMBERS, **options)
    labels = MultiOutputClassifier(make_model()).fit(X, LABELS, **options)

    assert numbers.predict(X).shape == labels.predict(X).shape == (60, 2)
