"""The command `js-host`: results on stdout, all else on stderr; exit code 0, 1 (it failed) or 2 (asked wrongly)."""

from __future__ import annotations

import os
import sys

from . import __version__
from .exceptions import JSHostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Sequence

__all__ = ["main"]

COMMANDS = ("init", "run", "call", "functions", "status", "top", "logs", "stop", "restart", "doctor", "runtime-path")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    open_standard_streams()
    try:
        return run_to_end(lambda: _run_with_plain_warnings(argv))
    except SystemExit as end:  # argparse has said what is wrong, or has shown its help
        return end.code if isinstance(end.code, int) else 0
    except JSHostError as error:
        print(f"js-host: {whole_story(error)}", file=sys.stderr)
        return 1
    except OSError as error:  # no room for our output, most likely
        _write_no_more()
        print(f"js-host: {error}", file=sys.stderr)
        return 1


def whole_story(error: JSHostError) -> str:
    """The text of an error with those of its causes in JavaScript: a traceback would show them, and there is none."""
    told, cause = [str(error)], getattr(error, "cause", None)
    while cause is not None:
        told.append(f"Behind it: {cause}")
        cause = cause.cause
    return "\n".join(told)


def open_standard_streams() -> None:
    """What was closed for us (`>&-`) leads nowhere, and its number, which all take for a stream, to no other file."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def run_to_end(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, also where its reader, or the user, had enough of it."""
    try:
        code = command()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output had enough
        _write_no_more()
        return 1
    except KeyboardInterrupt:
        return _end_as_interrupted()


def _write_no_more() -> None:
    """Python would try to write the rest at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_with_plain_warnings(argv: Sequence[str] | None) -> int:
    """A warning is a line like those of errors, without the place in Python, which means nothing at a prompt."""
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"js-host: warning: {message}", file=sys.stderr)
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if "main" not in arguments:
        parser.print_help(sys.stderr)
        return 2
    code: int = arguments.main(arguments)
    return code


def make_parser() -> ArgumentParser:
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="js-host", description="Call JavaScript functions from Python and the command line.")
    parser.add_argument("--version", action="version", version=f"js-host {__version__}")
    add_commands(parser, COMMANDS)
    return parser


def add_commands(parser: ArgumentParser, names: Sequence[str]) -> list[ArgumentParser]:
    """Give a parser these commands: what it parses has the `main` of the one that was named. Returns their parsers."""
    from importlib import import_module

    made = []
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in names:
        command = import_module("._cli." + name.replace("-", "_"), __package__)
        inner = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        command.add_arguments(inner)
        inner.set_defaults(main=command.main)
        made.append(inner)
    return made


def _end_as_interrupted() -> int:
    """End by the signal itself, so that a shell stops its loop too."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    return 1
