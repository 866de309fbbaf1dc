"""Methods read from files, and the environments they ask for."""

import sys

import pytest

from autometa.bench import _environments as environments
from autometa.bench import build_environments, find_methods, plan_environments, read_methods
from autometa.exceptions import InvalidInputError


def test_the_methods_that_the_package_brings():
    assert [method.name for method in find_methods()] == [
        *("autogluon_medium", "autogluon_best", "autometa", "catboost", "flaml", "lightgbm"),
        *("linear", "random_forest", "realmlp", "tuned_lightgbm"),
    ]


def test_a_file_of_the_user_is_a_method(make_method):
    source = (
        "REQUIREMENTS = ['wonder==1.0 other[all]>=2']\nVARIANTS = {'w1': {'depth': 1}, 'w2': {}}\n"
        "import a_library_that_is_not_here\n\ndef fit(job):\n    pass"
    )

    first, second = find_methods([str(make_method("wonder", source))])

    assert (first.name, first.options, second.options) == ("w1", {"depth": 1}, {})
    assert (first.environment, first.distributions) == ("wonder", ("wonder", "other"))


@pytest.mark.parametrize(
    "source, said",
    [
        ("x = 1", r"defines no function fit\(job\)"),
        ("def fit(job:", "no readable Python"),
        ("REQUIREMENTS = list(())\ndef fit(job): pass", "REQUIREMENTS must be a literal"),
        ("REQUIREMENTS = 'wonder'\ndef fit(job): pass", "must be a list or tuple, got 'wonder'"),
        ("VARIANTS = ['w1', 'w2']\ndef fit(job): pass", "VARIANTS must be a dict"),
    ],
)
def test_a_file_that_is_no_method_is_refused(make_method, source, said):
    with pytest.raises(InvalidInputError, match=said):
        read_methods(make_method("wrong", source))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.py"
    path.write_bytes("# Größe\ndef fit(job): pass\n".encode("latin-1"))

    with pytest.raises(InvalidInputError, match="no readable Python file"):
        read_methods(path)


def test_constants_may_be_annotated(make_method):
    source = "HAS_TIME_LIMIT: bool = False\n\ndef fit(job):\n    pass"

    assert not read_methods(make_method("typed", source))[0].has_time_limit


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(InvalidInputError, match="'flamel'. There are autogluon_medium, .*flaml"):
        find_methods(["flamel"])


def test_a_method_runs_in_its_environment_or_here_if_all_is_here(make_method, tmp_path):
    here, elsewhere = find_methods(
        [
            str(make_method("here", "REQUIREMENTS = ['pandas>=2']\ndef fit(job): pass")),
            str(make_method("elsewhere", "REQUIREMENTS = ['no-such-thing']\ndef fit(job): pass")),
        ]
    )

    assert str(here.find_python(tmp_path)) == sys.executable
    with pytest.raises(InvalidInputError, match="bench peers --folder FOLDER elsewhere"):
        elsewhere.find_python(tmp_path)
    python = environments.python_of(tmp_path, "elsewhere")
    python.parent.mkdir(parents=True)
    python.touch()
    with pytest.raises(InvalidInputError, match="elsewhere in .* is unfinished"):
        elsewhere.find_python(tmp_path)
    (tmp_path / "elsewhere" / "installed.txt").touch()
    assert elsewhere.find_python(tmp_path) == python


def test_torch_is_installed_by_itself_before_what_depends_on_it():
    [first, second] = plan_environments(["autogluon"])["autogluon"]

    assert first.startswith("torch==") and " " not in first
    assert second.startswith(f"{first} autogluon.tabular[")


def test_methods_of_one_environment_are_installed_together():
    assert plan_environments(["lightgbm", "catboost"]) == {
        "boosting": ["catboost>=1.2", "lightgbm>=4.0 scikit-learn", "optuna>=4.0"]
    }


def test_an_unknown_environment_is_refused():
    with pytest.raises(InvalidInputError, match="flamel.* Environments: autogluon, boosting"):
        plan_environments(["flamel"])


def test_environments_are_built_once(make_method, tmp_path, monkeypatch):
    calls = []

    def pip(python, environment, *arguments):
        calls.append(" ".join(arguments))
        return "wonder==1.0\n"

    monkeypatch.setattr(environments, "_pip", pip)
    monkeypatch.setattr(environments.venv, "create", lambda place, **_: place.mkdir(parents=True))
    file = str(make_method("wonder", "REQUIREMENTS = ['wonder==1.0']\ndef fit(job): pass"))

    found = [build_environments(tmp_path / "peers", [file]) for _ in range(2)]

    assert found == [{"wonder": ["wonder==1.0"]}] * 2
    assert calls == [
        *("install --quiet wonder==1.0", "install --quiet numpy pandas pyarrow", "freeze")
    ]


def test_a_pip_that_fails_says_why(tmp_path):
    with pytest.raises(InvalidInputError, match="failed in the environment x"):
        environments._pip(sys.executable, "x", "no-such-command")
