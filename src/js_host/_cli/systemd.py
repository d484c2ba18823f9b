"""What systemd gives a service and wants to hear from it: sockets that are open already, and words about its state.

The protocols are those of sd_listen_fds(3) and sd_notify(3): environment variables, inherited descriptors, and a
datagram for each word. Whoever else speaks them (a container, a test) is as good.
"""

from __future__ import annotations

import _socket
import os
from time import monotonic_ns

from .._host.sockets import RawSocket
from ..exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["Notifier", "inherited_listeners"]

FIRST = 3
"""The number of the first descriptor that is passed."""


def inherited_listeners(environ: MutableMapping[str, str], first: int = FIRST) -> list[RawSocket]:
    """The listening sockets that were passed to this process (LISTEN_FDS). Their variables are taken away."""
    count, pid = environ.pop("LISTEN_FDS", "0"), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    return [_listener(number) for number in range(first, first + int(count))]


def _listener(number: int) -> RawSocket:
    try:
        os.set_inheritable(number, False)
        listener = RawSocket(fileno=number)
        listens = listener.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN)
    except OSError as error:
        raise StartError(f"LISTEN_FDS promises a socket as descriptor {number}, and that is: {error}.") from error
    if not listens:
        raise StartError(f"Descriptor {number} of LISTEN_FDS does not listen. In a systemd unit, use ListenStream=.")
    return listener


class Notifier:
    """Tells the service manager what becomes of this process. Silent where nobody asked (NOTIFY_SOCKET).

    `interval` is how often, in seconds, it wants to hear that all is well; None if it does not. The variables are
    taken away, so that no worker speaks for us.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "")
        time, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        wanted = bool(self._address) and time.isdigit() and pid in ("", str(os.getpid()))
        self.interval = int(time) / 2_000_000 if wanted and int(time) > 0 else None

    def ready(self, status: str) -> None:
        """The host serves."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Other workers are about to take over; `ready` ends this."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}\nSTATUS=Reloading")

    def stopping(self) -> None:
        """No more calls are taken."""
        self._tell("STOPPING=1\nSTATUS=Finishing calls")

    def alive(self) -> None:
        """All is well."""
        self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            speaker = RawSocket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
            try:
                speaker.sendto(text.encode(), _socket.MSG_DONTWAIT, address)
            finally:
                speaker.close()
        except OSError:
            pass  # it does not listen any more: our calls are more important
