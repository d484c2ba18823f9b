"""A progress bar, by tqdm."""

from __future__ import annotations

from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["with_progress"]


def with_progress(results: Generator[T, None, None], rows: object, progress: bool | str) -> Generator[T, None, None]:
    """The results, and a bar that counts them, as far as the rows have a length. `progress` may be a text before it.

    Raises ConfigError where tqdm is not installed.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        message = "progress needs tqdm, which is not installed. Install it: pip install tqdm"
        raise ConfigError(message) from None
    return _counted(results, tqdm, _length(rows), progress if isinstance(progress, str) else None)


def _length(rows: Any) -> int | None:
    try:
        length: int = len(rows)
        return length
    except TypeError:
        return None


def _counted(
    results: Generator[T, None, None], tqdm: Any, total: int | None, text: str | None
) -> Generator[T, None, None]:
    bar = tqdm(total=total, desc=text)
    try:
        for result in results:
            bar.update()
            yield result
    finally:
        bar.close()
        results.close()
