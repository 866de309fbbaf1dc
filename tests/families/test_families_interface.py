"""What all families promise, run on each."""

import importlib
import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import log_loss, r2_score

from autometa.collecting import design_configs
from autometa.exceptions import ColumnMismatchError, InvalidInputError, MissingExtraError
from autometa.families import (
    FAMILIES,
    default_config,
    find_family,
    library_defaults,
    read_config,
    suggest_config,
)

PACKAGES = {"lightgbm": "lightgbm", "xgboost": "xgboost", "catboost": "catboost"}
MODELS = [name for name in FAMILIES if name != "adapted_network"]
KINDS = pytest.mark.parametrize("is_regression", [False, True], ids=["classes", "numbers"])
#: So that every family takes no time here.
SMALL = {"catboost": {"iterations": 40, "learning_rate": 0.3}}


@pytest.fixture(params=MODELS)
def family(request):
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return request.param


def make(family, config=None, *, is_regression, **options):
    config = {**SMALL.get(family, {}), **(config or {})}
    return FAMILIES[family].make(config, is_regression=is_regression, **options)


def predict(model, X):
    return model.predict(X) if is_regressor(model) else model.predict_proba(X)


@KINDS
def test_any_table_is_learned_from(family, make_table, is_regression):
    X, y = make_table(n_rows=360, n_classes=None if is_regression else 3)
    train, test = slice(0, 300), slice(300, None)

    model = make(family, is_regression=is_regression).fit(X[train], y[train])

    found = predict(model, X[test])
    assert found.dtype == np.float64 and np.isfinite(found).all()
    if is_regression:
        assert is_regressor(model) and r2_score(y[test], found) > 0.05
    else:
        assert is_classifier(model) and model.classes_.tolist() == ["high", "low", "middle"]
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert set(model.predict(X[test])) <= set(y)
        assert (model.predict(X[test]) == y[test]).mean() > 0.4
        if family != "knn":  # shares of five neighbours may be 0
            assert log_loss(y[test], found, labels=model.classes_) < np.log(3)


@KINDS
def test_a_row_of_weight_zero_is_as_none(family, make_table, is_regression):
    X, y = make_table(n_classes=None if is_regression else 3)
    weight = np.random.default_rng(0).choice([0.0, 1.0, 2.0], len(y))
    kept = weight > 0

    by_weight = make(family, is_regression=is_regression).fit(X, y, weight)
    by_rows = make(family, is_regression=is_regression).fit(X[kept], y[kept], weight[kept])

    np.testing.assert_allclose(predict(by_weight, X), predict(by_rows, X), rtol=1e-6)


@KINDS
def test_weights_change_what_is_learned(family, make_table, is_regression):
    X, y = make_table(n_classes=None if is_regression else 3)
    weight = np.where(X["sold"], 5.0, 0.2)

    plain, weighted = (
        predict(make(family, is_regression=is_regression).fit(X, y, w), make_table(seed=1)[0])
        for w in (None, weight)
    )

    assert np.abs(plain - weighted).max() > 1e-6 * np.abs(plain).max()


@KINDS
def test_the_same_seed_gives_the_same_numbers(family, make_table, is_regression):
    X, y = make_table(n_classes=None if is_regression else 3)

    first, second = (
        predict(make(family, is_regression=is_regression, seed=3).fit(X, y), X) for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


@KINDS
def test_the_default_configuration_lies_within_the_space(family, is_regression):
    space = find_family(family).space(is_regression=is_regression)

    default = default_config(family, is_regression=is_regression)

    conditions = find_family(family).CONDITIONS
    assert set(space) - set(default) <= set(conditions)
    for name, value in default.items():
        assert space[name]._contains(space[name].to_internal_repr(value)), name
    assert read_config(family, {}, is_regression=is_regression) == {
        name: value
        for name, value in default.items()
        if name not in conditions or default[conditions[name][0]] in conditions[name][1]
    }


@KINDS
def test_the_library_has_a_default_for_every_hyperparameter(family, is_regression):
    space = find_family(family).space(is_regression=is_regression)

    defaults = library_defaults(family, is_regression=is_regression)

    assert list(defaults) == list(space)
    for name, value in defaults.items():
        assert space[name]._contains(space[name].to_internal_repr(value)), name


@KINDS
def test_configurations_all_over_the_space_are_fitted(family, make_table, is_regression):
    X, y = make_table(n_rows=60, n_classes=None if is_regression else 3)
    steps_name = find_family(family).STEPS_NAME
    few = {steps_name: 20} if steps_name else {}

    for config in design_configs(family, 9, is_regression=is_regression)[1:]:
        model = make(family, {**config, **few}, is_regression=is_regression).fit(X, y)

        assert np.isfinite(predict(model, X)).all(), config


@KINDS
@pytest.mark.parametrize("name", FAMILIES)
def test_a_trial_is_asked_for_what_plays_a_part_and_for_nothing_else(name, is_regression):
    study, asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), set()
    space = find_family(name).space(is_regression=is_regression)

    for _ in range(60):
        trial = study.ask()
        config = suggest_config(trial, name, is_regression=is_regression)
        assert trial.params == config
        assert config == read_config(name, config, is_regression=is_regression)
        assert trial.distributions.items() <= space.items()
        asked |= set(config)

    assert asked == set(space)


