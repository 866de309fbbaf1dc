"""The names that users import, and what importing them costs."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import autometa

PACKAGES = sorted(
    ["autometa"]
    + [
        f"autometa.{module.name}"
        for module in pkgutil.iter_modules(autometa.__path__)
        if module.ispkg
    ]
)


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_every_name_in_it_is_there(package):
    module = import_module(package)

    assert list(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert not name.startswith("_")
        assert getattr(module, name) is not None


def test_dir_lists_the_public_names():
    assert set(autometa.__all__) <= set(dir(autometa))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        autometa.no_such_name  # noqa: B018


@pytest.mark.parametrize("public", autometa.__all__)
def test_every_public_name_has_a_docstring(public):
    assert getattr(autometa, public).__doc__.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import autometa",
        "from autometa import AutoMetaClassifier, AutoMetaRegressor",
        "from autometa import Knowledge, MetaSampler, suggest, warm_start",
    ],
)
def test_importing_loads_neither_torch_nor_openml(statement):
    code = f"import sys\n{statement}\nprint({{'torch', 'openml'}} & set(sys.modules))"

    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == "set()"


def test_a_first_fit_does_not_load_the_compiler_of_torch():
    code = (
        "import sys\n"
        "from autometa import AutoMetaClassifier\n"
        "X, y = [[float(i % 7), float(i)] for i in range(30)], ['a', 'b', 'c'] * 10\n"
        "model = AutoMetaClassifier(n_trials=1, families=['adapted_network'], n_jobs=1)\n"
        "assert model.fit(X, y).n_trials_ == 1\n"
        "print('torch._dynamo' in sys.modules)"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == "False"
