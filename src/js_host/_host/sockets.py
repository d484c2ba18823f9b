"""The listening sockets of a host. Python owns them; workers inherit them and may come and go.

`_socket` is the C half of `socket`, with all that a listening socket needs. `socket` itself takes
several times as long to import as everything else before the first worker is spawned, and its
sockets are a subclass, so either kind may be given.
"""

from __future__ import annotations

import _socket
import os
import stat

from js_host._host.runtime_dir import LONGEST_ADDRESS, PrivateDirectory, runtime_directory
from js_host.exceptions import StartError

RawSocket = _socket.socket

__all__ = ["HostSockets", "RawSocket", "listen_tcp", "listen_unix"]

BACKLOG = 1024
"""Callers that may wait while a worker is being replaced. The kernel cuts it to its own limit."""


class HostSockets:
    """One private Unix socket for each worker, and the shared ones, in a fresh private directory.

    They live as long as the host: a worker that is replaced leaves its callers waiting in the
    backlog of a socket that is still open.
    """

    __slots__ = ("_directory", "addresses", "parent", "private", "shared", "shared_address")

    def __init__(self, workers: int, *, shared_unix: bool = False, directory: str | None = None) -> None:
        self.parent = directory or runtime_directory()
        self._directory = PrivateDirectory(self.parent)
        self.addresses = [os.path.join(self._directory.path, f"w{number}") for number in range(workers)]
        self.shared_address = os.path.join(self._directory.path, "s") if shared_unix else None
        self.private: list[RawSocket] = []
        self.shared: list[RawSocket] = []
        try:
            for address in self.addresses:
                self.private.append(listen_unix(address))
            if self.shared_address:
                self.shared.append(listen_unix(self.shared_address))
        except BaseException:
            self.close()
            raise

    @property
    def directory(self) -> str:
        """The private directory that the sockets are in."""
        return self._directory.path

    def add_shared(self, listener: RawSocket) -> None:
        """Give all workers one more socket to listen on, and have it closed with the others."""
        listener.setblocking(False)
        self.shared.append(listener)

    def close(self) -> None:
        """Close the sockets and remove their files. In a forked child: only close its copies."""
        self._close_sockets()
        self._directory.close()

    def forget(self) -> None:
        """After a fork, in the child: close the copies that were inherited and leave the files alone."""
        self._close_sockets()
        self._directory.forget()

    def _close_sockets(self) -> None:
        for listener in (*self.private, *self.shared):
            listener.close()


def listen_unix(path: str, *, replace: bool = False) -> RawSocket:
    """Listen on a path, readable by this user alone.

    With `replace`, a socket that is in the way is removed: only for the holder of a lock that says
    that nobody listens there. Anything else in the way is refused.
    """
    _check_length(path)
    if replace:
        _remove_stale(path)
    listener = RawSocket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        listener.bind(path)
        os.chmod(path, 0o600)
        return _listening(listener)
    except OSError as error:
        listener.close()
        raise StartError(f"Can not listen on the socket {path}: {_in_the_way(path) or error.strerror}.") from error


def listen_tcp(address: str, port: int) -> RawSocket:
    """Listen on an address and a port (0 lets the system choose one)."""
    try:
        family, kind, protocol, _, target = _socket.getaddrinfo(
            address, port, 0, _socket.SOCK_STREAM, 0, _socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it can not be a name"
        raise StartError(f"Can not listen on {address!r}: that is no address of this machine ({why}).") from None
    listener = RawSocket(family, kind, protocol)
    try:
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind(target)
        return _listening(listener)
    except OSError as error:
        listener.close()
        raise StartError(_tcp_story(address, port, error)) from error


def _listening(listener: RawSocket) -> RawSocket:
    listener.listen(BACKLOG)
    listener.setblocking(False)  # for us and, through the shared file, for workers; Node asks for the same
    return listener


def _check_length(path: str) -> None:
    length = len(os.fsencode(path))
    if length > LONGEST_ADDRESS:
        raise StartError(
            f"The path of a socket may have {LONGEST_ADDRESS} bytes, and this one has {length}: {path}\n"
            "Choose a directory with a shorter path."
        )


def _remove_stale(path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid():
        os.unlink(path)


def _in_the_way(path: str) -> str | None:
    """What lies at the path already, if anything does."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory"}
    return f"{kinds.get(stat.S_IFMT(mode), 'a file')} is in the way (it is not touched; remove it if it is of no use)"


def _tcp_story(address: str, port: int, error: OSError) -> str:
    import errno

    where = f"port {port} at {address}"
    if error.errno == errno.EADDRINUSE:
        from js_host._host.port_owner import owner_of_port

        return (
            f"Can not listen on {where}: it is taken{owner_of_port(port)}. Stop that program, or choose another port."
        )
    if error.errno == errno.EACCES:
        return f"Can not listen on {where}: ports below 1024 need privileges. Choose a higher one."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"Can not listen on {where}: the address is not one of this machine's."
    return f"Can not listen on {where}: {error.strerror}."