@KINDS
def test_every_hyperparameter_changes_the_result(family, make_table, is_regression):
    X, y = make_table(n_classes=None if is_regression else 3)
    found = find_family(family)
    # a configuration in which all parameters play a part
    every = {"svm": {"kernel": "poly", "degree": 3, "coef0": 0.5, "C": 3.0, "gamma": 2.0}}
    every |= {"random_forest": {"max_samples": 0.7}}
    every |= {"extra_trees": {"bootstrap": True, "max_samples": 0.7}}
    base = {**SMALL.get(family, {}), **every.get(family, {})}
    base = read_config(family, base, is_regression=is_regression)
    steps = {found.STEPS_NAME: 20} if found.STEPS_NAME else {}
    expected = predict(make(family, {**base, **steps}, is_regression=is_regression).fit(X, y), X)

    for name, distribution in found.space(is_regression=is_regression).items():
        ends = getattr(distribution, "choices", None) or (distribution.low, distribution.high)
        if name == found.STEPS_NAME:
            ends = (10, 30)
        results = [
            predict(
                make(family, {**base, **steps, name: end}, is_regression=is_regression).fit(X, y),
                X,
            )
            for end in ends
        ]
        assert any(np.abs(r - expected).max() > 1e-9 * np.abs(expected).max() for r in results), (
            name
        )


@KINDS
def test_stages_are_what_fewer_steps_would_have_given(family, make_table, is_regression):
    found = find_family(family)
    if found.STEPS_NAME is None:
        pytest.skip("takes no steps")
    X, y = make_table(n_classes=None if is_regression else 3)
    config = {found.STEPS_NAME: 30}
    model = make(family, config, is_regression=is_regression).fit(X, y)

    stages = list(model.stage_prepared(model.preparation_.transform(X), [5, 12, 30]))

    np.testing.assert_allclose(stages[-1], predict(model, X), rtol=1e-6)
    for n_steps, stage in zip([5, 12], stages, strict=False):
        fewer = make(family, {found.STEPS_NAME: n_steps}, is_regression=is_regression).fit(X, y)
        np.testing.assert_allclose(stage, predict(fewer, X), rtol=1e-5, atol=1e-7)


def test_one_class_is_predicted_with_certainty(family, make_table):
    X, _ = make_table(n_rows=20)

    model = make(family, is_regression=False).fit(X, ["only"] * 20)

    assert model.predict_proba(X).tolist() == [[1.0]] * 20
    assert set(model.predict(X)) == {"only"}


@KINDS
def test_tables_without_information_and_with_few_rows_are_fitted(family, is_regression):
    X = pd.DataFrame({"same": [1.0] * 6, "none": [None] * 6})
    y = np.array([1.0, 2, 3, 1, 2, 3]) if is_regression else list("ababab")

    found = predict(make(family, is_regression=is_regression).fit(X, y), X)

    assert np.isfinite(found).all()


def test_levels_and_gaps_that_were_not_seen_are_predicted(family, make_table):
    X, y = make_table()
    model = make(family, is_regression=False).fit(X, y)
    other = X.head(5).copy()
    other["colour"], other["sold"] = "violet", pd.array([None] * 5, dtype="boolean")

    assert np.isfinite(model.predict_proba(other)).all()
    with pytest.raises(ColumnMismatchError):
        model.predict(other.drop(columns="size"))


def test_an_unfitted_copy_is_made_by_clone(family, make_table):
    X, y = make_table(n_rows=40)
    model = make(family, is_regression=False).fit(X, y)

    copied = clone(model)

    assert not hasattr(copied, "model_")
    np.testing.assert_array_equal(copied.fit(X, y).predict_proba(X), model.predict_proba(X))


@KINDS
def test_an_unknown_hyperparameter_is_refused(family, is_regression):
    with pytest.raises(InvalidInputError, match=f"{family} has no hyperparameter 'depht'. It has"):
        make(family, {"depht": 3}, is_regression=is_regression)


@pytest.mark.parametrize("family", PACKAGES)
def test_what_is_not_installed_says_which_extra_installs_it(family, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[family], None)

    with pytest.raises(MissingExtraError, match=rf"pip install 'autometa\[{family}\]'"):
        FAMILIES[family].make({}, is_regression=False)


def test_families_are_found_by_name():
    assert [FAMILIES[name].NAME for name in FAMILIES] == list(FAMILIES)
    assert "svm" in FAMILIES and "forest" not in FAMILIES and len(FAMILIES) == 10
    with pytest.raises(KeyError):
        FAMILIES["forest"]
    with pytest.raises(InvalidInputError, match="family must be one of .*, got 'forest'"):
        find_family("forest")


def test_families_but_the_network_need_no_torch():
    code = (
        "import sys\nfrom autometa.families import FAMILIES\nbefore = 'lightgbm' in sys.modules\n"
        "FAMILIES['svm'].make({}, is_regression=False)\nprint(before, 'torch' in sys.modules)"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert shown.stdout.strip() == "False False", shown.stderr


def test_the_network_is_a_family_too():
    network = importlib.import_module("autometa.families.adapted_network")

    assert FAMILIES["adapted_network"] is network
    assert "label_smoothing" not in default_config("adapted_network", is_regression=True)
    assert read_config("adapted_network", {"n_steps": 7.0}, is_regression=False)["n_steps"] == 7


@KINDS
def test_a_column_may_have_no_value_in_a_fold(family, is_regression):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"seen": rng.normal(size=120), "lost": np.nan})
    X.loc[100:, "lost"] = rng.normal(size=20)
    X["sort"] = pd.Categorical(np.where(X["lost"].isna(), None, rng.choice(list("uvw"), 120)))
    y = X["seen"].to_numpy() if is_regression else (X["seen"] > 0).to_numpy().astype(int)
    model = make(family, is_regression=is_regression)
    Z = model.preparation.fit_transform(X)

    model.fit_prepared(Z, y, (np.arange(120) < 100).astype(float))

    assert np.isfinite(model.predict_prepared(Z)).all()
