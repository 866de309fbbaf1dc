"""The sampler: proposals by knowledge first, then another sampler, for every kind of study."""

import os
import pickle
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState
from search.conftest import N_OTHERS, merit_of
from threadpoolctl import threadpool_limits

from autometa import Knowledge, MetaSampler, suggest
from autometa.exceptions import ArtefactError, InvalidInputError, UnknownSpaceWarning
from autometa.proposers import NearestTasksProposer, PortfolioProposer, SurrogateProposer
from autometa.search import _replay

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make_sampler(knowledge):
    def make(**options):
        given = {"family": "svm", "knowledge": knowledge, "metafeatures": {"size": 1.0}, "seed": 0}
        return MetaSampler(**given | options)

    return make


def objective(trial):
    """Best at C = 10, with the kernel rbf; gamma matters little, tol not at all."""
    kernel = trial.suggest_categorical("kernel", ["linear", "rbf"])
    C = trial.suggest_float("C", 1e-2, 1e2, log=True)
    if kernel == "rbf":
        trial.suggest_float("gamma", 1e-3, 10, log=True)
    return merit_of(1.0, C, kernel)


def attributes(study, name):
    return [trial.user_attrs.get(f"autometa:{name}") for trial in study.trials]


def origins(study):
    return attributes(study, "origin")


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_knowledge_finds_at_once_what_a_cold_search_takes_long_for(make_sampler, direction):
    sign = 1 if direction == "maximize" else -1
    study = optuna.create_study(direction=direction, sampler=make_sampler())

    study.optimize(lambda trial: sign * objective(trial), n_trials=8)

    assert origins(study)[0] == "surrogate"
    assert 0.9 - sign * study.trials[0].value < 0.08
    assert 0.9 - sign * study.best_value < 0.01


def test_every_proposal_tells_where_it_comes_from_also_while_it_runs(make_sampler, knowledge):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())
    seen = []

    def look(trial):
        value = objective(trial)
        seen.append(dict(trial.user_attrs))
        return value

    study.optimize(look, n_trials=2)

    for trial, while_running in zip(study.trials, seen, strict=True):
        about = trial.user_attrs
        assert about == while_running
        assert about["autometa:origin"] == "surrogate"
        sizes = knowledge.metafeatures.loc[about["autometa:neighbours"], "size"]
        assert len(sizes) == 3 and (abs(sizes - 1.0) < 0.6).all()
        assert abs(about["autometa:predicted_score"] - trial.value) < 0.1
        assert about["autometa:predicted_cost_s"] == pytest.approx(2.0)
        assert 0 < about["autometa:ood_score"] < 1.25


def test_misleading_knowledge_is_left_for_the_base_sampler_and_the_trial_says_why(
    make_sampler, monkeypatch
):
    monkeypatch.setattr(_replay, "MIN_GAIN", 0.0)
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    study.optimize(lambda trial: 0 * objective(trial) + rng.normal(), n_trials=40)

    reasons = [reason for reason in attributes(study, "handed_over") if reason]
    assert reasons == ["contradicted"]
    number = attributes(study, "handed_over").index("contradicted")
    assert number >= _replay.MIN_EVIDENCE
    assert set(origins(study)[:number]) == {"surrogate"}
    assert set(origins(study)[number:]) == {"sampler"}


def test_knowledge_that_foretells_the_scores_is_not_contradicted(make_sampler):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    study.optimize(objective, n_trials=30)

    assert "contradicted" not in attributes(study, "handed_over")


def test_knowledge_is_used_up_where_nothing_is_left_to_gain(make_sampler, knowledge):
    study = optuna.create_study(
        direction="maximize", sampler=make_sampler(proposer=PortfolioProposer)
    )

    study.optimize(objective, n_trials=30)

    assert attributes(study, "handed_over").count("used up") == 1
    assert {"portfolio", "sampler"} == set(origins(study))


def test_knowledge_is_used_up_where_many_scores_in_a_row_bring_nothing_better(
    make_sampler, monkeypatch
):
    monkeypatch.setattr(_replay, "PATIENCE", 11)
    monkeypatch.setattr(_replay, "MIN_AGREEMENT", -2.0)
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    study.optimize(lambda trial: objective(trial) + (trial.number == 0), n_trials=14)

    assert attributes(study, "handed_over").index("used up") == 12
    assert set(origins(study)[12:]) == {"sampler"}


