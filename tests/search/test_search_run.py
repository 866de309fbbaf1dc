import json
import subprocess
import sys
import textwrap

import numpy as np
import optuna
import pytest
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from autometa._deadline import Deadline
from autometa.families import NetworkRun
from autometa.families.adapted_network import DEFAULT_CONFIG, first_config
from autometa.search import Pace, run
from autometa.search import _network_trials as network_trials


@pytest.fixture
def curves(monkeypatch):
    """Replace adapting by curves that a function of the configuration gives."""

    def use(curve, steps=(0, 2, 5, 10, 30)):
        def evaluate(task, folds, configs, *, report, **others):
            active = list(range(len(configs)))
            for step in steps:
                if not active:
                    return
                scores = np.array([curve(configs[i], step) for i in active])
                is_pruned = report(active, step, scores, scores[:, None])
                active = [i for i, prune in zip(active, is_pruned, strict=True) if not prune]

        monkeypatch.setattr(network_trials, "evaluate_group", evaluate)

    return use


def states(trials):
    return [trial.state for trial in trials]


@pytest.mark.parametrize("n_classes", [3, None])
def test_a_search_finds_the_best_point_of_all_curves(short, search, n_classes):
    result = search(6, n_classes=n_classes)

    assert states(result.trials) == [TrialState.COMPLETE] * 6
    best = max(result.trials, key=lambda trial: trial.value)
    assert result.found.best_score == best.value == result.study.best_value
    assert result.found.best.n_steps == best.user_attrs["autometa:n_steps"]
    assert result.found.best.config == {**DEFAULT_CONFIG, **best.params}
    for trial in result.trials:
        assert trial.value == max(trial.intermediate_values.values())
        assert trial.intermediate_values[trial.user_attrs["autometa:n_steps"]] == trial.value


def test_every_trial_has_the_points_of_its_curve(short, search):
    for trial in search(5).trials:
        n_steps = trial.params["n_steps"]
        due = [step for step in (0, 2, 5, 10) if step < n_steps]
        assert sorted(trial.intermediate_values) == [*due, n_steps]


@pytest.mark.parametrize("n_classes", [2, None])
def test_the_first_trial_is_that_for_a_table_of_this_size(short, search, n_classes):
    (trial,) = search(1, n_classes=n_classes).trials

    assert trial.params == first_config(30, is_regression=n_classes is None)
    assert trial.user_attrs["autometa:origin"] == "default"


def test_a_network_that_diverges_at_once_fails_its_trial_only(curves, search):
    curves(lambda config, step: np.nan if config["step_size"] > 0.5 else 1.0)

    trials = search(8).trials

    is_failed = [trial.state == TrialState.FAIL for trial in trials]
    assert is_failed == [trial.params["step_size"] > 0.5 for trial in trials]
    assert len(set(is_failed)) == 2


def test_later_trials_come_from_the_sampler(curves, search):
    curves(lambda config, step: step - config["dropout"])

    trials = search(6).trials

    assert {trial.user_attrs["autometa:origin"] for trial in trials[1:]} == {"sampler"}
    assert len({trial.params["step_size"] for trial in trials}) == 6


def test_the_number_of_trials_is_kept_to(curves, search):
    curves(lambda config, step: config["dropout"])

    assert [len(search(n).trials) for n in (1, 3, 8, 11)] == [1, 3, 8, 11]


def test_the_weights_of_the_folds_are_proposed_once_for_all_groups(short, search, monkeypatch):
    calls, propose = [], network_trials.propose_weights
    monkeypatch.setattr(
        network_trials, "propose_weights", lambda *a, **k: calls.append(a) or propose(*a, **k)
    )

    result = search(2 * network_trials.GROUP_SIZES["cpu"])

    assert len(calls) == 1
    sizes = {trial.user_attrs["autometa:group_size"] for trial in result.trials}
    assert sizes == {network_trials.GROUP_SIZES["cpu"]}, "several groups"


def test_the_seed_of_the_noise_changes_the_scores(short, search):
    # the first configuration has no dropout; the sampler's have
    scores = [[trial.value for trial in search(3, seed=seed).trials] for seed in (0, 0, 1)]

    assert scores[0] == scores[1] != scores[2]


def test_hopeless_trials_are_pruned_and_cost_no_more_steps(curves, search):
    n_calls = 0

    def curve(config, step):
        nonlocal n_calls
        n_calls += 1
        return 0.01 * step - (n_calls > 40)  # 40 points are those of the first 8 trials

    curves(curve)

    trials = search(24).trials

    assert states(trials[:8]) == [TrialState.COMPLETE] * 8
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert len(pruned) == 16
    assert all(max(trial.intermediate_values) == 2 for trial in pruned)


