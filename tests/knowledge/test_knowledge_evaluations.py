import json
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from autometa.exceptions import ArtefactError, InvalidInputError, SpaceWarning
from autometa.families import find_family
from autometa.knowledge import Knowledge
from autometa.proposers import PortfolioProposer, SurrogateProposer
from autometa.tasks import fingerprint

optuna.logging.set_verbosity(optuna.logging.WARNING)


def table_of(X):
    return fingerprint(X, X["a"] > 0.5).to_dict()


@pytest.fixture
def tables():
    return [
        pd.DataFrame(np.random.default_rng(s).random((60, 3)), columns=list("abc")) for s in (0, 1)
    ]


@pytest.fixture
def knowledge(tables):
    evaluations = pd.DataFrame(
        {
            "task": ["one", "one", "two", "two"],
            "family": ["svm", "knn", "svm", "svm"],
            "score": [0.5, 0.6, np.nan, 0.8],
            "cost_s": [1.0, np.nan, 3.0, 4.0],
            "step": [1, 1, 1, 2],
            "hp_C": [1.0, np.nan, 10.0, 0.1],
            "hp_depth": pd.Series([3, None, "auto", "auto"], dtype=object),
            "hp_k": [np.nan, 5, np.nan, np.nan],
        }
    )
    metafeatures = pd.DataFrame({"n": [1.0, np.nan]}, index=["one", "two"])
    tasks = {
        "one": {"openml_id": 31, "family": "credit", "fingerprint": table_of(tables[0])},
        "two": {"openml_id": 37, "family": "health", "fingerprint": table_of(tables[1])},
    }
    return Knowledge.from_evaluations(evaluations, metafeatures, tasks=tasks, provenance={"a": 1})


def assert_equal(one, other):
    assert one.families == other.families and one.tasks == other.tasks
    assert one.spaces == other.spaces and one.provenance == other.provenance
    pd.testing.assert_frame_equal(one.metafeatures, other.metafeatures)
    for family, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[family], check_dtype=False)


def test_families_keep_the_hyperparameters_that_are_theirs(knowledge):
    assert set(knowledge.spaces["svm"]) == {"C", "depth"}
    assert set(knowledge.spaces["knn"]) == {"k"}
    assert knowledge.tables["svm"]["hp_depth"].tolist() == [3, "auto", "auto"]


def test_what_is_saved_is_loaded(knowledge, tmp_path):
    knowledge.save(tmp_path / "kept")

    assert_equal(Knowledge.load(tmp_path / "kept"), knowledge)


def test_saving_writes_parquet_and_json_only(knowledge, tmp_path):
    knowledge.save(tmp_path)

    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".json"}


def test_knowledge_of_nothing_is_saved_too(tmp_path):
    Knowledge().save(tmp_path)

    assert Knowledge.load(tmp_path).families == []


def test_a_flipped_byte_is_found(knowledge, tmp_path):
    knowledge.save(tmp_path)
    path = tmp_path / "evaluations-0.parquet"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtefactError, match=r"evaluations-0.parquet is corrupted"):
        Knowledge.load(tmp_path)


def test_a_missing_file_and_foreign_folders_are_refused(knowledge, tmp_path):
    with pytest.raises(ArtefactError, match="no readable knowledge.json.*Knowledge.save"):
        Knowledge.load(tmp_path)
    knowledge.save(tmp_path)
    (tmp_path / "metafeatures.parquet").unlink()
    with pytest.raises(ArtefactError, match="no complete knowledge"):
        Knowledge.load(tmp_path)
    described = json.loads((tmp_path / "knowledge.json").read_text())
    described |= {"format_version": 9, "versions": {"autometa": "7.8.9"}}
    (tmp_path / "knowledge.json").write_text(json.dumps(described))
    with pytest.raises(ArtefactError, match="version 9, .* reads version 1.*autometa==7.8.9"):
        Knowledge.load(tmp_path)


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("one", ["two"]),
        (31, ["two"]),
        ("health", ["one"]),
        (["one", 37], []),
        ("svm", ["one"]),
        (np.array(["one", "x"]), ["two"]),
        (pd.Index([37, 38]), ["one"]),
    ],
)
def test_tasks_are_left_out_by_name_id_and_family(knowledge, exclude, left):
    assert list(knowledge.filter(exclude=exclude).tasks) == left


