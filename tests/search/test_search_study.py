import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.linear_model import LogisticRegression

from autometa.exceptions import InvalidInputError
from autometa.families import Family
from autometa.search import SearchStudy, open_study

TASK = {"fingerprint": "f", "metric": "accuracy", "folds": [1, 2]}


def add(study, **params):
    for name, value in params.items():
        study.add_trial(
            optuna.trial.create_trial(
                params={name: value},
                distributions={name: optuna.distributions.FloatDistribution(0, 1)},
                value=value,
            )
        )


@pytest.fixture(params=["sqlite", "journal"])
def storage(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    return JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))


def test_a_study_without_storage_is_new_every_time():
    studies = [open_study(task_description=TASK) for _ in range(2)]

    assert studies[0].study_name != studies[1].study_name
    assert isinstance(studies[0], optuna.Study)
    assert studies[0].direction == optuna.study.StudyDirection.MAXIMIZE


def test_a_stored_study_is_resumed(storage):
    add(open_study(task_description=TASK, storage=storage, study_name="s"), x=0.5)

    # what JSON makes lists of, agrees
    description = {**TASK, "folds": (1, 2)}
    resumed = open_study(task_description=description, storage=storage, study_name="s")

    assert [trial.value for trial in resumed.trials] == [0.5]
    plain = optuna.load_study(study_name="s", storage=storage)
    assert plain.best_value == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fingerprint": "g"}, "other fingerprint"),
        ({"metric": "r2"}, "other metric"),
        ({"folds": [1, 3]}, "other folds"),
        ({"metric": "r2", "folds": []}, "other folds, metric"),
    ],
)
def test_a_study_about_something_else_is_not_resumed(change, message):
    storage = optuna.storages.InMemoryStorage()
    open_study(task_description=TASK, storage=storage, study_name="s")

    with pytest.raises(InvalidInputError, match=f"{message}.*another study_name"):
        open_study(task_description={**TASK, **change}, storage=storage, study_name="s")


def test_a_users_study_that_has_trials_is_not_resumed(storage):
    add(optuna.create_study(storage=storage, study_name="s", direction="maximize"), x=0.5)

    with pytest.raises(InvalidInputError, match="other fingerprint, folds, metric"):
        open_study(task_description=TASK, storage=storage, study_name="s")


def test_a_users_empty_study_is_used_unless_it_minimises(storage):
    optuna.create_study(storage=storage, study_name="up", direction="maximize")
    optuna.create_study(storage=storage, study_name="down")

    assert open_study(task_description=TASK, storage=storage, study_name="up").trials == []
    with pytest.raises(InvalidInputError, match="'down' minimises"):
        open_study(task_description=TASK, storage=storage, study_name="down")


def test_studies_of_two_names_share_a_storage(storage):
    open_study(task_description=TASK, storage=storage, study_name="a")
    open_study(task_description={**TASK, "metric": "r2"}, storage=storage, study_name="b")

    names = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
    assert names == {"a", "b"}


def test_stop_works_while_a_search_runs_and_as_in_optuna_otherwise():
    study = open_study(task_description=TASK)

    with pytest.raises(RuntimeError):
        study.stop()
    study.is_searching = True
    study.stop()
    assert study.is_stopped

    study.is_searching = False
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3,
                   callbacks=[lambda study, trial: study.stop()])  # fmt: skip
    assert len(study.trials) == 1


def test_the_seed_decides_what_is_sampled_and_resuming_samples_anew(storage):
    space = {"x": optuna.distributions.FloatDistribution(0, 1)}

    def sample(seed, storage=None):
        study = open_study(task_description=TASK, storage=storage, study_name="s", seed=seed)
        asked = [study.ask(space) for _ in range(3)]
        for trial in asked:
            study.tell(trial, trial.params["x"])
        return [trial.params["x"] for trial in asked]

    assert sample(0) == sample(0) == sample(0, storage) != sample(1)
    assert not set(sample(0)) & set(sample(0, storage))


def test_a_study_is_an_optuna_study():
    assert issubclass(SearchStudy, optuna.Study)


def own_family(C, penalties=("l2", None)):
    space = {"C": C, "penalty": CategoricalDistribution(penalties)}
    return Family("own", LogisticRegression(), space)


def resume(storage, family):
    families = ["linear", family]
    common = {"task_description": TASK, "storage": storage, "study_name": "s"}
    study = open_study(**common, families=families)
    trial = study.ask({f"own.{name}": d for name, d in family.space().items()})
    study.tell(trial, 0.5)
    return len(study.trials)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (own_family(FloatDistribution(0.1, 1), ("l2", "l1", None)), "'own' with 'penalty' from"),
        (own_family(CategoricalDistribution([0.1, 1.0])), "'own' with 'C' from FloatDistribution"),
        (own_family(FloatDistribution(0.1, 1, log=True)), "'own' with 'C' from FloatDistribution"),
    ],
)
def test_an_own_family_of_another_space_is_not_resumed(storage, changed, message):
    assert resume(storage, own_family(FloatDistribution(0.1, 1))) == 1
    assert resume(storage, own_family(FloatDistribution(0.01, 5))) == 2

    with pytest.raises(InvalidInputError, match=f"'s' has trials .*{message}.*another study_name"):
        resume(storage, changed)


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("nodb:///z", "'nodb' cannot be opened: .*nodb"),
        ("z", "'z' cannot be opened"),
        ("sqlite:////no/such/folder/z.db", "'sqlite' cannot be opened: .*unable to open"),
        (3, "storage must be the URL of a database, a storage of Optuna or None, got 3"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused(storage, message):
    with pytest.raises(InvalidInputError, match=message):
        open_study(task_description=TASK, storage=storage)


def test_a_password_is_not_shown():
    with pytest.raises(InvalidInputError) as raised:
        open_study(task_description=TASK, storage="nodb://me:s3cret@localhost/z")

    assert "s3cret" not in str(raised.value)
