"""A corpus of small tables, knowledge that has learned nothing, and a way to run commands."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from autometa.cli import app


def draw_table(seed, n_rows=80):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 3)).round(3), columns=["a", "b", "c"])
    frame["y"] = np.where(frame["a"] - frame["b"] ** 2 > -0.5, "yes", "no")
    return frame


@pytest.fixture
def run():
    """Run a command in this process; its result has exit_code, stdout and stderr."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def refused(run):
    """Run a command that must be refused; return the one line that it says."""

    def refused(*arguments):
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        said = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(said) == 1
        assert "Traceback" not in result.stderr
        return said[0]

    return refused


@pytest.fixture
def make_corpus(tmp_path):
    """Write a corpus folder of one table for each family named; one more is for validation."""

    def make(families, folder="tables"):
        (tmp_path / folder / "data").mkdir(parents=True)
        rows = []
        for number, family in enumerate([*families, "unused"]):
            name = f"table-{number}"
            draw_table(number).to_parquet(tmp_path / folder / "data" / f"{name}.parquet")
            split = "meta-valid" if family == "unused" else "meta-train"
            rows.append((name, "binary", "y", family, split))
        columns = ["name", "task", "target", "family", "split"]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / folder / "index.csv", index=False)
        return tmp_path / folder

    return make


@pytest.fixture
def table(tmp_path):
    """A CSV file with numbers, a target of two classes, and another of numbers."""
    frame = draw_table(100)
    frame["z"] = (frame["a"] * 3 + frame["c"]).round(3)
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


@pytest.fixture(scope="session")
def knowledge(tmp_path_factory):
    from autometa.knowledge import Initialisation
    from autometa.metalearners import MAML

    config = {"network": {"n_hidden": 16, "n_token": 16, "n_layers": 1, "n_key": 8}}
    folder = tmp_path_factory.mktemp("knowledge")
    Initialisation(MAML(**config).init_params(0), "maml", config, {"tasks": []}).save(folder)
    return folder
