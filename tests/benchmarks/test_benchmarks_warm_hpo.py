"""The benchmark of warm-started searches, on synthetic tables with knowledge made on the spot."""

import json

import numpy as np
import optuna
import pandas as pd
import pytest
from typer.testing import CliRunner

from autometa.collecting import collect
from autometa.families import find_family
from autometa.metatraining import is_meta_dev
from autometa.tasks import sample_prior_task
from benchmarks import hpo_figures, hpo_knowledge, hpo_methods, hpo_objective, warm_hpo
from benchmarks.__main__ import app

DEV = next(name for name in map("dev-{}".format, range(1000)) if is_meta_dev(name))
TRAIN = next(name for name in map("train-{}".format, range(1000)) if not is_meta_dev(name))
KINDS = ("binary", "regression", "multiclass")


@pytest.fixture(scope="module")
def tasks():
    return [
        sample_prior_task(np.random.default_rng(seed), kind=KINDS[seed % 3], n_rows=60, n_columns=3)
        for seed in range(9)
    ]


@pytest.fixture(scope="module")
def corpus(tasks, tmp_path_factory):
    """Three tables to compare on, and of the other splits one each."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data").mkdir()
    described = []
    for number, task in enumerate(tasks[:5]):
        name = f"table-{number}"
        frame = task.X.assign(target=task.y.to_numpy())
        frame.columns = [str(column) for column in frame.columns]
        frame.to_parquet(folder / "data" / f"{name}.parquet")
        about = {"name": name, "task": task.kind, "target": "target"}
        about |= {"n_rows": task.n_rows, "n_features": task.n_features}
        family = {3: DEV, 4: TRAIN}.get(number, f"family-{number}")
        split = "meta-valid" if number < 3 else "meta-train"
        described.append(about | {"family": family, "split": split})
    pd.DataFrame(described).to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def knowledge(tasks, tmp_path_factory):
    """Of all but the tables to compare on."""
    folder = tmp_path_factory.mktemp("collected")
    found = collect(tasks[3:], ["knn"], 12, folder, max_rows=60, time_limit_s=None)
    return found.to_knowledge()


def run(corpus, results, knowledge, **options):
    options = {"seeds": 1, "n_trials": 3, "max_rows": 60, **options}
    return warm_hpo.main(corpus, results, families=["knn"], knowledge=knowledge, **options)


def test_a_small_run_tells_regrets_trials_and_tests_and_is_not_run_again(
    corpus, knowledge, tmp_path, monkeypatch, capsys
):
    figures = run(corpus, tmp_path, knowledge)
    methods = set(hpo_methods.METHODS) - set(figures["not_run"].get("knn", ()))

    found = figures["families"]["knn"]
    assert found["n_tasks"] == 3 and set(found["regret"]) == methods
    assert all(0 <= r <= 1 for curve in found["curves"].values() for r in curve)
    assert set(found["trials_needed"]["sampler"]) == {"TPE", "GP", "random", "default, TPE"}
    assert set(found["tests"]["warm start, TPE"]) == methods - {"warm start, TPE"}
    assert found["against_cold_tpe_at_the_end"]["sampler"]["n_trials"] == 1
    warm_hpo.print_figures(figures)
    printed = capsys.readouterr().out.splitlines()
    head = next(number for number, line in enumerate(printed) if "mean regret at T" in line) + 1
    assert printed[head].split() == ["1", "2", "3"]
    rows = printed[head + 1 : head + 1 + len(methods)]
    assert {line[:20].strip(): line[20:].split() for line in rows} == {
        method: [f"{regret:.3f}" for regret in curve] for method, curve in found["curves"].items()
    }

    monkeypatch.setattr(warm_hpo, "run_one", None)
    assert run(corpus, tmp_path, knowledge) == figures
    with pytest.raises(TypeError):  # other folds are other runs
        run(corpus, tmp_path, knowledge, n_folds=2)


def test_stages_add_up_and_wide_tables_may_be_left_out(corpus, knowledge, tmp_path):
    options = {"methods": ["TPE"], "n_folds": 2, "max_columns": 3}

    one = run(corpus, tmp_path, knowledge, max_tasks=1, **options)
    n_runs = len((tmp_path / "runs.jsonl").read_text().splitlines())
    all_three = run(corpus, tmp_path, knowledge, **options)
    none = run(corpus, tmp_path, knowledge, **options | {"max_columns": 2})

    assert one["families"]["knn"]["n_tasks"] == 1 and n_runs == 2
    assert all_three["families"]["knn"]["n_tasks"] == 3 and all_three["n_folds"] == 2
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 6
    assert none["families"] == {}
    seconds = all_three["families"]["knn"]["run_s"]
    assert set(seconds) == {"TPE", "random"} and min(seconds.values()) > 0


def test_the_command_prints_json(corpus, knowledge, tmp_path):
    knowledge.save(tmp_path / "knowledge")
    given = {"corpus": corpus, "knowledge": tmp_path / "knowledge", "results": tmp_path / "runs"}
    given |= {"methods": "TPE", "trials": 2, "seeds": 1, "max-rows": 60, "max-tasks": 1}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]

    ended = CliRunner().invoke(app, ["warm_hpo", *words, "--json"])

    assert ended.exit_code == 0, ended.output
    assert set(json.loads(ended.stdout)["families"]["knn"]["regret"]) == {"TPE", "random"}


def test_knowledge_of_the_tables_compared_on_is_refused_or_left_out(corpus, knowledge, tasks):
    known = knowledge.filter()
    first, second, *_ = known.tasks
    known.tasks[first] = known.tasks[first] | {"family": "family-0"}
    with pytest.raises(AssertionError, match="family-0"):
        hpo_knowledge.held_out(known, corpus, "meta-valid", [])

    known.tasks[first] = known.tasks[first] | {"family": DEV}
    kept, left_out = hpo_knowledge.held_out(known, corpus, "meta-dev", [tasks[4]])
    assert left_out == sorted([first, second])  # by family, and by content
    assert set(kept.tables["knn"]["task"]) == set(known.tasks) - {first, second}


def test_a_score_is_computed_once_and_a_failure_is_kept_without_one(tasks, tmp_path, monkeypatch):
    scores = hpo_objective.Scores(tmp_path / "scores.jsonl", max_rows=60)
    config = {"n_neighbors": 3, "weights": "uniform", "p": 2, "scaling": "ranked"}
    first = scores.evaluate(tasks[0], "knn", config)
    failed = scores.evaluate(tasks[0], "knn", {"n_neighbors": 0})

    monkeypatch.setattr(hpo_objective, "TableEvaluator", None)
    again = hpo_objective.Scores(tmp_path / "scores.jsonl", max_rows=60)
    assert again.evaluate(tasks[0], "knn", dict(reversed(config.items()))) == first
    assert again.evaluate(tasks[0], "knn", {"n_neighbors": 0}) == failed
    assert first["score"] < 0 and failed["score"] is None and failed["error"]
    other = hpo_objective.Scores(tmp_path / "scores.jsonl", max_rows=59)
    with pytest.raises(TypeError):  # other rows, so it is not known there
        other.evaluate(tasks[0], "knn", config)


def test_trials_suggest_only_what_is_active():
    svm = find_family("svm")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    kernels = set()
    for _ in range(20):
        config = hpo_objective.draw(study.ask(), svm.space(is_regression=True), svm.CONDITIONS)
        kernels.add(config["kernel"])
        assert ("degree" in config) == (config["kernel"] == "poly")
    assert kernels == {"rbf", "poly", "sigmoid"}


def made_up_runs():
    """One task where regret is 1 at a score of 1 and 0 at 3."""
    scores = {
        "sampler": [2.0, 3.0, 0.0],
        "TPE": [0.0, None, 2.0],
        "random": [0.0, 1.0, 1.0],
    }
    return [{"task": "t", "seed": 0, "method": m, "scores": s} for m, s in scores.items()]


def test_regret_is_0_at_the_best_score_and_1_at_the_median_of_random_ones():
    regrets = hpo_figures.normalised_regrets(made_up_runs(), ["sampler", "TPE", "random"])

    shown = {method: table.loc["t"].tolist() for method, table in regrets.items()}
    assert shown == {"sampler": [0.5, 0, 0], "TPE": [1, 1, 0.5], "random": [1, 1, 1]}


def test_trials_are_counted_until_the_score_of_the_leader_is_reached(monkeypatch):
    monkeypatch.setattr(hpo_figures, "REACHED_AT", (1, 2, 10))

    needed = hpo_figures.trials_needed(made_up_runs(), ["sampler", "TPE", "random"], "sampler")

    shown = needed.set_index(["rival", "at"])[["ratio", "never"]].T.to_dict("list")
    assert shown == {  # never: counted as one trial more than there were
        ("TPE", 1): [3, 0],
        ("TPE", 2): [2, 1],
        ("random", 1): [4, 1],
        ("random", 2): [2, 1],
    }


def test_differences_too_small_to_matter_are_ties():
    ours, theirs = pd.Series([0.0] * 6), pd.Series([1e-4] * 3 + [0.2, 0.3, 0.1])

    found = hpo_figures.compare(ours, theirs)

    assert (found["wins"], found["losses"], found["ties"]) == (3, 0, 3)
    assert found["mean_gain"] == pytest.approx(0.10005) and found["p_value"] > 0.05


def test_a_task_counts_only_with_the_seeds_that_all_methods_have():
    runs = made_up_runs()
    lone = [{"task": "other", "seed": 0, "method": "TPE", "scores": [1.0]}]
    second = [{"task": "t", "seed": 1, "method": "random", "scores": [9.0, 9.0, 9.0]}]

    regrets = hpo_figures.normalised_regrets(runs + lone + second, ["sampler", "TPE", "random"])

    assert list(regrets["TPE"].index) == ["t"] and regrets["TPE"].loc["t", 2] == 0.5


def test_a_method_that_cannot_tune_a_family_says_why(monkeypatch):
    monkeypatch.setattr(hpo_methods, "find_spec", lambda name: None)
    assert "not installed" in hpo_methods.why_not("warm CMA-ES", "knn")
    monkeypatch.setattr(hpo_methods, "find_spec", lambda name: name)
    assert hpo_methods.why_not("warm CMA-ES", "knn") is None
    assert "1 numeric" in hpo_methods.why_not("warm CMA-ES", "linear")
    assert "conditional: coef0, degree" in hpo_methods.why_not("warm CMA-ES", "svm")


def test_a_sampler_of_optuna_hub_that_cannot_be_loaded_says_why(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no route to GitHub")

    monkeypatch.setattr(hpo_methods, "find_spec", lambda name: None)
    assert "optunahub is not installed" in hpo_methods.why_not("meta-learning TPE", "svm")
    monkeypatch.setattr(hpo_methods, "find_spec", lambda name: name)
    load = hpo_methods.load_meta_learn_tpe.__wrapped__
    monkeypatch.setattr(hpo_methods, "load_meta_learn_tpe", load)
    monkeypatch.setattr(hpo_methods, "urlopen", refuse)
    assert "no route to GitHub" in hpo_methods.why_not("meta-learning TPE", "svm")


@pytest.fixture
def near(knowledge, monkeypatch):
    """A problem, and what is known of the one task that resembles it."""
    table = knowledge.tables["knn"]
    name = table["task"].iloc[0]
    is_regression = knowledge.tasks[name]["kind"] == "regression"

    class Near:
        neighbours = [name]

    monkeypatch.setattr(hpo_methods.NearestTasksProposer, "start", lambda *_: Near)
    problem = hpo_methods.Problem("knn", is_regression, {}, knowledge)
    return problem, table[table["task"] == name]


def test_meta_learning_tpe_starts_from_studies_of_the_nearest_known_tasks(near, monkeypatch):
    problem, own = near
    given = {}

    def sampler(**options):
        given.update(options)
        return optuna.samplers.RandomSampler(seed=0)

    monkeypatch.setattr(hpo_methods, "load_meta_learn_tpe", lambda: (sampler, None))

    study = hpo_methods.meta_learning_tpe(problem, 5)

    [source] = given["source_studies"]
    assert given["seed"] == 5 and isinstance(study.sampler, optuna.samplers.RandomSampler)
    assert source.direction == study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert [trial.value for trial in source.trials] == own["score"].rank(pct=True).tolist()
    assert [t.params["weights"] for t in source.trials] == own["hp_weights"].tolist()


def test_cma_es_starts_from_the_nearest_known_task(near, monkeypatch):
    problem, own = near
    given = {}
    monkeypatch.setattr(hpo_methods, "CmaEsSampler", lambda **options: given.update(options))

    hpo_methods.warm_cma_es(problem, 0)

    ranks = own["score"].rank(pct=True).tolist()
    assert [trial.value for trial in given["source_trials"]] == ranks
    assert [t.params["n_neighbors"] for t in given["source_trials"]] == own[
        "hp_n_neighbors"
    ].tolist()


@pytest.mark.parametrize(("n_tasks", "n_given"), [(1, None), (2, 16), (3, 16)])
def test_where_a_known_task_has_too_few_trials_cma_es_takes_those_of_the_next_one_too(
    monkeypatch, n_tasks, n_given
):
    given = {}
    monkeypatch.setattr(hpo_methods, "CmaEsSampler", lambda **options: given.update(options))
    trials = [[optuna.create_trial(value=0.5)] * 8] * n_tasks
    monkeypatch.setattr(hpo_methods, "_near_trials", lambda *_: trials)

    hpo_methods.warm_cma_es(hpo_methods.Problem("knn", False, {}, None), 0)

    found = given["source_trials"]
    assert (None if found is None else len(found)) == n_given
