"""`manage.py js_host COMMAND`: the commands of `js-host`, with Django's settings in place of options."""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace

from django.core.management.base import BaseCommand, CommandError

from ...cli import add_commands, run_to_end, whole_story
from ...conf import settings
from ...exceptions import JSHostError

COMMANDS = ("init", "run", "call", "functions", "status", "doctor")


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Django's command: it parses, and says errors as Django does."""

    help = "Call the JavaScript functions of this project, run their host, and look at it."
    requires_system_checks = ()  # the doctor must come where they fail

    def run_from_argv(self, argv: list[str]) -> None:
        """Run it from the command line; wrong settings are said before the arguments are parsed."""
        try:
            settings.read()
        except JSHostError as error:
            self.stderr.write(f"CommandError: {error}")
            sys.exit(1)
        super().run_from_argv(argv)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Give it the commands of `js-host`; each takes Django's own options too, as other commands of Django do."""
        for inner in add_commands(parser, COMMANDS):
            if inner.get_default("directory"):
                home = settings.SOURCE_ROOT or os.curdir
                inner.set_defaults(directory=home, home=home, program="python manage.py js_host")
            for name in ("--settings", "--pythonpath"):
                inner.add_argument(name, default=SUPPRESS, help=SUPPRESS)
            for name in ("--traceback", "--no-color", "--force-color"):
                inner.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)

    def handle(self, *_: object, **options: object) -> None:
        """Run the command that was named. What it raises is a CommandError; its exit code is kept."""
        if "main" not in options:
            raise CommandError(f"Name a command: {', '.join(COMMANDS)}.", returncode=2)
        arguments = Namespace(**{**options, **which_host(options)})
        try:
            code = run_to_end(lambda: int(arguments.main(arguments)))
        except JSHostError as error:
            raise CommandError(whole_story(error)) from error
        if code:
            sys.exit(code)


def which_host(options: dict[str, object]) -> dict[str, object]:
    """The URL of the settings, for a command that takes one, unless the command line names another host."""
    if "url" not in options or options["url"] or options.get("config"):
        return {}
    return {"url": settings.ROOT_URL}
