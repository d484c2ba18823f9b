"""A Node child with one end of a socketpair on its descriptor 3: how the floor and the prototype talk."""

import os
import socket

from .paths import NODE

BUFFER = 1 << 20


def spawn(script: str, *args: str, spin_us: int = 50) -> tuple[socket.socket, int]:
    """Our end of the pair, and the pid."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    env = {**os.environ, "SPIN_US": str(spin_us)}
    # A copy that lies clear of 3: dup2 onto itself would leave it closed in the child.
    clear = theirs if theirs.fileno() > 3 else theirs.dup()
    actions = [(os.POSIX_SPAWN_DUP2, clear.fileno(), 3)]
    pid = os.posix_spawnp(NODE, [NODE, script, *args], env, file_actions=actions)
    theirs.close()
    clear.close()
    return ours, pid


def reap(sock: socket.socket, pid: int) -> None:
    """Close the pair, which ends the child, and wait for that."""
    sock.close()
    os.waitpid(pid, 0)
