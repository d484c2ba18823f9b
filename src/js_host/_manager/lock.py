"""The lock that there is one manager: a `flock` on a file, held by the manager for its life.

The kernel gives it up however the manager ends, so nobody asks whether a process id is alive. The file is never
removed: two programs could hold the locks of two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import stat

from js_host.exceptions import StartError

__all__ = ["take_lock"]


def take_lock(path: str) -> int | None:
    """Take the lock, and return the descriptor that holds it; None if somebody else does.

    Whoever gets a copy of the descriptor holds the lock too: it is free when the last copy is closed.
    """
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise StartError(f"Can not lock {path}: {error.strerror}. {ADVICE}") from error
    except BaseException:
        os.close(descriptor)
        raise


ADVICE = "Set XDG_RUNTIME_DIR to a directory of yours with mode 0700, on a local disk."


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise StartError(f"Can not open the lock file {path}: {_why(path) or error.strerror}. {ADVICE}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StartError(f"Can not lock {path}: it is not a file. Remove it.")
    return descriptor


def _why(path: str) -> str | None:
    return "it is a symbolic link; remove it" if os.path.islink(path) else None