def test_one_family_may_be_kept_by_its_name(knowledge):
    assert knowledge.filter(families="knn").families == ["knn"]
    with pytest.raises(InvalidInputError, match=r"Unknown families \['kn'\]; known are"):
        knowledge.filter(families="kn")


def test_tasks_are_left_out_by_fingerprint_of_a_part(knowledge, tables):
    part = tables[1].iloc[10:45]

    assert list(knowledge.filter(exclude=fingerprint(part, part["a"] > 0.5)).tasks) == ["one"]


def test_merging_gives_the_parts_back_together(knowledge):
    one, two = knowledge.filter(exclude="two"), knowledge.filter(exclude="one")

    merged = one.merge(two)

    assert sum(map(len, merged.tables.values())) == 4
    assert merged.merge(two).tables["svm"].shape == merged.tables["svm"].shape


@pytest.mark.parametrize("described", [False, True])
def test_merging_with_nothing_changes_nothing(knowledge, described):
    known = knowledge
    if not described:
        known = Knowledge.from_evaluations(knowledge.to_evaluations()[0], None)

    for merged in (known.merge(Knowledge()), Knowledge().merge(known)):
        assert merged.spaces == known.spaces and list(merged.tasks) == list(known.tasks)
        pd.testing.assert_frame_equal(
            merged.metafeatures, known.metafeatures, check_column_type=False
        )


def test_merging_joins_metafeatures_and_spaces():
    C, kernel = FloatDistribution, CategoricalDistribution
    rows = pd.DataFrame({"task": ["a", "b"], "family": "svm", "hp_C": 0.5, "score": [0.1, 0.2]})
    described = pd.DataFrame({"n": [1.0, 2.0], "m": [3.0, 4.0]}, index=["a", "b"])
    ours = {"C": C(0.1, 1), "kernel": kernel(["rbf"])}
    one = Knowledge.from_evaluations(rows.assign(hp_kernel="rbf"), described, ours)
    rows = rows.assign(task=["b", "c"], hp_kernel=["poly", "rbf"], hp_degree=[2, None])
    described = pd.DataFrame({"m": [5.0, 6.0], "k": [np.nan, 7.0]}, index=["b", "c"])
    theirs = {"C": C(0.4, 10), "kernel": kernel(["poly", "rbf"]), "degree": IntDistribution(2, 4)}
    other = Knowledge.from_evaluations(rows, described, theirs)

    merged = one.merge(other)

    found = merged.metafeatures[["n", "m", "k"]].T.to_dict("list")
    np.testing.assert_equal(found, {"a": [1, 3, np.nan], "b": [2, 5, np.nan], "c": [np.nan, 6, 7]})
    assert merged.spaces["svm"] == {
        "C": C(0.1, 10),
        "kernel": kernel(["rbf", "poly"]),
        "degree": IntDistribution(2, 4),
    }
    table = merged.tables["svm"]
    assert table["task"].tolist() == ["a", "b", "b", "c"]
    assert table["hp_degree"].notna().tolist() == [False, False, True, False]
    assert one.spaces["svm"] == ours, "the parts stay as they were"


def test_a_number_here_and_a_category_there_are_not_merged():
    rows = pd.DataFrame({"task": ["a"], "family": "svm", "score": [0.1]})
    one, other = (
        Knowledge.from_evaluations(rows.assign(hp_gamma=[value]), None) for value in (0.1, "scale")
    )

    with pytest.raises(InvalidInputError, match="'gamma' is a FloatDistribution here and a Cat"):
        one.merge(other)


def test_what_is_exported_makes_the_same_knowledge(knowledge):
    again = Knowledge.from_evaluations(*knowledge.to_evaluations())

    assert again.spaces == knowledge.spaces
    assert again.tables["svm"]["hp_C"].tolist() == knowledge.tables["svm"]["hp_C"].tolist()


