"""scikit-learn's own checks, none expected to fail, and its tools around the estimators."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from autometa import AutoMetaClassifier, AutoMetaRegressor


@pytest.mark.parametrize(
    ("make_model", "n_checks"), [(AutoMetaClassifier, 60), (AutoMetaRegressor, 55)]
)
def test_scikit_learns_checks_pass(make_model, n_checks, untrained):
    model = make_model(n_trials=1, time_limit=None, random_state=0, knowledge=untrained)

    results = check_estimator(model, on_fail=None, on_skip=None)

    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert failed == {}
    assert sum(r["status"] == "passed" for r in results) >= n_checks
    assert all(r["status"] in ("passed", "skipped") for r in results)