def test_there_is_a_limit_to_proposals(make_sampler, monkeypatch):
    monkeypatch.setattr(_replay, "MAX_PROPOSALS", 3)
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    study.optimize(objective, n_trials=5)

    assert origins(study) == ["surrogate"] * 3 + ["sampler"] * 2


@pytest.mark.parametrize(
    "proposer",
    [SurrogateProposer, partial(SurrogateProposer, cost_exponent=1.0)],
    ids=["class", "partial"],
)
def test_scores_of_another_metric_count_by_rank(make_sampler, proposer):
    def values(transform):
        sampler = make_sampler(proposer=proposer)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(lambda trial: transform(objective(trial)), n_trials=10)
        return [trial.params["C"] for trial in study.trials]

    assert values(lambda score: score) == values(lambda score: 1e4 * score - 7e6)


def test_a_partial_keeps_what_it_has_bound(make_sampler):
    bound = partial(SurrogateProposer, by_rank=False)

    values = []
    for options in ({"proposer": bound}, {"by_rank": False}, {}):
        study = optuna.create_study(direction="maximize", sampler=make_sampler(**options))
        study.optimize(objective, n_trials=8)
        values.append([trial.params["C"] for trial in study.trials])

    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, "rbf"),
        ({"cost_exponent": 1.0}, "linear"),
        ({"proposer": partial(SurrogateProposer, cost_exponent=1.0)}, "linear"),
    ],
    ids=["per trial", "per second", "partial"],
)
def test_what_is_cheap_and_nearly_as_good_comes_first_where_seconds_count(
    costly_knowledge, options, first
):
    sampler = MetaSampler(family="svm", knowledge=costly_knowledge, **options)

    asked = optuna.create_study(sampler=sampler).ask()

    assert asked.suggest_categorical("kernel", ["rbf", "linear", "poly"]) == first


def test_parallel_trials_get_different_proposals_also_from_another_worker(make_sampler, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=storage, study_name="one", direction="maximize")
    workers = [
        optuna.load_study(storage=storage, study_name="one", sampler=make_sampler())
        for _ in range(2)
    ]
    asked = [workers[number % 2].ask() for number in range(6)]

    for trial in asked:
        objective(trial)

    configs = {tuple(sorted(trial.params.items())) for trial in asked}
    assert len(configs) == 6
    for number, trial in enumerate(asked):
        workers[1 - number % 2].tell(trial.number, objective(trial))
    assert set(origins(workers[0])) == {"surrogate"}


@pytest.fixture(scope="module")
def grid():
    """Knowledge of which what a study leaves alone, the kernel, makes little difference."""
    kernels, values = np.meshgrid(["a", "b", "c", "d"], [0.1, 1.0, 10.0, 100.0])
    configs = pd.DataFrame({"hp_kernel": kernels.ravel(), "hp_C": values.ravel()})
    score = merit_of(1.0, configs["hp_C"], "rbf") - 0.001 * (configs["hp_kernel"] == "d")
    tables = [configs.assign(task=f"t{task}", family="m", score=score) for task in range(6)]
    return Knowledge.from_evaluations(pd.concat(tables), None)


