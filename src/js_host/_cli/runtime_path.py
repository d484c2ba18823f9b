"""Print where the npm package js-host lies: npm install $(js-host runtime-path)."""

from __future__ import annotations

from ..conf import RUNTIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "print where the npm package js-host lies, for `npm install $(js-host runtime-path)`"


def add_arguments(parser: ArgumentParser) -> None:
    """It needs none."""


def main(arguments: Namespace) -> int:
    print(RUNTIME)
    return 0
