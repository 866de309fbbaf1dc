"""Several families in one search."""

from collections import Counter
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from optuna.trial import TrialState, create_trial
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from autometa._calibration import temper
from autometa._deadline import Deadline
from autometa._metrics import Metric, find_metric
from autometa.evaluation import FoldModels, FoldScorer
from autometa.exceptions import FamilyWarning
from autometa.families import EncodedTask, Family, Folds, find_family
from autometa.knowledge import Knowledge
from autometa.search import FamilyProposals, Pace
from autometa.search._library import Candidate, Library
from autometa.search._stored import told_scores
from autometa.search._table_trials import _n_telling, _Staleness

NAMES = ("adapted_network", "linear", "knn")


@pytest.fixture
def search_families(search, make_encoded_task, make_thirds):
    """Search families on the small task; its first two channels are the table."""

    def search_families(
        n_trials=6,
        *,
        families=NAMES,
        n_classes=2,
        knowledge=None,
        n_folds=3,
        seconds=None,
        **options,
    ):
        task = make_encoded_task(n_classes=n_classes)
        frame = pd.DataFrame(task.X[:, :, 1]).add_prefix("c")
        kind = {"is_regression": task.is_regression, "n_rows": len(task.y)}
        kind["deadline"] = Deadline(seconds)
        thirds = make_thirds(task)
        folds = Folds(thirds.train_weight[:n_folds], thirds.valid_weight[:n_folds])
        options["folds"] = folds
        proposals = [FamilyProposals(name, lambda: knowledge, dict, **kind) for name in families]
        models = partial(FoldModels, frame, task, folds, seed=0, n_threads=1)
        return search(n_trials, n_classes=n_classes, proposals=proposals, models=models, **options)

    return search_families


@pytest.mark.parametrize("n_classes", [3, None])
def test_every_family_is_tried_and_the_best_mean_is_kept(short, search_families, n_classes):
    result = search_families(12, n_classes=n_classes)

    tried = {trial.user_attrs.get("autometa:family", "adapted_network") for trial in result.trials}
    assert tried == set(NAMES)
    found = result.found
    np.testing.assert_allclose(found.weights.sum(), 1.0)
    assert found.best_score >= found.best.score - 1e-12
    assert len(result.trials) == 12
    for one, _ in found.members:
        assert len(one.models) == (0 if one.family == "adapted_network" else 3)
        assert result.trials[one.trial].value == one.score


def test_hyperparameters_carry_the_name_of_their_family(short, search_families):
    for trial in search_families(6).trials:
        family = trial.user_attrs.get("autometa:family", "adapted_network")
        assert all(name.startswith(f"{family}.") for name in trial.params)
        own = {name.removeprefix(f"{family}.") for name in trial.params}
        assert own <= set(find_family(family).space(is_regression=False))


def test_the_first_trial_of_a_family_is_its_default(short, search_families):
    first = {}
    for trial in search_families(9).trials:
        family = trial.user_attrs.get("autometa:family", "adapted_network")
        first.setdefault(family, trial)

    assert {t.user_attrs["autometa:origin"] for t in first.values()} == {"default"}
    assert first["knn"].params["knn.n_neighbors"] == 5


@pytest.mark.parametrize(
    "seconds, known_rows, expected",
    [
        (None, 2_000, ["surrogate", "default", "surrogate", "surrogate", "random"]),
        (None, 20, ["default", "surrogate", "surrogate", "surrogate", "random"]),
        (5.0, 2_000, ["default", "portfolio"]),
    ],
)
def test_knowledge_comes_before_the_defaults_but_in_short_searches_and_on_long_tables(
    short, search_families, monkeypatch, seconds, known_rows, expected
):
    from autometa import Knowledge
    from autometa.search import _family_proposals

    monkeypatch.setattr(_family_proposals, "KNOWN_ROWS", known_rows)
    scores = pd.DataFrame(
        {"task": list("aabbcc"), "family": "knn", "score": [0.9, 0.1] * 3}
        | {"hp_n_neighbors": [7, 2] * 3, "hp_weights": "uniform", "hp_p": 2}
        | {"hp_scaling": "ranked"}
    )
    knowledge = Knowledge.from_evaluations(scores, None)

    options = {"families": ["knn"], "knowledge": knowledge, "seconds": seconds}
    trials = search_families(len(expected), **options).trials

    warm = expected.index("surrogate" if seconds is None else "portfolio")
    assert trials[warm].params["knn.n_neighbors"] == 7
    assert [trial.user_attrs["autometa:origin"] for trial in trials] == expected


