"""What a wheel carries, and what installing it asks for."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    with ZipFile(path) as archive:
        yield archive


def test_the_wheel_carries_the_package_with_its_shipped_knowledge_and_nothing_else(wheel):
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "autometa").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    carried = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert carried == here
    shipped = {
        Path(name).suffix for name in carried if name.startswith("autometa/knowledge/shipped")
    }
    assert {".safetensors", ".json"} <= shipped


def test_the_wheel_is_small(wheel):
    assert Path(wheel.filename).stat().st_size < 25e6


def test_the_wheel_carries_the_licence(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]

    assert wheel.read(name) == (ROOT / "LICENSE").read_bytes()


def test_the_project_asks_for_lower_bounds_only_and_the_constraints_pin_all_of_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )

    for requirement in asked:
        name, _, bound = requirement.partition(">=")
        if name.startswith("autometa["):
            continue
        assert bound.replace(".", "").isdigit(), requirement
        assert as_numbers(pinned[name]) >= as_numbers(bound), requirement


def as_numbers(version):
    return [int(part) for part in version.split(".")]
