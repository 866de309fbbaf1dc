"""The temperature of what predicts, chosen on rows held out."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from autometa import AutoMetaClassifier, load
from autometa._calibration import SPREAD, choose_temperature, temper
from autometa.estimators._decisions import decide
from autometa.estimators._saved import _checksum

TIMID = {"n_trials": 2, "time_limit": None, "families": ["random_forest"], "random_state": 0}


@pytest.fixture(scope="module")
def rule():
    """Rows that a forest orders well and is not certain of; the first 400 to learn from."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 6))
    return X, (X[:, 0] + X[:, 1] + X[:, 2] > 0).astype(int)


def draw(temperature, n_rows, seed=0):
    """Probabilities that are right once they are tempered by ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n_rows, 3))
    right = softmax(logits, axis=1)
    y = np.array([rng.choice(3, p=row) for row in right])
    return softmax(temperature * logits, axis=1), y


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_of_many_rows_the_temperature_is_found(temperature):
    probabilities, y = draw(temperature, 4000)

    found = choose_temperature(probabilities, y, np.ones(4000))

    assert found == pytest.approx(temperature, rel=0.1)


def test_of_few_rows_it_stays_near_one():
    probabilities, y = draw(0.5, 5)

    found = choose_temperature(probabilities, y, np.ones(5))

    assert abs(np.log(found)) < SPREAD


def test_weights_are_numbers_of_rows():
    probabilities, y = draw(0.7, 60)
    weight = np.random.default_rng(1).integers(0, 4, 60)

    by_weight = choose_temperature(probabilities, y, weight)

    by_rows = choose_temperature(
        probabilities.repeat(weight, 0), y.repeat(weight), np.ones(weight.sum())
    )
    assert by_weight == pytest.approx(by_rows)


def test_the_most_probable_class_stays_and_certainty_is_no_trouble():
    probabilities = np.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]])

    found = temper(probabilities, 0.3)

    assert np.isfinite(found).all() and found.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_what_predicts_is_calibrated(rule, knowledge, tmp_path):
    X, y = rule

    model = AutoMetaClassifier(knowledge=knowledge, **TIMID).fit(X[:400], y[:400])

    assert model.temperature_ < 0.95
    plain = model._predict_outputs(X[400:])
    probabilities = model.predict_proba(X[400:])
    assert log_loss(y[400:], probabilities) < log_loss(y[400:], plain)
    np.testing.assert_allclose(probabilities, temper(plain, model.temperature_))
    model.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path).predict_proba(X), model.predict_proba(X))


def test_without_a_trial_there_is_no_temperature(rule, knowledge):
    X, y = rule

    model = AutoMetaClassifier(n_trials=0, knowledge=knowledge).fit(X[:50], y[:50])

    assert model.temperature_ == 1.0


def test_a_folder_from_before_temperatures_is_read(rule, knowledge, tmp_path):
    X, y = rule
    model = AutoMetaClassifier(n_trials=0, knowledge=knowledge).fit(X[:50], y[:50])
    model.save(tmp_path)
    described = json.loads((tmp_path / "estimator.json").read_text())
    del described["temperature"]
    described["format_version"] = 3
    described["sha256"] = _checksum(described, (tmp_path / "estimator.safetensors").read_bytes())
    (tmp_path / "estimator.json").write_text(json.dumps(described))

    again = load(tmp_path)

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_beside_a_network_that_was_not_tried_members_are_not_made_less_certain(temperature):
    probabilities, y = draw(temperature, 4000)
    scorer = SimpleNamespace(held_out=lambda mean: (mean, y, np.ones(4000)))
    found = SimpleNamespace(
        scorer=scorer, score_of=lambda members: 0.0, mean_of=lambda members: probabilities
    )
    task, metric = SimpleNamespace(is_regression=False), SimpleNamespace(is_of_labels=False)

    alone, beside = (decide(found, [], task, metric, is_all=one).temperature for one in (1, 0))

    assert alone == pytest.approx(temperature, rel=0.1)
    assert beside == min(1.0, alone)
