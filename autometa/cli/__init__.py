"""The command line: one file a command."""

from typing import Annotated

import typer

from autometa.cli import bench, collect, fit, meta_train, predict, suggest
from autometa.cli._errors import OneLineErrors

__all__ = ["app", "main"]

app = typer.Typer(
    name="autometa",
    cls=OneLineErrors,
    help="Meta-learned networks for tables: fit, predict, suggest hyperparameters, and learn "
    "from tables of your own.",
    epilog="Each command shows its options and an example: autometa fit --help",
    add_completion=False,
    rich_markup_mode=None,  # plain help: quick, and it stays as written
    pretty_exceptions_enable=False,
)
for command in (fit, predict, suggest, meta_train, collect):
    app.command(command.NAME, epilog=command.EXAMPLE)(command.run)
app.add_typer(bench.app, name=bench.NAME)


def _print_version(is_wanted: bool):
    if is_wanted:
        from autometa.knowledge import versions

        typer.echo(", ".join(f"{name} {version}" for name, version in versions().items()))
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
):
    pass


def main():
    """Run the command that the arguments of the process name."""
    app()