def knowledge_of_neighbours(n_neighbors, score, **others):
    """What configurations of k nearest neighbours scored on three tasks."""
    n = len(score)
    columns = {"task": np.repeat(["a", "b", "c"], n), "family": "knn", "score": score * 3}
    columns |= {"hp_n_neighbors": n_neighbors * 3}
    columns |= {f"hp_{name}": values * 3 for name, values in others.items()}
    return Knowledge.from_evaluations(pd.DataFrame(columns), None)


def test_a_resumed_search_goes_on_with_knowledge_where_it_was(short, search_families):
    scores = np.linspace(0.9, 0.1, 8).tolist()
    knowledge = knowledge_of_neighbours([3, 5, 7, 9, 11, 13, 15, 17], scores)
    options = {"families": ["knn"], "knowledge": knowledge}
    study = search_families(3, **options).study

    trials = search_families(4, study=study, **options).trials

    origins = [trial.user_attrs["autometa:origin"] for trial in trials]
    assert origins[3:] == ["resumed", "surrogate", "surrogate", "surrogate"]
    tried = [tuple(trial.params.values()) for trial in trials if trial.number != 3]
    assert len(set(tried)) == 6


@pytest.mark.parametrize("families", [["adapted_network"], ["adapted_network", "knn"]])
@pytest.mark.parametrize("prefix", ["", "adapted_network."])
def test_the_network_goes_on_with_what_it_stored_alone_or_beside_others(
    short, search_families, families, prefix
):
    space = find_family("adapted_network").space(is_regression=False)
    config = find_family("adapted_network").DEFAULT_CONFIG | {"step_size": 0.05, "dropout": 0.4}
    params = {prefix + name: config[name] for name in space}
    stored = create_trial(
        value=99.0,
        params=params,
        distributions={prefix + name: one for name, one in space.items()},
        user_attrs={"autometa:family": "adapted_network", "autometa:n_steps": 6},
    )
    study = search_families(1, families=["knn"]).study
    study.add_trial(stored)

    resumed = search_families(1, families=families, study=study)

    [told] = told_scores(study, "adapted_network")[:1]
    assert told == ({name: config[name] for name in space}, 99.0)
    known = resumed.found.best.config
    assert (known["step_size"], known["dropout"]) == (0.05, 0.4)


def test_a_family_that_a_stored_study_lacks_begins_with_its_default(short, search_families):
    study = search_families(2, families=["linear"]).study

    trials = search_families(2, families=["linear", "knn"], study=study).trials

    origins = [(t.user_attrs["autometa:family"], t.user_attrs["autometa:origin"]) for t in trials]
    assert origins[2:] == [("linear", "resumed"), ("knn", "default")]


def test_what_knowledge_proposes_is_brought_into_the_space_of_the_family(short, search_families):
    others = {"weights": ["gaussian", "uniform"], "scaling": ["ranked"] * 2}  # p is not known of
    knowledge = knowledge_of_neighbours([5_000, 4_000], [0.9, 0.5], **others)

    first, *_ = search_families(3, families=["knn"], knowledge=knowledge).trials

    most = find_family("knn").space(is_regression=False)["n_neighbors"].high
    expected = {"n_neighbors": most, "weights": "uniform", "p": 2, "scaling": "ranked"}
    assert first.user_attrs["autometa:origin"] == "surrogate"
    assert first.params == {f"knn.{name}": value for name, value in expected.items()}


