import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from autometa.families.knn import NeighboursClassifier, NeighboursRegressor


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    X[40:45] = X[:5]  # distances of 0
    return X, rng.integers(0, 3, 80), rng.normal(size=80)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("p", [1, 2])
def test_they_are_those_of_scikit_learn(rows, weights, p):
    X, labels, numbers = rows
    options = {"n_neighbors": 6, "weights": weights, "p": p}

    classes = NeighboursClassifier(**options).fit(X, labels)
    mean = NeighboursRegressor(**options).fit(X, numbers)

    expected = KNeighborsClassifier(**options).fit(X, labels)
    np.testing.assert_allclose(classes.predict_proba(X), expected.predict_proba(X), atol=1e-12)
    expected = KNeighborsRegressor(**options).fit(X, numbers)
    np.testing.assert_allclose(mean.predict(X), expected.predict(X), atol=1e-12)


def test_votes_are_weighted():
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])

    model = NeighboursClassifier(n_neighbors=3).fit(X, y, [2.0, 1.0, 1.0])

    assert model.predict_proba([[0.0]]).tolist() == [[0.5, 0.5]]


def test_more_neighbours_than_rows_are_all_rows():
    model = NeighboursRegressor(n_neighbors=50).fit(np.arange(3.0)[:, None], [1.0, 2.0, 6.0])

    assert model.predict([[0.0]]).tolist() == [3.0]