@pytest.mark.parametrize("in_one_go", [False, True])
def test_parallel_trials_differ_in_what_a_study_tunes_where_that_is_a_part(grid, in_one_go):
    sampler = MetaSampler(family="m", knowledge=grid, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    asked = [study.ask() for _ in range(5)] if in_one_go else (study.ask() for _ in range(5))

    values = [trial.suggest_float("C", 1e-2, 1e2, log=True) for trial in asked]

    assert len({f"{value:.9g}" for value in values}) == 5


def test_threads_differ_in_what_a_study_tunes_where_that_is_a_part(grid):
    sampler = MetaSampler(family="m", knowledge=grid, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    together = threading.Barrier(3)

    def wait(trial):
        C = trial.suggest_float("C", 1e-2, 1e2, log=True)
        together.wait(timeout=60)
        return C

    study.optimize(wait, n_trials=3, n_jobs=3)

    assert len({f"{trial.params['C']:.9g}" for trial in study.trials}) == 3


def test_a_space_of_ones_own_counts_from_the_first_trial_on(make_sampler, knowledge):
    space = {"kernel": CategoricalDistribution(["linear", "rbf"])}
    knowing, learning = (
        optuna.create_study(direction="maximize", sampler=make_sampler(space=given))
        for given in (space, None)
    )
    for study in (knowing, learning):
        study.optimize(lambda trial: float(trial._suggest("kernel", space["kernel"]) == "rbf"), 1)

    wanted = suggest(
        family="svm", metafeatures={"size": 1.0}, knowledge=knowledge, space=space, n=1
    )[0]
    found = [
        study.trials[0].user_attrs["autometa:predicted_score"] for study in (knowing, learning)
    ]
    assert found[0] == wanted.predicted_score != found[1]
    assert knowing.trials[0].system_attrs[_replay.CONFIG]["C"] == wanted.config["C"]


def test_a_space_that_nobody_knows_is_refused(make_sampler):
    with pytest.raises(InvalidInputError, match="nothing is known of 'c'. Known are C,"):
        make_sampler(space={"c": FloatDistribution(0, 1)})
    with pytest.warns(UnknownSpaceWarning, match="nothing is known of 'c'"):
        make_sampler(space={"c": FloatDistribution(0, 1), "C": FloatDistribution(1, 2)})
    with pytest.raises(InvalidInputError, match="must be an optuna distribution"):
        make_sampler(space={"C": (0, 1)})


WORKER = """
import os, sys, time
from pathlib import Path

import optuna
from autometa import MetaSampler

folder, storage, number = sys.argv[1:]
optuna.logging.set_verbosity(optuna.logging.ERROR)
sampler = MetaSampler(family="svm", knowledge=folder, metafeatures={"size": 1.0}, seed=0)
study = optuna.load_study(study_name="shared", storage=storage, sampler=sampler)
Path(folder, f"ready-{number}").touch()
while not all(Path(folder, f"ready-{number}").exists() for number in range(2)):
    time.sleep(0.01)


def objective(trial):
    trial.set_user_attr("pid", os.getpid())
    C = trial.suggest_float("C", 1e-2, 1e2, log=True)
    kernel = trial.suggest_categorical("kernel", ["linear", "rbf"])
    time.sleep(0.1)
    return C - (kernel == "linear")


study.optimize(objective, n_trials=5)
"""


def test_processes_share_a_storage_and_try_different_configurations(knowledge, tmp_path):
    knowledge.save(tmp_path)
    storage = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=storage, study_name="shared", direction="maximize")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), storage, str(number)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        ended = [worker.communicate(timeout=120) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()

    assert [worker.returncode for worker in workers] == [0, 0], ended
    trials = study.trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE} and len(trials) == 10
    assert len({trial.user_attrs["pid"] for trial in trials}) == 2
    assert set(origins(study)) == {"surrogate"}
    configs = {tuple(sorted(trial.params.items())) for trial in trials}
    assert len(configs) >= 9, "two that read the study in the same moment may agree"


def test_workers_that_come_later_go_on_as_the_first_would_have(make_sampler):
    storages = [optuna.storages.InMemoryStorage() for _ in range(2)]
    studies = [optuna.create_study(storage=s, direction="maximize") for s in storages]
    lasting = make_sampler()
    for _ in range(9):
        studies[0].sampler = lasting
        studies[1].sampler = make_sampler()
        for study in studies:
            study.optimize(objective, n_trials=1)

    assert [t.params for t in studies[0].trials] == [t.params for t in studies[1].trials]


def test_a_worker_sees_that_another_one_handed_over(make_sampler, monkeypatch):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())
    study.optimize(objective, n_trials=2)
    with monkeypatch.context() as patch:
        patch.setattr(_replay, "MAX_PROPOSALS", 2)
        study.optimize(objective, n_trials=1)
    study.sampler = make_sampler()

    study.optimize(objective, n_trials=2)

    assert origins(study) == ["surrogate"] * 2 + ["sampler"] * 3