def test_a_curve_that_went_down_for_long_ends_but_keeps_its_best(curves, search):
    steps = (0, 2, 5, 10, 20, 30, 60, 100, 300)
    curves(lambda config, step: -abs(step - 5), steps=steps)

    (trial,) = search(1).trials

    assert trial.state == TrialState.COMPLETE and trial.value == 0
    assert max(trial.intermediate_values) == 30


def test_without_a_finite_score_a_trial_has_failed(curves, search):
    curves(lambda config, step: np.nan)

    result = search(2)

    assert states(result.trials) == [TrialState.FAIL] * 2
    assert result.found is None


def test_scores_that_become_nan_keep_the_best_before(curves, search):
    curves(lambda config, step: step if step <= 5 else np.nan)

    result = search(1)

    assert (result.found.best.n_steps, result.found.best_score) == (5, 5.0)


def test_callbacks_get_study_and_trial_as_in_optimize(curves, search):
    curves(lambda config, step: config["dropout"])
    calls = []

    result = search(9, callbacks=[lambda *arguments: calls.append(arguments)])

    assert [trial.number for _, trial in calls] == list(range(9))
    assert all(study is result.study for study, _ in calls)
    assert all(trial.state.is_finished() for _, trial in calls)


def test_a_callback_stops_the_search(curves, search):
    curves(lambda config, step: config["dropout"])

    def stop(study, trial):
        if trial.number == 2:
            study.stop()

    result = search(100, callbacks=[stop])

    assert len(result.trials) == 8  # the group that ran is told as a whole
    assert result.found is not None


def test_optunas_max_trials_callback_stops_the_search(short, search):
    callback = optuna.study.MaxTrialsCallback(5, states=(TrialState.COMPLETE,))

    assert len(search(100, callbacks=[callback]).trials) == 8


def test_a_stopped_study_can_be_searched_again(curves, search):
    curves(lambda config, step: config["dropout"])
    study = search(100, callbacks=[lambda study, trial: study.stop()]).study

    assert len(search(2, study=study).trials) == 10


def test_ctrl_c_keeps_the_best(short, search):
    def interrupt(study, trial):
        if trial.number == 5:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Interrupted; the best model found so far is kept"):
        result = search(100, callbacks=[interrupt])

    assert len(result.trials) == 8
    assert result.found.interrupted
    assert result.found.best_score == result.study.best_value


def test_ctrl_c_in_the_middle_of_a_group_keeps_what_was_reached(short, search, monkeypatch):
    advance = NetworkRun.advance

    def interrupted(self, n_steps):
        if self.n_steps >= 2:
            raise KeyboardInterrupt
        advance(self, n_steps)

    monkeypatch.setattr(NetworkRun, "advance", interrupted)

    with pytest.warns(UserWarning, match="Interrupted"):
        result = search(8)

    assert states(result.trials) == [TrialState.COMPLETE] * 4
    assert all(sorted(t.intermediate_values) == [0, 2] for t in result.trials)
    assert result.found.best.n_steps in (0, 2)


def test_an_error_passes_and_leaves_no_trial_running(curves, search, monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(network_trials, "evaluate_group", broken)
    told = []

    with pytest.raises(ZeroDivisionError):
        search(2, callbacks=[lambda *arguments: told.append(arguments)], study=(s := make_study()))

    assert states(s.trials) == [TrialState.FAIL] * 2
    assert not s.is_searching


def make_study():
    from autometa.search import open_study

    return open_study(task_description={"fingerprint": "f"})


def test_without_a_number_of_trials_it_ends_when_nothing_is_gained(curves, search, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 10)
    curves(lambda config, step: -config["dropout"] if config["n_steps"] == 60 else -9.0)

    n_trials = len(search(None).trials)

    assert 10 <= n_trials <= 24


@pytest.mark.parametrize("limit", [0.05, 0.5])
def test_a_deadline_is_kept_with_time_left_for_the_refit_and_the_time_is_used(
    short, search, fake_costs, limit
):
    fake_costs(step_s=0.001)
    deadline = Deadline(limit)
    pace = Pace(deadline, n_bags=4)

    result = search(None, pace=pace)

    n_steps = result.found.best.n_steps
    refit_s = 0.001 * pace.plan_refit(n_steps)[0] * n_steps
    assert deadline.elapsed_s + refit_s <= limit
    assert deadline.elapsed_s + refit_s > 0.4 * limit
    assert len(result.trials) >= 1


def test_under_a_deadline_the_first_proposal_goes_alone(short, search, fake_costs):
    fake_costs(step_s=0.001)
    sizes = []
    init = NetworkRun.__init__

    def counted(self, task, train_weight, configs, *arguments, **options):
        sizes.append(len(configs))
        init(self, task, train_weight, configs, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkRun, "__init__", counted)
        search(6, pace=Pace(Deadline(100.0)))
        search(6)

    assert sizes == [1, 4, 1, 4, 2]


def test_no_time_at_all_finds_nothing(short, search):
    result = search(None, pace=Pace(Deadline(0)))

    assert result.found is None
    assert result.trials == [], "not even one that waits"


@pytest.fixture(params=["sqlite", "journal"])
def storage(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    return JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))


