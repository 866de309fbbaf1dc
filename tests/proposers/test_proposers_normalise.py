import numpy as np
import pytest

from autometa.proposers._normalise import task_scale, to_regret


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e-3, 1e3, 1e12])
@pytest.mark.parametrize(
    "scores", [[-1.0, -1.1, -1.5, -2.0], [0.9, 0.8, 0.7, -1e10, -1e12], [0.5, 0.5 + 1e-13]], ids=str
)
def test_the_unit_of_scores_does_not_matter(unit, scores):
    scores = np.array(scores)

    regrets = [to_regret(factor * scores, *task_scale(factor * scores)) for factor in (1.0, unit)]

    np.testing.assert_allclose(*regrets, atol=1e-9)


def test_crashes_are_no_measure_and_noise_of_rounding_is_no_difference():
    assert task_scale(np.array([0.9, 0.8, 0.7, -1e10, -1e12]))[1] == pytest.approx(2.0)
    assert np.isnan(task_scale(np.array([0.3, 0.1 + 0.2]))[1])
    assert np.isnan(task_scale(np.array([0.3, np.nan]))[1])
