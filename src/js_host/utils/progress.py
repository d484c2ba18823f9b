"""A progress bar, by tqdm."""

from __future__ import annotations

from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, Protocol, Self, TypeVar

    T = TypeVar("T")

    class AsyncResults(Protocol):
        """An async iterator that can be closed."""

        def __aiter__(self) -> Self: ...
        async def __anext__(self) -> Any: ...
        async def aclose(self) -> None: ...


__all__ = ["with_async_progress", "with_progress"]


def with_progress(results: Generator[T, None, None], rows: object, progress: bool | str) -> Generator[T, None, None]:
    """The results, and a bar that counts them, as far as the rows have a length. `progress` may be a text before it.

    Raises ConfigError where tqdm is not installed.
    """
    return _counted(results, _bar(rows, progress))


def with_async_progress(results: AsyncResults, rows: object, progress: bool | str) -> AsyncGenerator[Any, None]:
    """The same for results in an event loop."""
    return _counted_async(results, _bar(rows, progress))


def _bar(rows: object, progress: bool | str) -> Callable[[], Any]:
    """What makes the bar, when the first result is wanted."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        message = "progress needs tqdm, which is not installed. Install it: pip install tqdm"
        raise ConfigError(message) from None
    return lambda: tqdm(total=_length(rows), desc=progress if isinstance(progress, str) else None)


def _length(rows: Any) -> int | None:
    try:
        length: int = len(rows)
        return length
    except TypeError:
        return None


def _counted(results: Generator[T, None, None], begin: Callable[[], Any]) -> Generator[T, None, None]:
    bar = begin()
    try:
        for result in results:
            bar.update()
            yield result
    finally:
        bar.close()
        results.close()


async def _counted_async(results: AsyncResults, begin: Callable[[], Any]) -> AsyncGenerator[Any, None]:
    bar = begin()
    try:
        async for result in results:
            bar.update()
            yield result
    finally:
        bar.close()
        await results.aclose()
