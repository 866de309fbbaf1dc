import numpy as np
import pytest
from sklearn.base import is_regressor
from threadpoolctl import threadpool_limits

from autometa.families import (
    BOOSTING,
    EXTRAS,
    FAMILIES,
    GROWING,
    _growth,
    _table_model,
    find_family,
)

FAMILY = pytest.mark.parametrize("family", sorted(GROWING))


def make(family, *, is_regression, n_steps=60):
    if family in EXTRAS:
        pytest.importorskip(family)
    found = find_family(family)
    config = {found.STEPS_NAME: n_steps}
    return found.make(config, is_regression=is_regression)


def fit(model, X, y, should_stop=None):
    model.preparation_ = model.preparation.fit(X)
    return model.fit_prepared(model.preparation_.transform(X), y, should_stop=should_stop)


def predict(model, X):
    return model.predict(X) if is_regressor(model) else model.predict_proba(X)


@FAMILY
@pytest.mark.parametrize("is_regression", [False, True])
def test_what_grew_to_its_end_is_what_was_fitted_at_once(family, make_table, is_regression):
    X, y = make_table(n_classes=None if is_regression else 3)
    whole = fit(make(family, is_regression=is_regression), X, y)

    grown = fit(make(family, is_regression=is_regression), X, y, should_stop=lambda: False)

    assert grown.n_steps_ == whole.n_steps_ == 60
    np.testing.assert_allclose(predict(grown, X), predict(whole, X), rtol=1e-6)


@FAMILY
def test_growth_ends_where_it_is_told_to(family, make_table):
    X, y = make_table()
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) >= 2

    stopped = fit(make(family, is_regression=False), X, y, should_stop)

    assert 1 <= stopped.n_steps_ < 60
    few = fit(make(family, is_regression=False, n_steps=stopped.n_steps_), X, y)
    if family != "catboost":  # its default step size depends on the number of steps
        np.testing.assert_allclose(predict(stopped, X), predict(few, X), rtol=1e-6)


def test_what_does_not_grow_is_fitted_whole(make_table):
    X, y = make_table()
    model = find_family("linear").make({}, is_regression=False)

    assert np.isfinite(predict(fit(model, X, y, should_stop=lambda: True), X)).all()


@pytest.mark.parametrize("family", ["random_forest", "extra_trees"])
def test_trees_of_a_forest_are_asked_about_ten_by_ten(family, make_table):
    X, y = make_table()
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) == 5

    model = fit(make(family, is_regression=False), X, y, should_stop=should_stop)

    assert model.n_steps_ == 50


@pytest.mark.parametrize("family", ["random_forest", "extra_trees"])
def test_the_larger_the_table_the_fewer_trees_between_two_questions(
    family, make_table, monkeypatch
):
    X, y = make_table()
    n_cells = make(family, is_regression=False).preparation.fit_transform(X).size
    monkeypatch.setattr(_growth, "CELLS_AT_ONCE", 2 * n_cells)

    stopped = fit(make(family, is_regression=False), X, y, should_stop=lambda: True)

    assert stopped.n_steps_ == 2


@pytest.mark.parametrize("family", sorted(BOOSTING - {"catboost"}))
@pytest.mark.parametrize("n_classes", [None, 2, 3])
def test_boosting_shows_what_it_predicts_so_far(family, make_table, n_classes):
    X, y = make_table(n_classes=n_classes)
    model, seen = make(family, is_regression=n_classes is None), {}
    model.preparation_ = model.preparation.fit(X)
    Z = model.preparation_.transform(X)

    def is_stale(n_steps, predict):
        seen[n_steps] = predict(Z)
        return n_steps >= 20

    model.fit_prepared(Z, y, is_stale=is_stale)

    assert model.n_steps_ == max(seen) == 20
    few = min(seen)
    [staged] = model.stage_prepared(Z, [few])
    np.testing.assert_allclose(seen[few], staged, rtol=1e-4, atol=1e-6)


def test_numbers_that_are_all_alike_are_fitted(make_table):
    X, _ = make_table()
    for family in sorted(set(FAMILIES) - {"adapted_network"} - set(EXTRAS)):
        model = find_family(family).make({}, is_regression=True).fit(X, np.full(len(X), 7.0))

        if model.n_steps_ is not None:
            model.cut(2)

        np.testing.assert_allclose(predict(model, X), 7.0)


def test_a_machine_of_fewer_processors_predicts_with_fewer_threads(make_table, monkeypatch):
    pytest.importorskip("lightgbm")
    X, y = make_table()
    model = find_family("lightgbm").make({}, is_regression=False, n_threads=2).fit(X, y)
    before, seen = predict(model, X), []
    monkeypatch.setattr(_table_model, "cpu_count", lambda: 1)
    monkeypatch.setattr(
        _table_model, "threadpool_limits", lambda n: [seen.append(n), threadpool_limits(n)][1]
    )

    np.testing.assert_array_equal(predict(model, X), before)

    assert seen == [1] and model.model_.n_jobs == 1
