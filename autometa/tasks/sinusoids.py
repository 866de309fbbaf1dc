"""Sinusoids: the regression tasks of MAML's paper."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from autometa.tasks._task import Task

#: Ranges of amplitude, phase and input, from which each is drawn evenly.
AMPLITUDE, PHASE, INPUT = (0.1, 5.0), (0.0, np.pi), (-5.0, 5.0)


@dataclass(frozen=True)
class Sinusoids:
    """Functions ``amplitude * sin(x - phase)``, one for each entry.

    Attributes
    ----------
    amplitude, phase : ndarray of shape (n_functions,)

    References
    ----------
    Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks",
    2017, section 5.1, and its published code.

    Examples
    --------
    >>> functions = Sinusoids(np.array([2.0]), np.array([0.0]))
    >>> functions(np.array([[0.0, np.pi / 2]])).tolist()
    [[0.0, 2.0]]
    """

    amplitude: np.ndarray
    phase: np.ndarray

    @classmethod
    def sample(cls, rng, n_functions):
        """Draw functions."""
        return cls(rng.uniform(*AMPLITUDE, n_functions), rng.uniform(*PHASE, n_functions))

    def sample_inputs(self, rng, n_rows):
        """Draw inputs; (n_functions, n_rows)."""
        return rng.uniform(*INPUT, (len(self.amplitude), n_rows))

    def __call__(self, x):
        """Evaluate every function at its row of inputs (n_functions, n_rows)."""
        return self.amplitude[:, None] * np.sin(x - self.phase[:, None])


def sample_sinusoid_task(rng, n_rows=100):
    """Draw one sinusoid as a task: a table of one column and its values.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_rows : int

    Returns
    -------
    Task

    Examples
    --------
    >>> sample_sinusoid_task(np.random.default_rng(0), n_rows=10)
    <Task 'sinusoid': 10 x 1, regression>
    """
    functions = Sinusoids.sample(rng, 1)
    x = functions.sample_inputs(rng, n_rows)
    provenance = {
        "source": "sinusoid",
        "amplitude": float(functions.amplitude[0]),
        "phase": float(functions.phase[0]),
    }
    X, y = pd.DataFrame({"x": x[0]}), pd.Series(functions(x)[0])
    return Task("sinusoid", X, y, "regression", provenance=provenance)