def test_whole_numbers_stay_whole_beside_a_family_without_them():
    rows = pd.DataFrame({"task": "a", "hp_k": [1, 4, 9, 20], "family": "knn", "score": 0.5})
    others = pd.DataFrame({"task": "a", "hp_C": [0.1, 2.5], "family": "svm", "score": 0.5})
    knowledge = Knowledge.from_evaluations(pd.concat([rows, others]), None)

    again = Knowledge.from_evaluations(*knowledge.to_evaluations())

    for known in (knowledge, again):
        assert known.tables["knn"]["hp_k"].tolist() == [1, 4, 9, 20]
        assert known.spaces["knn"] == {"k": IntDistribution(1, 20, log=True)}
        assert known.spaces["svm"] == {"C": FloatDistribution(0.1, 2.5)}
        search = SurrogateProposer(known, "knn").start()
        assert all(type(search.ask()["k"]) is int for _ in range(8))


def test_what_ships_is_exported_with_the_types_of_its_hyperparameters():
    known = Knowledge.default().filter(families=["knn", "lightgbm", "random_forest"])

    again = Knowledge.from_evaluations(*known.to_evaluations())

    kinds = [
        {family: {name: type(d) for name, d in space.items()} for family, space in spaces.items()}
        for spaces in (known.spaces, again.spaces)
    ]
    assert kinds[0] == kinds[1]


def make_study(objective, n_trials=5, **options):
    study = optuna.create_study(
        study_name="mine", sampler=optuna.samplers.RandomSampler(seed=0), **options
    )
    study.optimize(objective, n_trials=n_trials, catch=(ValueError,))
    return study


def test_a_study_becomes_knowledge_with_its_sign_conditions_and_failures(tables):
    def objective(trial):
        kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
        if kernel == "rbf":
            trial.suggest_float("gamma", 0.01, 1, log=True)
        if trial.number == 3:
            raise ValueError("crashed")
        trial.report(9.0, step=1)
        return 1.0 + trial.number

    knowledge = Knowledge()
    knowledge.add_study(make_study(objective), tables[0], tables[0]["a"] > 0.5, family="machine")

    table = knowledge.tables["machine"]
    assert table["score"].dropna().tolist() == [-1.0, -2.0, -3.0, -5.0]
    assert table["score"].isna().sum() == 1
    is_rbf = table["hp_kernel"] == "rbf"
    assert (table["hp_gamma"].notna() == is_rbf).all()
    assert knowledge.metafeatures.loc["mine", "n_rows"] == 60
    assert knowledge.filter(exclude=fingerprint(tables[0])).tasks == {}


def test_a_study_of_another_space_is_fitted_with_warnings(tables):
    evaluations = pd.DataFrame(
        {"task": "a", "family": "svm", "score": [0.1, 0.2], "hp_C": [1.0, 2.0], "hp_kernel": "rbf"}
    )
    space = {"C": FloatDistribution(0.5, 5), "kernel": CategoricalDistribution(["rbf", "poly"])}
    knowledge = Knowledge.from_evaluations(evaluations, None, space)
    study = make_study(lambda trial: trial.suggest_float("C", 10, 20), direction="maximize")

    with pytest.warns(SpaceWarning) as caught:
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="svm")

    messages = " ".join(str(warning.message) for warning in caught)
    assert "clipped to 5.0" in messages and "'kernel' is missing and was filled" in messages
    added = knowledge.tables["svm"].query("task == 'mine'")
    assert set(added["hp_C"]) == {5.0} and set(added["hp_kernel"]) == {"rbf"}
    assert knowledge.spaces["svm"] == space