def test_all_trials_asked_for_are_run_where_the_families_have_had_enough(short, search_families):
    names = ["linear", "knn"]
    no_space = Family("bayes", GaussianNB())

    def tried(n_trials, families):
        return [
            t.user_attrs["autometa:family"]
            for t in search_families(n_trials, families=families).trials
        ]

    assert Counter(tried(None, names)) == {"linear": 5, "knn": 5}
    found, once = tried(14, [*names, no_space]), {"linear": 5, "knn": 5, "bayes": 1}
    assert set(found[11:]) <= set(names) and Counter(found[:11]) == once
    assert len(found) == 14
    assert tried(3, [no_space]) == ["bayes"]


def test_a_configuration_that_fails_is_told_so_and_the_search_goes_on(
    short, search_families, monkeypatch
):
    fit = FoldModels.fit

    def fail(self, model, *options):
        if "KN" in type(model.model).__name__ or "Neighbours" in type(model.model).__name__:
            raise ValueError("no neighbours today")
        return fit(self, model, *options)

    monkeypatch.setattr(FoldModels, "fit", fail)

    result = search_families(9)

    failed = [t for t in result.trials if t.state == TrialState.FAIL]
    assert failed and "no neighbours" in failed[0].user_attrs["autometa:error"]
    assert {one.family for one in result.found.candidates} == {"adapted_network", "linear"}


def test_what_does_not_help_on_the_first_fold_and_is_not_the_best_there_gets_no_other(
    short, search_families, monkeypatch
):
    from autometa.search import _library

    monkeypatch.setattr(_library.Library, "is_worth_more_folds", lambda self, first: False)

    trials = search_families(10, families=["linear", "knn"]).trials

    best, states = {}, []
    for trial in trials:
        family, first = trial.user_attrs["autometa:family"], trial.user_attrs["autometa:first_fold"]
        is_best = first > best.get(family, -np.inf)
        best[family] = max(first, best.get(family, -np.inf))
        is_whole = is_best or len(states) < 3
        states.append(TrialState.COMPLETE if is_whole else TrialState.PRUNED)
    assert [t.state for t in trials] == states and TrialState.PRUNED in states
    pruned = [t for t in trials if t.state == TrialState.PRUNED]
    assert all(np.isfinite(t.intermediate_values[0]) for t in pruned)


def test_without_time_nothing_is_started(short, search_families):
    result = search_families(None, pace=Pace(Deadline(0.0)))

    assert result.found is None and not result.trials


def test_the_same_seed_gives_the_same_ensemble(short, search_families):
    one, other = search_families(10).found, search_families(10).found

    np.testing.assert_array_equal(one.weights, other.weights)
    assert [c.config for c in one.candidates] == [c.config for c in other.candidates]


def test_boosting_keeps_the_number_of_steps_that_scored_best(search_families):
    found = search_families(1, families=["hist_gradient_boosting"]).found

    (one,) = found.candidates
    assert one.config["max_iter"] < find_family(one.family).DEFAULT_CONFIG["max_iter"]
    assert {model.n_steps_ for model in one.models} == {one.config["max_iter"]}
    assert one.score == found.scorer.scores(one.predictions[None])[0]


def test_members_of_folds_are_fitted_on_all_rows_too(search_families, make_encoded_task):
    found = search_families(1, families=["extra_trees"]).found

    ((one, weight),) = found.members
    (model,) = one.refits
    n_rows = model.model_.estimators_[0].tree_.n_node_samples[0]
    assert len(one.models) == 3 and n_rows == len(make_encoded_task(n_classes=2).y)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_models_of_the_folds_predict_where_no_fit_on_all_rows_ends(
    search_families, monkeypatch, error
):
    fit = FoldModels.fit

    def fail(self, model, fold=None, *options):
        if fold is None:
            raise error("not today")
        return fit(self, model, fold, *options)

    monkeypatch.setattr(FoldModels, "fit", fail)

    if error is KeyboardInterrupt:
        with pytest.warns(UserWarning, match="Interrupted"):
            found = search_families(1, families=["extra_trees"]).found
    else:
        found = search_families(1, families=["extra_trees"]).found

    assert len(found.candidates[0].models) == 3 and not found.candidates[0].refits
    assert found.interrupted == (error is KeyboardInterrupt)


