"""What an async map has to do with one worker: how much is under way there, and whether it does any of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task

    from .aio import AsyncConnection
    from .aio_pool import AsyncLane
    from .window import Window

__all__ = ["Way"]


class Way:
    """The way to one worker: its window, and what of the map is under way there. Its successor has another one."""

    __slots__ = ("answered", "calls", "connection", "has_answered", "lane", "opening", "read", "size", "window")

    def __init__(self, lane: AsyncLane, window: Window) -> None:
        self.lane = lane
        self.window = window
        #: The connection that carries what is under way; None before the first row.
        self.connection: AsyncConnection | None = None
        self.calls = 0
        #: The bytes of the data under way.
        self.size = 0
        #: How many answers have come that the window does not know of, and their bytes.
        self.answered = self.read = 0
        self.opening: Task[None] | None = None
        #: The window knows of some answers.
        self.has_answered = False

    @property
    def is_open(self) -> bool:
        """Whether calls may begin there."""
        connection = self.lane.connection
        return connection is not None and connection.is_open

    @property
    def is_opening(self) -> bool:
        """Whether it is being opened. Not whether there is a task: an eager one may have ended before it was kept."""
        return self.opening is not None and not self.opening.done()

    @property
    def is_past(self) -> bool:
        """Whether the connection is another one now."""
        return self.connection is not None and self.connection is not self.lane.connection

    def room(self) -> int:
        """How many more calls the worker may be given."""
        return self.window.room(self.calls, self.size) if self.is_open else 0

    @property
    def does_nothing(self) -> bool:
        """Whether the worker has answered none of the rows that it was given."""
        return not (self.answered or self.has_answered)

    def settle(self, now: float) -> None:
        """Tell the window of the answers that have come. There are some."""
        self.window.answered(self.answered, self.read, now)
        self.answered = self.read = 0
        self.has_answered = True