def test_threads_share_a_sampler(make_sampler):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())
    together = threading.Barrier(3)

    def wait(trial):
        value = objective(trial)
        together.wait(timeout=60)
        return value

    study.optimize(wait, n_trials=6, n_jobs=3)

    for three in (study.trials[:3], study.trials[3:]):
        assert len({tuple(sorted(trial.params.items())) for trial in three}) == 3


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.MedianPruner(n_startup_trials=2),
        optuna.pruners.HyperbandPruner(min_resource=1, max_resource=3),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_pruned_trials_count_as_poor(make_sampler, pruner):
    study = optuna.create_study(  # Hyperband deals out trials by the study's name
        study_name="pruned", direction="maximize", sampler=make_sampler(), pruner=pruner
    )

    def learn(trial):
        value = objective(trial) - 0.5 * (trial.number % 3 == 2)
        for step in range(3):
            trial.report(value - 0.1 * (2 - step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study.optimize(learn, n_trials=14)

    assert any(trial.state == TrialState.PRUNED for trial in study.trials)
    assert "surrogate" in origins(study)
    assert 0.9 - study.best_value < 0.01


def test_failing_trials_are_not_proposed_again(make_sampler):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    def fail(trial):
        return float("nan") if trial.number < 4 else objective(trial)

    study.optimize(lambda trial: (objective(trial), fail(trial))[1], n_trials=8)

    configs = {tuple(sorted(trial.params.items())) for trial in study.trials}
    assert len(configs) == 8


def test_several_objectives_and_unknown_spaces_are_left_to_the_base_sampler(make_sampler):
    several = optuna.create_study(directions=["maximize"] * 2, sampler=make_sampler())
    several.optimize(lambda trial: (objective(trial), 0.0), n_trials=3)
    unknown = optuna.create_study(sampler=make_sampler())
    with pytest.warns(UnknownSpaceWarning, match="is known of 'depth'. Known are C,") as told:
        unknown.optimize(lambda trial: trial.suggest_float("depth", 0, 1), n_trials=3)

    assert len(told) == 1
    assert origins(several) == origins(unknown) == ["sampler"] * 3


def test_a_base_sampler_draws_what_the_knowledge_does_not_know(make_sampler):
    base = optuna.samplers.TPESampler(seed=3)
    study = optuna.create_study(direction="maximize", sampler=make_sampler(base_sampler=base))

    def partly(trial):
        kernel = trial.suggest_categorical("kernel", ["sigmoid", "poly"])  # no known one
        assert kernel in ("sigmoid", "poly")
        return trial.suggest_float("tol", 0, 1) + merit_of(1.0, trial.suggest_int("C", 1, 5), "rbf")

    study.optimize(partly, n_trials=4)

    assert set(origins(study)) == {"surrogate"}
    assert len({trial.params["tol"] for trial in study.trials}) == 4


def test_what_a_study_leaves_alone_is_taken_to_be_at_its_default(make_sampler):
    sampler = make_sampler()
    study = optuna.create_study(direction="maximize", sampler=sampler)

    study.optimize(lambda t: merit_of(1.0, t.suggest_float("C", 0.01, 100), "rbf"), n_trials=12)

    assert len({trial.params["C"] for trial in study.trials}) == 12
    assert 0.9 - study.best_value < 0.01


def test_a_range_that_moves_is_followed(make_sampler):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())

    for high in (0.5, 100.0):
        study.optimize(
            lambda t: merit_of(1.0, t.suggest_float("C", 0.01, high), "rbf"),  # noqa: B023
            n_trials=5,
        )

    assert all(trial.params["C"] <= 0.5 for trial in study.trials[:5])
    assert 0.9 - study.best_value < 0.02


def test_enqueued_trials_say_so_and_are_learned_from(make_sampler):
    study = optuna.create_study(direction="maximize", sampler=make_sampler())
    best = study.sampler._proposer.start({"size": 1.0}).ask()
    study.enqueue_trial(best)

    waiting = study.ask()
    study.optimize(objective, n_trials=1)
    study.tell(waiting, objective(waiting))

    assert origins(study) == ["enqueued", "surrogate"]
    assert study.trials[1].params != study.trials[0].params == best


def test_far_from_everything_known_the_portfolio_comes_first(make_sampler, knowledge):
    far = {"size": 90.0, "noise": -50.0, **{f"other_{j}": 1e3 for j in range(N_OTHERS)}}
    study = optuna.create_study(direction="maximize", sampler=make_sampler(metafeatures=far))
    trial = study.ask()

    objective(trial)

    assert trial.params == PortfolioProposer(knowledge, "svm").start().ask()
    assert trial.user_attrs["autometa:origin"] == "portfolio"
    assert trial.user_attrs["autometa:ood_score"] > 2
    assert "autometa:neighbours" not in trial.user_attrs


def test_another_proposer_may_be_asked(make_sampler):
    study = optuna.create_study(sampler=make_sampler(proposer=NearestTasksProposer))

    study.optimize(objective, n_trials=2)

    assert origins(study) == ["nearest tasks"] * 2


def test_a_seed_makes_it_repeatable_and_a_pickle_goes_on(make_sampler):
    def run(sampler):
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(objective, n_trials=4)
        study.sampler = pickle.loads(pickle.dumps(study.sampler))
        study.optimize(objective, n_trials=4)
        return [trial.params for trial in study.trials]

    assert run(make_sampler()) == run(make_sampler())


def test_a_table_is_described_and_tasks_of_the_other_kind_are_left_out(rng):
    X = rng.normal(size=(60, 3))
    rows = pd.DataFrame({"task": ["a", "a", "b", "b"], "family": "knn", "hp_k": [1, 9, 1, 9]})
    tasks = {"a": {"kind": "binary"}, "b": {"kind": "regression"}}
    scores = rows.assign(score=[1.0, 0.0, 0.0, 1.0])
    knowledge = Knowledge.from_evaluations(scores, None, tasks=tasks)

    asked = []
    for y in (X[:, 0] > 0, X[:, 0]):
        study = optuna.create_study(
            sampler=MetaSampler(X, y, family="knn", knowledge=knowledge), direction="maximize"
        )
        asked.append(study.ask().suggest_int("k", 1, 9))

    assert asked == [1, 9]


def test_the_last_proposals_before_the_limit_take_little_time(make_sampler, monkeypatch):
    monkeypatch.setattr(_replay, "PATIENCE", 1000)
    for name in ("MIN_GAIN", "MIN_AGREEMENT"):
        monkeypatch.setattr(_replay, name, -2.0)
    study = optuna.create_study(direction="maximize")
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.optimize(objective, n_trials=_replay.MAX_TOLD - 12)
    study.sampler = make_sampler()
    study.optimize(objective, n_trials=1)  # reads what is there
    seconds = []

    for _ in range(10):
        start = time.process_time()
        with threadpool_limits(1):  # the processor's time would count threads that wait
            study.optimize(objective, n_trials=1)
        seconds.append(time.process_time() - start)

    assert origins(study)[-11:] == ["surrogate"] * 11
    assert min(seconds) < 0.02  # 11 ms on an idle core; `benchmarks sampler_time` measures it


def test_bad_input_is_told_with_the_way_out(knowledge, tmp_path):
    with pytest.raises(InvalidInputError, match="autometa collect .*Knowledge.from_evaluations"):
        MetaSampler(family="no such family")
    with pytest.raises(InvalidInputError, match="'knn' .it has svm."):
        MetaSampler(family="knn", knowledge=knowledge)
    with pytest.raises(InvalidInputError, match="X was given without y"):
        MetaSampler([[1.0]], family="svm", knowledge=knowledge)
    with pytest.raises(InvalidInputError, match="None of the meta-features given"):
        MetaSampler(family="svm", knowledge=knowledge, metafeatures={"rows": 3})
    with pytest.raises(InvalidInputError, match="base_sampler must be an optuna sampler"):
        MetaSampler(family="svm", knowledge=knowledge, base_sampler="tpe")
    with pytest.raises(InvalidInputError, match="PortfolioProposer does not take"):
        MetaSampler(
            family="svm", knowledge=knowledge, proposer=PortfolioProposer, cost_exponent=1.0
        )
    with pytest.raises(InvalidInputError, match="knowledge must be"):
        MetaSampler(family="svm", knowledge=3)
    with pytest.raises(ArtefactError, match="autometa collect"):
        MetaSampler(family="svm", knowledge=tmp_path)
