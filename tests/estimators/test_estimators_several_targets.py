"""Several targets, or several labels a row, by scikit-learn's estimators of many columns."""

import numpy as np
import pytest
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

from autometa import AutoMetaClassifier, AutoMetaRegressor
from autometa.exceptions import InvalidTableError

X = np.random.default_rng(0).normal(size=(60, 3))
NUMBERS = np.column_stack([X[:, 0], -X[:, 1]])


@pytest.mark.parametrize("routes", [False, True])
def test_every_column_of_numbers_has_a_model(untrained, routes):
    options = {"sample_weight": np.ones(60)} if routes else {}

    model = MultiOutputRegressor(AutoMetaRegressor(n_trials=0, knowledge=untrained))

    found = model.fit(X, NUMBERS, **options).predict(X)
    assert found.shape == (60, 2)
    assert [round(np.corrcoef(a, b)[0, 1]) for a, b in zip(found.T, NUMBERS.T, strict=True)] == [
        1,
        1,
    ]


def test_rows_may_have_several_labels(untrained):
    labels = (NUMBERS > 0).astype(int)

    model = MultiOutputClassifier(AutoMetaClassifier(n_trials=0, knowledge=untrained))

    model.fit(X, labels)
    assert (model.predict(X) == labels).mean() > 0.8
    assert [p.shape for p in model.predict_proba(X)] == [(60, 2), (60, 2)]


@pytest.mark.parametrize("make", [AutoMetaClassifier, AutoMetaRegressor])
def test_several_columns_at_once_are_refused_with_the_way_out(make):
    with pytest.raises(InvalidTableError, match="sklearn.multioutput.MultiOutputRegressor"):
        make().fit(X, NUMBERS)
