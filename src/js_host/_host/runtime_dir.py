"""A private directory for sockets: found or made, checked, and swept of what dead programs left.

Every host gets a fresh subdirectory with a file `lock` in it, on which its owner holds a `flock` for
life. The kernel gives that lock up however the owner ends, so who can take it knows that nobody
lives there any more. Process ids play no part: they are reused.
"""

from __future__ import annotations

import fcntl
import os
import stat

from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LONGEST_ADDRESS", "PrivateDirectory", "runtime_directory", "sweep"]

LONGEST_ADDRESS = 103
"""Bytes of a Unix socket's path. Linux takes 107, macOS 103; Node 20 and 22 cut a longer one in silence."""

PREFIX = "h-"
ROOM_FOR_NAMES = len(f"/{PREFIX}0123456789/w0000")


def runtime_directory() -> str:
    """Return the directory of this user for sockets: the first of the candidates that is, or can be made, private.

    A directory that is there but is not private (a link, somebody else's, open to others) is left
    as it is and never used.
    """
    refused = []
    for path in _candidates():
        fault = _fault_of_length(path) or _make_private(path)
        if fault is None:
            return path
        refused.append(f"  {path}: {fault}")
    places = "\n".join(refused)
    raise StartError(
        f"There is no place for the sockets of a host. It takes a directory that only you can read and write; "
        f"these were tried:\n{places}\nSet XDG_RUNTIME_DIR to a directory of yours with mode 0700."
    )


def _candidates() -> Iterator[str]:
    own = f"js-host-{os.getuid()}"
    run = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(run):
        yield os.path.join(run, "js-host")
    temporary = [os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp", "/dev/shm"]
    for directory in dict.fromkeys(temporary):
        if os.path.isabs(directory):
            yield os.path.join(directory, own)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(cache):
        _attempt(os.makedirs, cache)
        yield os.path.join(cache, "js-host")


def _fault_of_length(path: str) -> str | None:
    length = len(os.fsencode(path)) + ROOM_FOR_NAMES
    if length <= LONGEST_ADDRESS:
        return None
    return f"too long: sockets in it would have paths of {length} bytes, and {LONGEST_ADDRESS} is the limit"


def _make_private(path: str) -> str | None:
    """Make the directory, or check the one that is there. Returns what is wrong with it."""
    parent, name = os.path.split(path)
    try:
        fault = _fault_of_own_parent(parent) if name == "js-host" else None
        if fault is None:
            _make_directory(path)
            fault = _fault_of_directory(os.lstat(path)) or _fault_of_writing(path)
        return fault
    except OSError as error:
        return error.strerror or str(error)


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass


def _fault_of_own_parent(parent: str) -> str | None:
    """Of XDG_RUNTIME_DIR and the cache, check the owner: `su` and `sudo` may keep those of another user."""
    return None if os.stat(parent).st_uid == os.getuid() else f"{parent} belongs to another user"


def _fault_of_directory(found: os.stat_result) -> str | None:
    if not stat.S_ISDIR(found.st_mode):
        return "is not a directory" if not stat.S_ISLNK(found.st_mode) else "is a symbolic link"
    if found.st_uid != os.getuid():
        return f"belongs to another user (uid {found.st_uid})"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):04o}; `chmod 700` it)"
    return None


def _fault_of_writing(path: str) -> str | None:
    return None if os.access(path, os.W_OK | os.X_OK) else "is not writable"


class PrivateDirectory:
    """A fresh directory of one host, owned as long as this object is open. `close` removes it with all in it."""

    __slots__ = ("_lock", "_owner", "path")

    def __init__(self, parent: str) -> None:
        self._owner = os.getpid()
        try:
            self.path, self._lock = _make_and_lock(parent)
        except OSError as error:
            raise StartError(f"Can not make a directory for sockets in {parent}: {error.strerror}.") from error

    def close(self) -> None:
        """Remove the directory and give up the lock. After a fork, only forget it: it is the parent's."""
        if self._lock < 0:
            return
        is_ours, is_removed = self._owner == os.getpid(), False
        if is_ours:
            is_removed = _remove(self.path)
        self.forget()
        if is_ours and not is_removed:  # to look into it takes a descriptor: that of the lock may have been the last
            _remove(self.path)

    def forget(self) -> None:
        """Close our copy of the lock's descriptor. The lock itself stays with whoever else holds one."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def _make_and_lock(parent: str) -> tuple[str, int]:
    while True:
        path = os.path.join(parent, PREFIX + os.urandom(5).hex())
        os.mkdir(path, 0o700)
        try:
            lock = _take_lock(path)
        except OSError:
            _attempt(os.rmdir, path)
            raise
        if lock is not None:
            return path, lock


def sweep(parent: str) -> int:
    """Remove the directories of hosts whose owner is gone. Returns how many there were."""
    swept = 0
    for name in _names(parent):
        path = os.path.join(parent, name)
        if name.startswith(PREFIX) and _sweep_one(path):
            swept += 1
    return swept


def _sweep_one(path: str) -> bool:
    try:
        lock = _take_lock(path, create=False)
    except OSError:
        return False  # nothing that a host has made, or there is no descriptor to look into it with
    if lock is None:
        # Either its owner lives, or it has no lock yet: one that is being made, or was left half
        # made. It is empty then; an owner whose directory we take away here makes another.
        return _attempt(os.rmdir, path)
    try:
        return _remove(path)
    finally:
        os.close(lock)


def _take_lock(directory: str, *, create: bool = True) -> int | None:
    """Lock the directory's file and return its descriptor. None if it is taken, or was swept away under our hands."""
    path = os.path.join(directory, "lock")
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    try:
        lock = os.open(path, flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _remove(directory: str) -> bool:
    """Empty a directory of ours, the lock last, and remove it. It holds sockets and no directories."""
    for name in sorted(_names(directory), key=lambda name: name == "lock"):
        _attempt(os.unlink, os.path.join(directory, name))
    return _attempt(os.rmdir, directory)


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _attempt(remove: Callable[[str], None], path: str) -> bool:
    try:
        remove(path)
    except OSError:
        return False
    return True
