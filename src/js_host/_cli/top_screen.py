"""The live screen of `js-host top`, drawn by rich. Importing this fails where rich is not installed."""

from __future__ import annotations

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .top_story import function_rows, head, worker_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Self

    from .top_story import Row

__all__ = ["RichScreen", "render"]

COLOURS = {"ready": "green", "blocked": "red", "failed": "red", "backoff": "yellow", "starting": "yellow"}


class RichScreen:
    """The whole terminal, until the `with` ends."""

    def __init__(self) -> None:
        self._live = Live(screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def draw(self, stats: dict[str, Any], before: dict[str, Any] | None) -> None:
        """Show a snapshot, and what changed since the one before."""
        self._live.update(render(stats, before), refresh=True)


def render(stats: dict[str, Any], before: dict[str, Any] | None) -> Group:
    """A snapshot as rich draws it."""
    lines = [Text(line) for line in head(stats)]
    return Group(*lines, Text(), _table(worker_rows(stats, before)), Text(), _table(function_rows(stats, before)))


def _table(rows: Sequence[Row]) -> Table:
    table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows[1:]:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    return table