def test_a_stored_search_resumes(short, search, storage):
    first = search(3, storage=storage, study_name="s")
    second = search(3, storage=storage, study_name="s")

    assert len(second.trials) == 6
    assert second.found.best_score >= first.found.best_score
    assert len({tuple(trial.params.values()) for trial in second.trials}) == 6
    plain = optuna.load_study(study_name="s", storage=storage)
    assert plain.best_value == second.found.best_score
    assert all(trial.intermediate_values for trial in plain.trials)


def test_a_resumed_search_knows_what_the_stored_best_predicts(curves, search):
    curves(lambda config, step: float(step == 5) - config["dropout"])  # the first has no dropout
    first = search(2)
    expected = first.found.mean_of(first.found.members)

    found = search(1, study=first.study).found

    assert found.best.trial == 0 and len(first.study.trials) == 3
    assert (found.best.config, found.best.n_steps) == (first.found.best.config, 5)
    np.testing.assert_array_equal(found.mean_of(found.members), expected)


def test_trials_that_others_added_are_no_proposals(curves, search):
    curves(lambda config, step: config["dropout"])
    study = search(3).study
    study.add_trial(optuna.trial.create_trial(value=99.0))

    assert search(2, study=study).found.best_score < 1


@pytest.mark.parametrize(
    "plot",
    [
        "plot_optimization_history",
        "plot_intermediate_values",
        "plot_param_importances",
        "plot_parallel_coordinate",
        "plot_slice",
    ],
)
def test_optuna_draws_the_study(curves, search, plot):
    pytest.importorskip("plotly")
    curves(lambda config, step: step - config["dropout"])
    study = search(9).study

    figure = getattr(optuna.visualization, plot)(study)

    assert len(figure.data) > 0


SEARCH = """
    import json, sys
    import numpy as np, optuna, torch
    from optuna.distributions import IntDistribution
    from autometa._deadline import Deadline
    from autometa._metrics import find_metric
    from autometa.families import EncodedTask, Folds
    from autometa.knowledge import Initialisation
    from autometa.search import Pace, _network_trials, open_study, run_search

    torch.set_num_threads(int(sys.argv[1]))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = _network_trials.space
    short = {"n_steps": IntDistribution(3, 12)}
    _network_trials.space = lambda **options: {**space(**options), **short}
    _network_trials.DEFAULT_CONFIG["n_steps"] = 6
    _network_trials.GROUP_SIZES = {"cpu": 4}
    task = EncodedTask(**dict(np.load(sys.argv[2])), n_classes=2)
    is_valid = np.arange(len(task.y)) % 3 == np.arange(3)[:, None]
    folds = Folds(np.where(is_valid, 0.0, task.weight), np.where(is_valid, task.weight, 0.0))
    study = open_study(task_description={"fingerprint": "f"}, seed=0)
    run_search(task, folds, study=study, n_trials=14, pace=Pace(Deadline(None)),
               metric=find_metric(None, is_regression=False),
               initialisation=Initialisation.load(sys.argv[3]))
    print(json.dumps([[t.state.name, t.params, t.value, sorted(t.intermediate_values.items())]
                      for t in study.trials]))
"""


def test_the_same_seed_gives_the_same_trials_in_another_process(
    short, search, make_encoded_task, tiny_initialisation, tmp_path
):
    task = make_encoded_task()
    np.savez(tmp_path / "task.npz", X=task.X, y=task.y, weight=task.weight)
    tiny_initialisation.save(tmp_path)
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(SEARCH)]
    command += [str(torch.get_num_threads()), str(tmp_path / "task.npz"), str(tmp_path)]

    there = subprocess.run(command, check=True, capture_output=True, text=True)
    here = search(14).trials

    described = [
        [t.state.name, t.params, t.value, sorted(t.intermediate_values.items())] for t in here
    ]
    assert json.loads(there.stdout) == json.loads(json.dumps(described))
    assert there.stderr == ""


@pytest.mark.gpu
def test_a_search_on_a_gpu_finds_about_the_same_scores(short, search):
    cpu, gpu = search(4), search(4, device="cuda")

    np.testing.assert_allclose(
        [t.value for t in gpu.trials], [t.value for t in cpu.trials], rtol=1e-2, atol=1e-3
    )