def test_after_a_single_fold_members_are_fitted_on_all_rows(search_families, make_encoded_task):
    found = search_families(1, families=["extra_trees"], n_folds=1).found

    ((one, weight),) = found.members
    (model,) = one.models
    n_rows = model.model_.estimators_[0].tree_.n_node_samples[0]
    assert weight == 1 and n_rows == len(make_encoded_task(n_classes=2).y)


def test_a_single_fold_without_a_result_yet_is_no_trouble(short, search_families, monkeypatch):
    fit = FoldModels.fit

    def fail(self, model, *options):
        if "Extra" in type(model.model).__name__:
            raise ValueError("no trees today")
        return fit(self, model, *options)

    monkeypatch.setattr(FoldModels, "fit", fail)

    result = search_families(6, families=["extra_trees", "knn"], n_folds=1)

    assert result.trials[0].state == TrialState.FAIL
    assert {one.family for one in result.found.candidates} == {"knn"}


def test_a_trial_whose_time_runs_out_while_it_is_proposed_still_has_rows(
    search_families, monkeypatch
):
    shares = iter([1.0, 0.0, 0.0, 0.0])
    monkeypatch.setattr(Pace, "rows_share", lambda *_: next(shares))

    result = search_families(None, families=["knn"])

    assert [trial.state for trial in result.trials] == [TrialState.COMPLETE]


def test_what_is_fitted_on_a_part_of_the_rows_says_so_and_is_not_fitted_on_all(
    search_families, make_encoded_task, monkeypatch
):
    monkeypatch.setattr(Pace, "rows_share", lambda *_: 0.5)

    result = search_families(2, families=["extra_trees", "knn"], n_folds=1)

    n_train = len(make_encoded_task(n_classes=2).y) * 2 / 3
    assert {t.user_attrs["autometa:rows_share"] for t in result.trials} == {0.5}
    for one in result.found.candidates:
        model = one.models[0].model_
        n_rows = (
            len(model.y_) if one.family == "knn" else model.estimators_[0].tree_.n_node_samples[0]
        )
        assert one.rows_share == 0.5 and 0.3 * n_train < n_rows < 0.7 * n_train


def test_the_network_has_draws_before_the_selection(short, search_families, monkeypatch):
    from autometa.search import _library

    def weight_of_network():
        found = search_families(9).found
        return sum(weight for one, weight in found.members if one.family == "adapted_network")

    monkeypatch.setattr(_library, "BELIEVED_DRAWS", 1000)
    assert weight_of_network() > 0.9
    monkeypatch.setattr(_library, "BELIEVED_ROWS", 0)
    assert weight_of_network() < 0.9


def test_few_rows_allow_few_trials(search_families):
    assert len(search_families(None, families=["linear"]).trials) == 5


@pytest.mark.parametrize(
    ("n_of_each", "n_telling"),
    [([50, 50], 100), ([10, 90], 20), ([10, 80, 10], 40), ([30, 40, 30], 100), (None, 100)],
)
def test_of_a_frequent_class_only_as_many_rows_tell_as_there_are_others(n_of_each, n_telling):
    n_classes = None if n_of_each is None else len(n_of_each)
    y = np.arange(100.0) if n_of_each is None else np.repeat(np.arange(n_classes), n_of_each)
    task = EncodedTask(np.zeros((100, 1, 3), dtype=np.float32), y, np.ones(100), n_classes)

    assert _n_telling(task) == n_telling


