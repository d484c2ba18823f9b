"""The caller's half of adaptive spinning, as the floor and the prototype use it."""

import socket
from collections.abc import Callable
from time import perf_counter as now

DONTWAIT = socket.MSG_DONTWAIT
MOST_SKIPPED = 64


class SpinningReader:
    """Receives the start of an answer: polls a little before it sleeps, since a wake-up costs more than a tiny call.

    Every spin that failed doubles the number of answers that are awaited without one.
    """

    def __init__(self, sock: socket.socket, spin_us: float) -> None:
        self.recv_into: Callable[..., int] = sock.recv_into
        self.spin_s = spin_us * 1e-6
        self.skip = 0
        self.back = 1

    def read(self, buffer: bytearray) -> int:
        if self.skip or not self.spin_s:
            if self.skip:
                self.skip -= 1
            return self.recv_into(buffer)
        recv_into = self.recv_into
        end = now() + self.spin_s
        while True:
            try:
                have = recv_into(buffer, 0, DONTWAIT)
            except BlockingIOError:
                if now() > end:
                    self.back = self.skip = min(self.back * 2, MOST_SKIPPED)
                    return recv_into(buffer)
            else:
                self.back = 1
                return have