def test_what_plays_no_part_is_not_filled_for_a_study_that_lacks_it(tables):
    rows = [
        {"task": "classes", "hp_C": 1.0, "hp_kernel": "rbf", "hp_gamma": 0.1},
        {"task": "classes", "hp_C": 1.0, "hp_kernel": "rbf", "hp_gamma": 0.1},
        {"task": "classes", "hp_C": 2.0, "hp_kernel": "poly", "hp_gamma": 0.1, "hp_degree": 3.0},
        {"task": "numbers", "hp_C": 2.0, "hp_kernel": "rbf", "hp_gamma": 0.2, "hp_epsilon": 0.1},
    ]
    evaluations = pd.DataFrame(rows).assign(family="svm", score=[0.1, 0.2, 0.3, 0.4])
    knowledge = Knowledge.from_evaluations(
        evaluations, None, tasks={"classes": {"kind": "binary"}, "numbers": {"kind": "regression"}}
    )
    study = make_study(lambda trial: trial.suggest_float("C", 1, 2))

    with pytest.warns(SpaceWarning) as caught:
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="svm")

    added = knowledge.tables["svm"].query("task == 'mine'")
    assert set(added["hp_kernel"]) == {"rbf"} and set(added["hp_gamma"]) == {0.2}
    assert "gamma=1.0 is out of range and was clipped to 0.2" in str(caught.list[-1].message)
    assert added["hp_degree"].isna().all(), "beside the kernel rbf"
    assert added["hp_epsilon"].isna().all(), "on classes"
    assert not any("degree" in str(w.message) or "epsilon" in str(w.message) for w in caught)
    assert knowledge.tasks["mine"]["kind"] == "binary"
    assert "mine" not in knowledge.filter(is_regression=True).tasks


@pytest.mark.parametrize(("family", "filled"), [("svm", "rbf"), ("machine", "poly")])
def test_what_a_study_lacks_is_the_librarys_default_and_of_foreign_families_the_usual(
    tables, family, filled
):
    kernels = ["poly", "poly", "rbf"]
    evaluations = pd.DataFrame({"task": "a", "hp_C": [1.0, 2.0, 3.0], "hp_kernel": kernels})
    evaluations = evaluations.assign(family=family, score=[0.1, 0.2, 0.3])
    knowledge = Knowledge.from_evaluations(evaluations, None)
    study = make_study(lambda trial: trial.suggest_float("C", 1, 3))

    with pytest.warns(SpaceWarning, match=f"'kernel' is missing .* its default, '{filled}'"):
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family=family)

    added = knowledge.tables[family].query("task == 'mine'")
    assert set(added["hp_kernel"]) == {filled}


def test_a_study_of_a_family_of_ours_is_fitted_to_its_space_where_nothing_else_is_known(tables):
    study = make_study(
        lambda trial: (
            trial.suggest_float("C", 5e3, 1e4)
            + (trial.suggest_categorical("kernel", ["poly", "POLY"]) == "poly")
            + trial.suggest_float("tol", 0, 1)
        )
    )
    knowledge = Knowledge()

    with pytest.warns(SpaceWarning) as caught:
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="svm")

    assert knowledge.spaces["svm"] == find_family("svm").space(is_regression=False)
    table = knowledge.tables["svm"].drop(columns=["task", "step", "score", "cost_s"])
    [config] = table.drop_duplicates().to_dict("records")
    assert config == {
        "hp_kernel": "poly",
        "hp_C": 1000.0,
        "hp_gamma": 1.0,
        "hp_degree": 3,
        "hp_coef0": 0.0,
        "hp_scaling": "standardised",
    }
    messages = " ".join(str(warning.message) for warning in caught)
    assert "clipped to 1000.0" in messages and "'tol' is not in the space" in messages
    assert "'degree' is missing and was filled with its default, 3" in messages


def test_what_plays_no_part_in_a_family_of_ours_has_a_column_and_no_value(tables):
    study = make_study(lambda trial: trial.suggest_float("C", 1, 2), direction="maximize")
    knowledge = Knowledge()

    with pytest.warns(SpaceWarning):
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="svm")

    assert knowledge.tables["svm"][["hp_degree", "hp_coef0"]].isna().all(axis=None)
    config = PortfolioProposer(knowledge, "svm").start().ask()
    assert config["kernel"] == "rbf" and "degree" not in config