def test_a_cheap_configuration_comes_first_where_time_is_limited():
    scores = pd.DataFrame(
        {"task": list("aabbccdd"), "family": "knn", "score": [0.8, 0.79] * 4}
        | {"hp_n_neighbors": [7, 2] * 4, "hp_weights": "uniform", "hp_p": 2}
        | {"hp_scaling": "ranked", "cost_s": [1000.0, 0.01] * 4}
    )
    knowledge, first = Knowledge.from_evaluations(scores, None), {}
    for seconds in (None, 60):
        kind = {"is_regression": False, "n_rows": 100, "deadline": Deadline(seconds)}
        config, _ = FamilyProposals("knn", lambda: knowledge, dict, **kind).next()
        first[seconds] = config["n_neighbors"]

    assert first[None] == 7 and first[60] <= 3


def test_a_family_gets_some_trials_before_its_weight_decides(search_families):
    result = search_families(30, families=["linear", "knn"])

    families = [trial.user_attrs["autometa:family"] for trial in result.trials]
    assert min(families[:10].count(name) for name in ("linear", "knn")) >= 4


@pytest.mark.parametrize(("seconds", "is_asked"), [(None, True), (60, True), (5, False)])
def test_knowledge_is_asked_when_a_family_has_its_turn(seconds, is_asked):
    asked = []

    def describe():
        asked.append(True)
        return {}

    kind = {"is_regression": False, "n_rows": 100, "deadline": Deadline(seconds)}
    proposals = FamilyProposals("linear", Knowledge.default, describe, **kind)

    assert proposals.first()["family"] == "linear" and not asked
    proposals.next()
    assert bool(asked) == is_asked


@pytest.fixture
def make_library():
    """Make a library that scores a number a row, the target being 0 to 9, and counts how often."""

    def make_library(metric):
        X, y = np.zeros((10, 1, 3), dtype=np.float32), np.arange(10.0)
        task = EncodedTask(X, y, np.ones(10), None)
        library = Library(FoldScorer(task, Folds(np.zeros((1, 10)), np.ones((1, 10))), metric))
        scores, library.n_scores = library.scorer.scores, 0

        def count(predictions):
            library.n_scores += len(predictions)
            return scores(predictions)

        library.scorer.scores = count
        return library

    return make_library


def add(library, error, number):
    predictions = np.arange(10.0)[None] + error
    score = library.scorer.scores(predictions[None])[0]
    library.add(Candidate("knn", {}, score, predictions, number))
    return library.weights


def test_weights_are_chosen_again_only_where_a_model_may_bring_something(make_library):
    library = make_library(find_metric(None, is_regression=True))
    wave = np.tile([1.0, -1.0], 5)
    before = add(library, wave, 0).tolist()

    library.n_scores = 0
    same = add(library, 2 * wave, 1).tolist()  # the same, and worse
    n_in_vain = library.n_scores
    chosen = add(library, -1.5 * wave, 2)

    assert before == [1.0] and same == [1.0, 0.0]
    assert n_in_vain < 10 < library.n_scores
    assert len(chosen) == 3 and chosen[0] > chosen[1] > chosen[2] == 0  # the best first


def test_scorers_that_take_long_choose_by_fewer_draws(make_library):
    n_scores = {}
    for name in ("neg_mean_absolute_error", "neg_median_absolute_error"):
        library = make_library(find_metric(name, is_regression=True))
        for number, error in enumerate((1.0, -2.0)):
            weights = add(library, error, number)
        n_scores[name] = library.n_scores
        assert np.abs(weights - [2 / 3, 1 / 3]).max() < 0.05

    assert n_scores["neg_median_absolute_error"] < 0.5 * n_scores["neg_mean_absolute_error"]


@pytest.fixture
def make_sure_library():
    """Make a library of two models, one that is sure and one that is not, and its target."""

    def make_sure_library(metric):
        rng = np.random.default_rng(0)
        y = np.repeat([0, 1], 300)
        X = np.zeros((600, 1, 3), dtype=np.float32)
        task = EncodedTask(X, y, np.ones(600), 2)
        folds = Folds(np.zeros((1, 600)), np.ones((1, 600)))
        library = Library(FoldScorer(task, folds, Metric(metric)))
        sure = np.where(rng.random(600) < 0.95, y, 1 - y) * 0.9 + 0.05  # right 95 times of 100
        unsure = 0.5 + (y - 0.5) * 0.4 + 0.05 * rng.normal(size=600)  # right, and hardly says so
        for number, p in enumerate((sure, unsure)):
            both = np.column_stack([1 - p, p])[None]
            score = library.scorer.scores(both[None])[0]
            library.add(Candidate("knn", {}, score, both, number))
        return library, y

    return make_sure_library


