import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from autometa.cli import main
from autometa.cli._bar import clock, time_left
from autometa.cli._errors import Debug, OneLineErrors, warnings_as_lines
from autometa.exceptions import DroppedColumnsWarning, InvalidInputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def failing():
    """Run a command that raises, or warns of, what it is given."""

    def failing(error, *options, **environment):
        app = typer.Typer(cls=OneLineErrors, rich_markup_mode=None)

        @app.callback()
        def root():
            pass

        @app.command()
        def fail(debug: Debug = False):
            if isinstance(error, Warning):
                warnings.warn(error, stacklevel=2)
            else:
                raise error

        return CliRunner().invoke(app, ["fail", *options], env=environment)

    return failing


@pytest.mark.parametrize("command", ["fit", "predict", "suggest", "meta-train", "collect"])
def test_the_help_of_a_command_shows_an_example(run, command):
    shown = run(command, "--help")

    assert shown.exit_code == 0
    assert f"autometa {command} " in shown.stdout.partition("Example")[2]


def test_no_arguments_show_the_help(run):
    shown = run()

    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in ("fit", "predict", "meta-train"))


def test_the_help_needs_neither_torch_nor_openml():
    code = (
        "import sys\nfrom autometa.cli import main\nsys.argv = ['autometa', 'fit', '--help']\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert ended.code == 0\n"
        "print({'torch', 'openml'} & set(sys.modules))"
    )

    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == "set()"


def test_the_version_is_printed(run):
    assert "autometa " in run("--version").stdout


def test_a_command_that_does_not_exist_is_one_line(refused):
    assert "No such command 'fitt'" in refused("fitt")


def test_main_ends_with_the_code_of_the_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["autometa", "fit"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_of_ours_is_one_line_even_where_its_message_is_not(failing):
    result = failing(InvalidInputError("first\n  second"))

    assert (result.exit_code, result.stderr) == (2, "Error: first second\n")


def test_an_error_that_nobody_foresaw_is_one_line_with_its_type(failing):
    result = failing(ZeroDivisionError("by zero"))

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ZeroDivisionError: by zero (")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("error, code", [(InvalidInputError("bad"), 2), (ValueError("worse"), 1)])
@pytest.mark.parametrize("options, environment", [(["--debug"], {}), ([], {"AUTOMETA_DEBUG": "1"})])
def test_the_traceback_is_shown_where_asked_for(failing, error, code, options, environment):
    result = failing(error, *options, **environment)

    assert result.exit_code == code
    assert "Traceback" in result.stderr
    assert str(error) in result.stderr


def test_ctrl_c_is_one_line(failing):
    result = failing(KeyboardInterrupt())

    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_a_warning_is_one_line_even_where_warnings_are_errors(failing):
    result = failing(DroppedColumnsWarning("Left out:\n  id"))

    assert (result.exit_code, result.stderr) == (0, "Warning: Left out: id\n")


def test_a_warning_that_is_repeated_is_printed_once(capsys):
    with warnings_as_lines():
        for text in ("few rows", "few rows", "no score"):
            with warnings.catch_warnings():  # what libraries do, after which all is shown again
                warnings.warn(text, stacklevel=1)

    assert capsys.readouterr().err == "Warning: few rows\nWarning: no score\n"


def test_durations_are_written_as_clocks():
    assert clock(0.4) == "0:00:00"
    assert clock(86_399) == "23:59:59"
    assert time_left(5.0, 1.0) == ", 0:00:00 left"
    assert time_left(5.0, 0.0) == ""
