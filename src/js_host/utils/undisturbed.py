"""Work that a Ctrl-C must not break off in the middle."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["undisturbed"]


def undisturbed(work: Callable[[], object]) -> None:
    """Have the work done by a thread of its own, for Ctrl-C comes to the main thread. Returns when it is done.

    Where the caller is interrupted meanwhile, it goes on, and is done some time.
    """
    import threading  # late: most programs never come here

    thread = threading.Thread(target=work, name="js-host-undisturbed")
    try:
        thread.start()
    except RuntimeError:  # an isolated sub-interpreter, or the end of Python: there are no threads
        work()
    else:
        thread.join()