def test_a_study_on_numbers_brings_what_a_family_of_ours_has_for_them(tables):
    classes = make_study(lambda trial: trial.suggest_float("C", 1, 2))
    numbers = make_study(lambda trial: trial.suggest_float("alpha", 1, 2))
    knowledge = Knowledge()

    with pytest.warns(SpaceWarning, match="'scaling' is missing"):
        knowledge.add_study(classes, tables[0], tables[0]["a"] > 0.5, family="linear", name="yes")
        knowledge.add_study(numbers, tables[1], tables[1]["a"], family="linear", name="much")

    table = knowledge.tables["linear"]
    is_number = table["task"] == "much"
    assert (table["hp_C"].notna() == ~is_number).all()
    assert (table["hp_alpha"].notna() == is_number).all()
    assert table["hp_alpha"].dropna().between(1, 2).all()


def test_a_study_that_has_only_the_name_of_a_family_of_ours_keeps_its_space(tables):
    study = make_study(lambda trial: trial.suggest_float("svc__C", 1, 2))
    knowledge = Knowledge()

    knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="svm")

    assert knowledge.spaces["svm"] == {"svc__C": FloatDistribution(1, 2)}


def test_categories_that_are_whole_numbers_stay_apart_where_some_trials_lack_them(tables):
    def objective(trial):
        if trial.suggest_categorical("kernel", ["rbf", "poly"]) == "poly":
            return float(trial.suggest_categorical("degree", [2, 3, 5]))
        return 0.0

    study = make_study(objective, 20, direction="maximize")
    knowledge = Knowledge()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        knowledge.add_study(study, tables[0], tables[0]["a"] > 0.5, family="machine")

    search = PortfolioProposer(knowledge, "machine").start()
    asked = [search.ask() for _ in range(4)]

    assert [config.get("degree") for config in asked] == [5, 3, 2, None]
    assert {type(config["degree"]) for config in asked[:3]} == {int}


def test_what_is_never_known_beside_a_category_is_not_filled_in_foreign_families(tables):
    rows = [
        {"hp_C": 1.0, "hp_kernel": "rbf", "hp_gamma": 0.1},
        {"hp_C": 2.0, "hp_kernel": "rbf", "hp_gamma": 0.2},
        {"hp_C": 3.0, "hp_kernel": "poly", "hp_degree": 3, "hp_gamma": 0.2},
    ]
    evaluations = pd.DataFrame(rows).assign(task="a", family="machine", score=[0.1, 0.2, 0.3])
    knowledge = Knowledge.from_evaluations(evaluations, None)

    with pytest.warns(SpaceWarning) as caught:
        knowledge.add_study(_study(({"C": 2.0}, 0.9)), *_given(tables[0]), family="machine")

    added = knowledge.tables["machine"].query("task == 'one'")
    assert added["hp_kernel"].tolist() == ["rbf"] and added["hp_gamma"].tolist() == [0.2]
    assert added["hp_degree"].isna().all()
    assert not any("degree" in str(warning.message) for warning in caught)


def test_a_study_of_other_names_than_those_known_is_refused(tables):
    known = Knowledge.from_evaluations(_scores("q", hp_C=[0.5, 1.5], score=[1.0, 2.0]), None)

    with pytest.raises(InvalidInputError, match="tunes svc__C, and of 'm' C are known"):
        known.add_study(_study(({"svc__C": 1.0}, 0.9)), *_given(tables[0]), family="m")

    assert list(known.tasks) == ["q"]


