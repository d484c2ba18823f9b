"""A proxy between a client and a worker that does harm at one byte: it cuts, delays, splits or doubles there."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field

UP, DOWN = "to the worker", "to the client"

#: How long a delay takes, in seconds.
DELAY = 0.002


@dataclass
class Harm:
    """What is done at byte number `at` of one direction of the first connection."""

    kind: str
    way: str
    at: int

    def pieces(self, data: bytes, passed: int) -> tuple[list[bytes], bool]:
        """What is sent, piece by piece, for the data behind `passed` bytes; and whether the connection goes on."""
        here = self.at - passed
        if self.kind == "split":
            return [data[i : i + 1] for i in range(len(data))], True
        if not 0 <= here < len(data):
            return [data], True
        if self.kind == "cut":
            return [data[:here]], False
        if self.kind == "double":
            return [data[: here + 1], data[here:]], True
        return [data[:here], data[here:]], True


@dataclass
class Proxy:
    """Listens on a Unix socket at `path`. Connections after the first are passed on as they are."""

    path: str
    worker: str
    harm: Harm | None
    #: How many bytes have passed in each direction of the first connection.
    passed: dict[str, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Proxy:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        harm = self.harm
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            worker = socket.socket(socket.AF_UNIX)
            worker.connect(self.worker)
            done = threading.Barrier(2)
            self._start(self._pass_on, client, worker, UP, harm, done)
            self._start(self._pass_on, worker, client, DOWN, harm, done)
            harm = None

    def _pass_on(
        self, source: socket.socket, target: socket.socket, way: str, harm: Harm | None, done: threading.Barrier
    ) -> None:
        passed, goes_on = 0, True
        try:
            while goes_on and (data := source.recv(65536)):
                pieces, goes_on = harm.pieces(data, passed) if harm and harm.way == way else ([data], True)
                passed += len(data)
                for piece in pieces:
                    target.sendall(piece)
                    if len(pieces) > 1 and harm and harm.kind == "delay":
                        time.sleep(DELAY)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.passed[way] = self.passed[way] or passed
        done.wait(10)
        source.close()
