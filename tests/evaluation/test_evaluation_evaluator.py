import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error

from autometa.evaluation import TableEvaluator, TableFolds
from autometa.families import EXTRAS, FAMILIES, Folds, TablePreparation
from autometa.tasks import task_from_arrays


@pytest.fixture
def make_table():
    """Draw a task and deal it into folds."""

    def make(n_classes=2, n_rows=60, **options):
        rng = np.random.default_rng(0)
        X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=["a", "b", "c"])
        X.loc[::5, "c"] = np.nan
        signal = X["a"] - X["b"]
        kind = "regression" if n_classes is None else "classification"
        y = 40 * signal if n_classes is None else pd.qcut(signal, n_classes, labels=False)
        return TableFolds.from_task(task_from_arrays(X, y, kind, name="drawn"), **options)

    return make


def folds_of(table):
    for train, valid in zip(table.folds.train_weight, table.folds.valid_weight, strict=True):
        yield train > 0, valid > 0


def test_points_are_means_of_metrics_over_the_folds(make_table):
    table = make_table(n_classes=3)

    [[point]] = TableEvaluator(table).evaluate("svm", [{"C": 2.0}])

    model = FAMILIES["svm"].make({"C": 2.0}, is_regression=False)
    Z = TablePreparation("standardised", unit_variance=True).fit_transform(table.X)
    losses, accuracies = [], []
    for train, valid in folds_of(table):
        found = model.fit_prepared(Z[train], table.y[train]).predict_prepared(Z[valid])
        losses.append(log_loss(table.y[valid], found))
        accuracies.append(accuracy_score(table.y[valid], found.argmax(axis=1)))
    assert point["score"] == pytest.approx(-np.mean(losses))
    assert point["accuracy"] == pytest.approx(np.mean(accuracies))
    assert point["step"] is None and point["cost_s"] > 0


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "adapted_network"])
def test_all_configurations_of_a_table_are_fitted_on_what_the_first_has_prepared(
    make_table, family
):
    if family in EXTRAS:
        pytest.importorskip(family)
    evaluator = TableEvaluator(make_table())

    curves = [curve for config in ({}, {}) for curve in evaluator.evaluate(family, [config])]

    assert curves[0][-1]["score"] == curves[1][-1]["score"]


def test_curves_of_numbers_are_in_standard_deviations(make_table):
    table = make_table(n_classes=None)

    [curve] = TableEvaluator(table).evaluate("hist_gradient_boosting", [{"max_iter": 40}])

    assert [point["step"] for point in curve] == [10, 30, 40]
    for point in curve:
        errors, shares = [], []
        for train, valid in folds_of(table):
            model = HistGradientBoostingRegressor(
                max_iter=point["step"], l2_regularization=1e-10, random_state=0
            )
            found = model.fit(table.X[train], table.y[train]).predict(table.X[valid])
            errors.append(root_mean_squared_error(table.y[valid], found))
            shares.append(r2_score(table.y[valid], found))
        assert point["score"] == pytest.approx(-np.mean(errors) / np.std(table.y))
        assert point["r2"] == pytest.approx(np.mean(shares))


def test_a_configuration_scores_the_same_alone_and_after_others(make_table):
    table, configs = make_table(), [{"C": 0.1}, {"C": 10.0}]

    together = TableEvaluator(table).evaluate("linear", configs)

    for config, curve in zip(configs, together, strict=True):
        [alone] = TableEvaluator(table).evaluate("linear", [config])
        assert alone[0]["score"] == curve[0]["score"]


def test_the_seed_reaches_the_estimators(make_table):
    table, config = make_table(), {"n_estimators": 20}

    first, again, other = (
        TableEvaluator(table, seed=seed).evaluate("random_forest", [config])[0][-1]["score"]
        for seed in (0, 0, 1)
    )

    assert first == again != other


def test_the_network_is_evaluated_on_the_same_folds(make_table, tiny_initialisation):
    evaluator = TableEvaluator(make_table(), initialisation=tiny_initialisation)
    configs = [{"n_steps": 10}, {"n_steps": 5, "optimiser": "learned_sgd"}]

    first, second = evaluator.evaluate("adapted_network", configs)

    assert [point["step"] for point in first] == [0, 2, 5, 10]
    assert [point["step"] for point in second] == [0, 2, 5]
    assert first[0]["score"] == pytest.approx(second[0]["score"], rel=1e-4)
    assert {"accuracy", "roc_auc"} <= set(first[0])


def test_a_fold_without_a_class_gives_it_no_probability(make_table):
    table = make_table(n_classes=3)
    is_valid = table.y == 2
    folds = Folds(np.where(is_valid, 0.0, 1.0)[None], np.where(is_valid, 1.0, 0.0)[None])
    table = TableFolds(table.X, table.y, 3, folds)

    [[point]] = TableEvaluator(table).evaluate("knn", [{}])

    assert point["accuracy"] == 0 and np.isfinite(point["score"])


def test_rows_are_drawn_by_the_name_of_the_task_and_the_seed(make_table):
    whole, part, other = (
        make_table(**options) for options in ({}, {"max_rows": 30}, {"max_rows": 30, "seed": 1})
    )

    assert len(whole.X) == 60 and len(part.X) == len(other.X) == 30
    assert part.X["a"].isin(whole.X["a"]).all()
    assert not part.X.equals(other.X)
    assert make_table(n_folds=4).folds.train_weight.shape == (4, 60)
    assert (make_table().folds.valid_weight.sum(axis=0) == 1).all()


def test_a_target_without_variance_is_scored():
    table = TableFolds.from_task(
        task_from_arrays(pd.DataFrame({"a": range(9)}), [2.0] * 9, "regression", name="flat")
    )

    [[point]] = TableEvaluator(table).evaluate("linear", [{}])

    assert table.unit == 1.0
    assert point["score"] == pytest.approx(0)
