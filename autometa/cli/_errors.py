"""Errors and warnings as one line each on stderr; tracebacks only where they are asked for."""

import sys
import traceback
import warnings
from contextlib import contextmanager
from typing import Annotated

import typer
from typer.core import TyperGroup

from autometa.exceptions import AutoMetaError

#: Exit codes: of what the user can mend, of what we did not foresee, and after Ctrl-C.
REFUSED, UNFORESEEN, INTERRUPTED = 2, 1, 130


def _remember_debug(context: typer.Context, is_wanted: bool):
    context.meta["autometa.debug"] = is_wanted
    return is_wanted


#: The option that every command has; commands themselves need not look at it.
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="AUTOMETA_DEBUG",
        callback=_remember_debug,
        is_eager=True,
        help="Show the traceback of an error.",
    ),
]


class OneLineErrors(TyperGroup):
    """A group of commands whose errors are lines, not pages."""

    def main(self, args=None, prog_name=None, standalone_mode=True, **extra):
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except Exception as error:
            # What refuses arguments: its class moved between versions, its method did not.
            if not hasattr(error, "format_message"):
                raise
            context = getattr(error, "ctx", None)
            hint = f" See {context.command_path} --help." if context is not None else ""
            print_line(f"Error: {error.format_message()}{hint}")
            code = REFUSED
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code

    def invoke(self, ctx):
        try:
            with warnings_as_lines():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            print_line("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except AutoMetaError as error:
            self._show_traceback(ctx)
            print_line(f"Error: {error}")
            raise typer.Exit(REFUSED) from None
        except Exception as error:
            if hasattr(error, "format_message") or isinstance(error, typer.Exit):
                raise
            if not self._show_traceback(ctx):
                print_line(
                    f"Error: {type(error).__name__}: {error} (not foreseen; --debug shows where)"
                )
            raise typer.Exit(UNFORESEEN) from None

    def _show_traceback(self, ctx):
        is_wanted = ctx.meta.get("autometa.debug", False)
        if is_wanted:
            traceback.print_exc()
        return is_wanted


@contextmanager
def warnings_as_lines():
    """Print each warning that is meant for users as a line, once, without file and source."""
    shown = set()

    def show(message, category, *args, **kwargs):
        if str(message) not in shown:
            shown.add(str(message))
            print_line(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


def print_line(text):
    """Write a text to stderr, in one line."""
    print(" ".join(str(text).split()), file=sys.stderr, flush=True)
