"""Imports go down: the layers of the package, read from the source alone."""

import ast
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = [
    {"exceptions", "_repeats", "_label_metrics"},
    {"_scorer_metrics"},
    {"space", "_random", "_device", "_deadline", "_memory", "_metrics"},
    {"tasks", "episodes"},
    {"metafeatures", "encoding", "networks"},
    {"metalearners"},
    {"families"},
    {"ensemble", "_calibration"},
    {"evaluation"},
    {"knowledge"},
    {"proposers"},
    {"proposers"},
    {"metatraining", "collecting", "search"},
    {"estimators"},
    {"reports", "bench"},
    {"cli"},
    {"__init__", "__main__"},
]
LAYER_OF = {unit: layer for layer, units in enumerate(LAYERS) for unit in units}

MODULES = sorted((ROOT / "autometa").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "examples").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
FILE = {"ids": lambda path: path.relative_to(ROOT).as_posix()}


def imports_of(path, source=None):
    """List ``(module, name or None)`` for every import in a file, wherever it stands."""
    folders = path.relative_to(ROOT).parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8") if source is None else source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = folders[: len(folders) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [(module, alias.name) for alias in node.names]
    return found


def unit_of(path):
    """Name the package or the module directly under ``autometa/`` that a file belongs to."""
    return path.relative_to(ROOT / "autometa").parts[0].removesuffix(".py")


def upward_imports(path, source=None):
    """List the units that a file must not import: none of its own layer, none above it."""
    unit = unit_of(path)
    wrong = []
    for module, name in imports_of(path, source):
        package, *rest = module.split(".")
        if package != "autometa":
            continue
        imported = rest[0] if rest else name
        if imported == unit:
            continue
        if imported not in LAYER_OF or LAYER_OF[imported] >= LAYER_OF[unit]:
            wrong.append(imported)
    return wrong


@pytest.mark.parametrize("path", MODULES, **FILE)
def test_a_module_imports_lower_layers_only(path):
    assert unit_of(path) in LAYER_OF, "a new package needs a line in LAYERS"

    assert upward_imports(path) == []


@pytest.mark.parametrize(
    "source",
    [
        "from autometa.search import run_study",
        "import autometa.search.study",
        "from autometa import search",
        "from .. import search",
        "from ..search.study import run_study",
        "def fit():\n    from autometa.metafeatures import MetaFeatures",
        "from autometa import AutoMetaClassifier",
    ],
)
def test_an_import_of_the_same_layer_or_above_is_found(source):
    path = ROOT / "autometa" / "encoding" / "_table.py"

    assert len(upward_imports(path, source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from autometa.tasks import Task",
        "from ..tasks import Task",
        "from ._kinds import kind_of",
        "from autometa.encoding._kinds import kind_of",
        "import numpy as np",
    ],
)
def test_an_import_of_a_lower_layer_or_of_the_own_package_is_allowed(source):
    path = ROOT / "autometa" / "encoding" / "_table.py"

    assert upward_imports(path, source) == []


@pytest.mark.parametrize("path", MODULES, **FILE)
def test_openml_is_imported_in_one_file_only(path):
    imports_openml = any(module.split(".")[0] == "openml" for module, _ in imports_of(path))

    assert not imports_openml or path.relative_to(ROOT).as_posix() == "autometa/tasks/openml.py"


@pytest.mark.parametrize("path", MODULES, **FILE)
def test_what_the_package_imports_is_a_declared_dependency(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    # Frames of polars reach us only where the caller has it; the last two are what the openml
    # client raises its errors with. Extras are imported by their names as text.
    others = {"polars", "requests", "urllib3"}
    declared = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]} | others
    distribution = {"arff": "liac-arff", "sklearn": "scikit-learn"}

    packages = {module.split(".")[0] for module, _ in imports_of(path)}

    third_party = packages - sys.stdlib_module_names - {"autometa"}
    assert {distribution.get(package, package) for package in third_party} <= declared


@pytest.mark.parametrize("path", SCRIPTS, **FILE)
def test_examples_and_benchmarks_use_public_names_only(path):
    for module, name in imports_of(path):
        package, *rest = module.split(".")
        if package != "autometa":
            continue
        assert len(rest) <= 1, f"{module} is deeper than a package"
        if name is not None:
            imported = import_module(module)
            # exceptions.py is one plain list of classes: all of them are public.
            public = getattr(imported, "__all__", vars(imported))
            assert name in public, f"{module}.{name} is not public"
            assert not name.startswith("_")
        assert not any(part.startswith("_") for part in rest)
