"""A map without many calls at once: over plain HTTP, which has one call on a connection, and over TLS."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from .job import Job

__all__ = ["one_by_one"]


def one_by_one(call: Callable[..., object], rows: Iterable[object], job: Job) -> Generator[object, None, None]:
    """The results of the rows, each called for when it is wanted."""
    for row in rows:
        try:
            result = call(job.name, row, job.timeout, job.decode, job.key)
        except Exception as error:
            result = job.on_error(error)
        yield result