def test_weights_are_chosen_for_a_mean_that_is_made_sharper_later(make_sure_library):
    library, y = make_sure_library("neg_log_loss")
    before = library.weights
    library.settle()
    mean = {
        name: np.tensordot(weights, np.stack([c.predictions for c in library.candidates]), axes=1)
        for name, weights in (("before", before), ("after", library.weights))
    }

    def sharpened(probabilities):
        return log_loss(y, temper(probabilities[0], 0.5))

    assert library.weights.sum() == pytest.approx(1.0)
    assert sharpened(mean["after"]) < sharpened(mean["before"])
    assert library.weights[1] > before[1]
    few = library.weights
    library.settle(most=50)  # too few rows to choose by
    np.testing.assert_array_equal(library.weights, few)


@pytest.mark.parametrize("metric", ["roc_auc", "roc_auc_ovr"])
def test_beside_the_area_under_the_curve_the_log_loss_has_half_of_the_say(
    make_sure_library, metric
):
    library, _ = make_sure_library(metric)
    of_losses = make_sure_library("neg_log_loss")[0]
    by_area = {c.trial: w for c, w in zip(library.candidates, library.weights, strict=True)}
    by_loss = {c.trial: w for c, w in zip(of_losses.candidates, of_losses.weights, strict=True)}

    library.settle(most=50)  # too few of the rows to choose by
    kept = {c.trial: w for c, w in zip(library.candidates, library.weights, strict=True)}
    assert kept == by_area
    library.settle()

    found = {c.trial: w for c, w in zip(library.candidates, library.weights, strict=True)}
    assert by_area != by_loss
    assert found == pytest.approx({n: (by_area[n] + by_loss[n]) / 2 for n in by_area})


def test_boosting_ends_on_the_first_fold_where_the_score_stays_the_same(short, search_families):
    [trial] = search_families(1, families=["hist_gradient_boosting"], n_folds=1).trials

    assert trial.params["hist_gradient_boosting.max_iter"] == 100
    assert trial.user_attrs["autometa:n_steps"] < 100


def test_staleness_looks_at_few_steps_and_waits_for_some():
    asked, scores = [], {7: 0.6, 20: 0.7}
    stale = _Staleness(SimpleNamespace(score=lambda n_steps, fold: scores.get(n_steps, 0.5)))

    def predict(n_steps):
        asked.append(n_steps)
        return n_steps

    ended = next(n for n in range(1, 500) if stale.is_stale(n, partial(predict, n)))

    assert asked == [5, 7, 10, 14, 20, 28, 40, 56]  # the last three after the best
    assert ended == 56


def test_labels_that_stay_the_same_at_first_do_not_end_growth():
    stale = _Staleness(SimpleNamespace(score=lambda found, fold: 0.5))

    assert not any(stale.is_stale(n_steps, list) for n_steps in range(1, 500))


def test_an_error_of_a_library_ends_a_trial_and_is_said(short, search_families, monkeypatch):
    fit = FoldModels.fit

    class LibraryError(Exception):
        pass

    def fail(self, model, *options):
        if "Neighbours" in type(model.model).__name__:
            raise LibraryError("all train targets are equal")
        return fit(self, model, *options)

    monkeypatch.setattr(FoldModels, "fit", fail)

    with pytest.warns(FamilyWarning, match="'knn' failed: LibraryError.* targets are equal"):
        result = search_families(6, families=["linear", "knn"])

    assert {one.family for one in result.found.candidates} == {"linear"}
