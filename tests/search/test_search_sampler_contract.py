"""Optuna's own tests of samplers, once without and once with knowledge about what they tune."""

from functools import cache

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from autometa import Knowledge, MetaSampler

#: Most of these studies tune what nothing is known of, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore::autometa.exceptions.UnknownSpaceWarning")

TEN = {"x": FloatDistribution(0, 10), "y": IntDistribution(0, 10)}
AB = CategoricalDistribution(["a", "b"])
#: What the tests tune, where their parameters do not say it.
SPACES = {
    "test_conditional_sample_independent": {
        "category": CategoricalDistribution(["x", "y"]),
        "x": AB,
        "y": AB,
    },
    "test_nan_objective_value": {"x": FloatDistribution(0.1, 0.2)},
    "test_partial_fixed_sampling": {
        "x": FloatDistribution(-1, 1),
        "y": IntDistribution(-1, 1),
        "z": FloatDistribution(-1, 1),
    },
    "test_conditional_parameter_objective": {
        "x": CategoricalDistribution([True, False]),
        "y": FloatDistribution(0, 1),
        "z": FloatDistribution(0, 1),
    },
    "test_dynamic_range_objective": TEN,
    "test_sample_relative_categorical": {
        "x": CategoricalDistribution([1, 10, 100]),
        "y": CategoricalDistribution([-1, -10, -100]),
    },
    "test_trial_relative_params": {
        "x": FloatDistribution(-10, 10),
        "y": FloatDistribution(-10, 10),
    },
}
#: Optuna sets hyperparameters of one value without asking; several objectives are not for us.
NOT_ASKED = {"test_sample_single_distribution", "test_multi_objective_sample_independent"}


def space_of(node):
    """Find out what a test of Optuna's tunes."""
    name = node.originalname
    parameters = node.callspec.params if hasattr(node, "callspec") else {}
    if name in SPACES:
        return SPACES[name]
    if "choices" in parameters:
        return {"x": CategoricalDistribution(parameters["choices"])}
    space, trial = {}, optuna.create_study().ask()
    for key, value in parameters.items():
        if key.startswith("suggest_method"):
            value(trial)
        elif key.endswith("distribution"):
            space["y" if key.startswith("y") else "x"] = value
    if name == "test_sample_relative_mixed":
        space["y"] = CategoricalDistribution([-1, -10, -100])
    return space | trial.distributions or TEN


@cache
def knowledge_over(space_json):
    space = {n: optuna.distributions.json_to_distribution(d) for n, d in space_json}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    configs = pd.DataFrame([study.ask(space).params for _ in range(12)], dtype=object)
    configs = configs.drop_duplicates().add_prefix("hp_")
    if set(space) == {"x", "y", "z"} and isinstance(space["x"], CategoricalDistribution):
        configs.loc[configs["hp_x"] == True, "hp_z"] = None  # noqa: E712
        configs.loc[configs["hp_x"] == False, "hp_y"] = None  # noqa: E712
    rng = np.random.default_rng(0)
    tables = [configs.assign(task=t, family="any", score=rng.random(len(configs))) for t in "abc"]
    return Knowledge.from_evaluations(pd.concat(tables), None, space)


class Recording(MetaSampler):
    """Remembers the studies and the trials that asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.studies, self.asked = {}, {}

    def sample_relative(self, study, trial, search_space):
        if search_space:
            self._note(study, trial)
        return super().sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, *args):
        self._note(study, trial)
        return super().sample_independent(study, trial, *args)

    def _note(self, study, trial):
        self.studies[study.study_name] = study
        self.asked.setdefault(study.study_name, set()).add(trial.number)

    def origins(self):
        """Those of the trials that asked: before the base sampler took over, and from there on."""
        before, after = [], []
        for name, study in self.studies.items():
            found = before
            for trial in study.get_trials(deepcopy=False):
                if "autometa:handed_over" in trial.user_attrs:
                    found = after
                if trial.number in self.asked[name]:
                    found.append(trial.user_attrs.get("autometa:origin"))
        return before, after


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
class SamplerContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, request):
        made = []
        space = self.space(request.node)
        packed = tuple((n, optuna.distributions.distribution_to_json(d)) for n, d in space.items())
        knowledge = knowledge_over(packed)

        def make():
            base = optuna.samplers.TPESampler(n_startup_trials=0, multivariate=True, seed=0)
            made.append(Recording(family="any", knowledge=knowledge, base_sampler=base))
            return made[-1]

        yield make
        before, after = [], []
        for sampler in made:
            for found, more in zip((before, after), sampler.origins(), strict=True):
                found.extend(more)
        self.check(before, after, request.node.originalname)


class TestWithoutKnowledge(SamplerContract):
    def space(self, node):
        return {"unrelated": FloatDistribution(0, 1)}

    def check(self, before, after, name):
        assert set(before) <= {"sampler", None} and not after


class TestWithKnowledge(SamplerContract):
    def space(self, node):
        return space_of(node)

    def check(self, before, after, name):
        if name in NOT_ASKED:
            assert set(before) <= {None} and not after
        else:
            assert set(before) == {"surrogate"}
            assert set(after) <= {"sampler", None}  # none yet while a trial runs
