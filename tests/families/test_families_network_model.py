import json
import pickle

import numpy as np
import pytest

from autometa.families import NetworkModel, adapt_model
from autometa.families import _network_model as module


@pytest.fixture(params=[3, None], ids=["classes", "numbers"])
def task(request, make_encoded_task):
    return make_encoded_task(n_rows=80, n_classes=request.param)


@pytest.fixture
def model(task, tiny_initialisation):
    config = {"step_size": 3.0}
    return adapt_model(task, tiny_initialisation, config, n_steps=3, n_bags=2, seed=0, device="cpu")


def test_a_row_alone_and_in_a_batch_agree(model, task):
    batch = model.predict(task.X)

    alone = np.concatenate([model.predict(task.X[i : i + 1]) for i in range(len(task.X))])

    assert batch.dtype == np.float64
    np.testing.assert_allclose(alone, batch, rtol=0, atol=1e-9 * np.abs(batch).max())


def test_blocks_change_nothing(model, task, monkeypatch):
    expected = model.predict(task.X)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 20)

    np.testing.assert_allclose(model.predict(task.X), expected, rtol=1e-9)


def test_outputs_are_probabilities_or_numbers_of_the_targets_size(model, task):
    found = model.predict(task.X)

    if task.is_regression:
        assert found.shape == (80,)
        assert np.corrcoef(found, task.y)[0, 1] > 0.3
        assert found.mean() == pytest.approx(task.y.mean(), abs=task.y.std())
    else:
        assert found.shape == (80, 3)
        np.testing.assert_allclose(found.sum(1), 1)
        assert (found > 0).all()


def test_the_state_is_json_and_arrays_and_restores_the_model(model, task):
    described, arrays = model.to_state()

    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    restored = NetworkModel.from_state(json.loads(json.dumps(described)), arrays)

    np.testing.assert_array_equal(restored.predict(task.X), model.predict(task.X))


def test_a_model_survives_pickling(model, task):
    restored = pickle.loads(pickle.dumps(model))

    np.testing.assert_array_equal(restored.predict(task.X), model.predict(task.X))


def test_predicting_changes_no_array(model, task):
    before = {name: array.copy() for name, array in model.weights.items()}
    X = task.X.copy()

    model.predict(X)

    np.testing.assert_array_equal(X, task.X)
    for name, array in model.weights.items():
        np.testing.assert_array_equal(array, before[name])