def test_studies_without_a_score_are_refused(tables):
    X, y = tables[0], tables[0]["a"] > 0.5
    with pytest.raises(InvalidInputError, match="has no complete trial"):
        Knowledge().add_study(optuna.create_study(study_name="none"), X, y, family="svm")
    several = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(InvalidInputError, match="2 objectives"):
        Knowledge().add_study(several, X, y, family="svm")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="score"), "lack the columns"),
        (lambda t: t.assign(loss=1), "unknown meaning: loss"),
        (lambda t: t.iloc[:0], "are empty"),
        (lambda t: t.assign(score="good"), "must be numeric"),
        (lambda t: t.assign(cost_s=-1.0), "cost_s must be >= 0"),
        (lambda t: t.assign(task=None), "no task"),
    ],
)
def test_bad_evaluations_are_told(knowledge, change, message):
    evaluations, metafeatures = knowledge.to_evaluations()

    with pytest.raises(InvalidInputError, match=message):
        Knowledge.from_evaluations(change(evaluations), metafeatures)


def test_bad_meta_features_and_spaces_are_told(knowledge):
    evaluations, metafeatures = knowledge.to_evaluations()
    with pytest.raises(InvalidInputError, match="No task of the evaluations"):
        Knowledge.from_evaluations(evaluations, metafeatures.set_axis(["x", "y"]))
    with pytest.raises(InvalidInputError, match="must be numeric"):
        Knowledge.from_evaluations(evaluations, metafeatures.assign(name="text"))
    with pytest.raises(InvalidInputError, match=r"column 'task'.*metafeatures.set_index\('task'\)"):
        Knowledge.from_evaluations(evaluations, metafeatures.reset_index().set_axis([31, 37]))
    with pytest.raises(InvalidInputError, match="Some metafeatures are of no task"):
        Knowledge.from_evaluations(evaluations, metafeatures.set_axis([np.nan, "two"]))
    with pytest.raises(InvalidInputError, match="families svn, of which there are no evaluations"):
        Knowledge.from_evaluations(evaluations, None, {"svn": knowledge.spaces["svm"]})
    with pytest.raises(InvalidInputError, match="The space lacks"):
        Knowledge.from_evaluations(evaluations, None, {"C": FloatDistribution(0, 1)})


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (["one"], r"tasks must be a dict .* got \['one'\]"),
        ({"one": "credit"}, "tasks must be a dict"),
        ({"zz": {"openml_id": 1}}, r"\(one, two\) is among tasks \(zz\)"),
    ],
)
def test_a_bad_provenance_of_tasks_is_told(knowledge, tasks, message):
    with pytest.raises(InvalidInputError, match=message):
        Knowledge.from_evaluations(*knowledge.to_evaluations(), tasks=tasks)


def test_a_provenance_that_json_does_not_hold_is_told(tmp_path):
    rows = _scores(["a"], hp_d=[1], score=[0.1])
    for provenance in ({np.int64(3): "three"}, {"all": {(1, 2): 3}}):
        known = Knowledge.from_evaluations(rows, None, provenance=provenance)
        with pytest.raises(InvalidInputError, match="Provenance must be what JSON holds"):
            known.save(tmp_path)


def test_infinity_may_be_the_name_of_a_task():
    knowledge = Knowledge.from_evaluations(_scores([np.inf, 1.0], hp_d=1, score=0.5), None)

    assert list(knowledge.tasks) == ["inf", "1"]


def test_tasks_may_be_named_by_numbers():
    evaluations = pd.DataFrame({"task": [31, 37], "family": "knn", "score": 0.5, "hp_k": 1})
    metafeatures = pd.DataFrame({0: [1.0, 2.0]}, index=[31.0, 37.0])

    knowledge = Knowledge.from_evaluations(evaluations, metafeatures)

    assert knowledge.metafeatures.loc["37", "0"] == 2.0


def test_tasks_of_the_other_kind_are_left_out_and_unknown_ones_kept():
    rows = pd.DataFrame({"task": list("abcd"), "family": "knn", "hp_k": 1, "score": 0.5})
    kinds = {"a": "binary", "b": "multiclass", "c": "regression"}
    tasks = {name: {"kind": kind} for name, kind in kinds.items()}
    knowledge = Knowledge.from_evaluations(rows, None, tasks=tasks)

    assert list(knowledge.filter(is_regression=True).tasks) == ["c", "d"]
    assert list(knowledge.filter(is_regression=False).tasks) == ["a", "b", "d"]
    assert list(knowledge.filter().tasks) == ["a", "b", "c", "d"]


def test_the_shipped_evaluations_are_read_once_and_from_inside_the_package(monkeypatch, tmp_path):
    from autometa.knowledge import evaluations

    rows = pd.DataFrame({"task": ["a"], "family": "knn", "hp_k": [1], "score": [0.5]})
    assert isinstance(Knowledge.default(), Knowledge)
    assert evaluations.shipped_evaluations() is evaluations.shipped_evaluations()

    monkeypatch.setattr(evaluations, "__file__", str(tmp_path / "evaluations.py"))
    read_anew = evaluations.shipped_evaluations.__wrapped__
    assert read_anew().families == []
    Knowledge.from_evaluations(rows, None).save(tmp_path / "shipped" / "evaluations")
    assert read_anew().families == ["knn"]


def _study(*trials, direction="maximize", name="one"):
    study = optuna.create_study(direction=direction, study_name=name)
    for params, value in trials:
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        distributions = {key: FloatDistribution(0, 20) for key in params}
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, value=value, state=state
            )
        )
    return study


def _given(table):
    return table, table["a"] > 0.5


def _scores(task, family="m", **columns):
    return pd.DataFrame({"task": task, "family": family, **columns})


def test_a_study_keeps_all_its_trials_and_a_failure_does_not_take_the_place_of_a_score(tables):
    X, y = _given(tables[0])
    before = Knowledge.from_evaluations(_scores("q", hp_C=[0.5, 1.5], score=[1.0, 2.0]), None)

    same = before.add_study(_study(({"C": 1.0}, 0.9), ({"C": 1.0}, None)), X, y, family="m")

    assert same.tables["m"]["score"].tolist()[2:3] == [0.9]
    search = SurrogateProposer(same, "m").start()
    assert search.forecast({"C": 1.0}).score > 0.5


def test_trials_that_a_range_makes_equal_all_count(tables):
    whole = Knowledge.from_evaluations(_scores("q", hp_C=[1, 3], score=[1.0, 2.0]), None)
    with pytest.warns(SpaceWarning, match="clipped to 3|rounded to 2"):
        whole.add_study(
            _study(({"C": 8.8}, 0.1), ({"C": 1.7}, 0.7), ({"C": 9.9}, 0.3)),
            *_given(tables[0]),
            family="m",
        )

    added = whole.tables["m"][whole.tables["m"]["task"] == "one"]
    assert added[["hp_C", "score"]].to_numpy().tolist() == [[3, 0.1], [2, 0.7], [3, 0.3]]


def test_studies_of_one_name_on_other_data_are_refused_and_on_the_same_joined(tables):
    first, second = _study(({"C": 1.0}, 0.9)), _study(({"C": 2.0}, 0.8))
    knowledge = Knowledge().add_study(first, *_given(tables[0]), family="m")

    with pytest.raises(InvalidInputError, match=r"'one' is known already.*name="):
        knowledge.add_study(second, *_given(tables[1]), family="m")
    knowledge.add_study(second, *_given(tables[0]), family="m")
    knowledge.add_study(second, *_given(tables[1]), family="m", name="two")

    assert list(knowledge.tasks) == ["one", "two"]
    assert knowledge.tables["m"]["score"].tolist() == [0.9, 0.8, 0.8]


def test_where_a_task_comes_from_survives_numbers_as_names_and_merging():
    rows = _scores([31, 31], hp_d=[1, 2], score=[0.1, 0.2])
    known = Knowledge.from_evaluations(rows, None, tasks={31: {"openml_id": np.int64(31)}})

    merged = known.merge(Knowledge.from_evaluations(rows.assign(family="other"), None))

    assert merged.tasks == {"31": {"openml_id": 31}}
    for exclude in (31, "31", [31], ["31"]):
        assert not merged.filter(exclude=exclude).tasks
    assert list(merged.filter(exclude=None).tasks) == list(merged.filter(exclude=[32]).tasks)
    with pytest.raises(InvalidInputError, match="Accepted are names, OpenML data ids"):
        merged.filter(exclude=[3.5])


def test_a_fingerprint_may_be_given_as_it_is_stored(tables):
    knowledge = Knowledge().add_study(_study(({"C": 1.0}, 0.9)), *_given(tables[0]), family="m")

    assert not knowledge.filter(exclude=knowledge.tasks["one"]["fingerprint"]).tasks


def test_numbers_of_numpy_are_saved(tmp_path):
    rows = _scores(["a"], hp_d=[1], score=[0.1])
    Knowledge.from_evaluations(rows, None, tasks={"a": {"openml_id": np.int64(31)}}).save(tmp_path)

    assert Knowledge.load(tmp_path).tasks == {"a": {"openml_id": 31}}


def test_whole_numbers_and_others_are_merged():
    whole = Knowledge.from_evaluations(_scores(["a", "a"], hp_C=[1, 10], score=[1, 2.0]), None)
    other = Knowledge.from_evaluations(_scores(["b", "b"], hp_C=[0.5, 2.0], score=[1, 2.0]), None)

    for merged in (whole.merge(other), other.merge(whole)):
        assert merged.spaces["m"]["C"] == FloatDistribution(0.5, 10.0)
    with pytest.raises(InvalidInputError, match="Only Knowledge can be merged, got str"):
        whole.merge("other")


@pytest.mark.parametrize(
    ("space", "found"),
    [
        ({"d": IntDistribution(5, 30), "c": CategoricalDistribution(["gini"])}, "d=1"),
        ({"d": IntDistribution(1, 30), "c": CategoricalDistribution(["entropy"])}, "c='gini'"),
    ],
)
def test_a_space_that_does_not_hold_the_evaluations_is_refused(space, found):
    rows = _scores(["a", "a"], hp_d=[1, 10], hp_c=["gini", "gini"], score=[1, 2.0])

    with pytest.raises(InvalidInputError, match=f"evaluated with {found}, which is not of its"):
        Knowledge.from_evaluations(rows, None, space)


def test_values_that_are_neither_numbers_nor_texts_are_refused():
    rows = _scores(["a", "a"], hp_h=[(1,), (2, 2)], score=[1, 2.0])

    with pytest.raises(InvalidInputError, match=r"hp_h holds \(1,\).*Write such values as texts"):
        Knowledge.from_evaluations(rows, None)


def test_none_may_be_a_category(tmp_path):
    rows = [
        {"task": f"t{task}", "family": "m", "hp_mf": mf, "hp_d": d, "score": score + d / 1_000}
        for task in range(10)
        for mf, score in ((None, 0.9), ("sqrt", 0.5), ("log2", 0.4))
        for d in (3, 5, 9)
    ]
    space = {"mf": CategoricalDistribution(["sqrt", None, "log2"]), "d": IntDistribution(3, 9)}
    knowledge = Knowledge.from_evaluations(pd.DataFrame(rows), None, space)
    knowledge.save(tmp_path)

    for known in (knowledge, Knowledge.load(tmp_path)):
        search = SurrogateProposer(known, "m").start()
        assert search.ask() == {"mf": None, "d": 9}
        search.tell({"mf": None, "d": 9}, 0.909)
        assert search.ask() != {"mf": None, "d": 9}


def test_the_kind_of_a_target_may_be_said(tables):
    X, _ = _given(tables[0])
    ratings = np.arange(len(X)) % 3
    knowledge = Knowledge()
    for kind in (None, "regression"):
        study = _study(({"C": 1.0}, 0.9), name=str(kind))
        knowledge.add_study(study, X, ratings, family="m", kind=kind)

    assert [about["kind"] for about in knowledge.tasks.values()] == ["multiclass", "regression"]
    assert np.isnan(knowledge.metafeatures.loc["regression", "n_classes"])


def test_what_ships_is_not_changed_by_studies(tables):
    Knowledge.default().add_study(_study(({"C": 1.0}, 0.9)), *_given(tables[0]), family="m")

    assert "m" not in Knowledge.default().families
