"""A program's side of following a managed host: what its workers print goes to `logging`, as with a host of its own."""

from __future__ import annotations

import _socket
import json
import threading

from js_host._host.lines import LogLine
from js_host._host.logs import log_lines
from js_host._manager.client import ANSWER_LIMIT, ask_or_start, settings_message
from js_host._manager.fork import close_held
from js_host._manager.protocol import Lines
from js_host.utils.sockets import NO_SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Follow"]

CHUNK = 65536
PEEK = _socket.MSG_PEEK | _socket.MSG_DONTWAIT
TOOK = b'{"op": "took"}\n'


class Follow:
    """Follows the host of a config file, from now on, in a thread: whether it runs, is started later, or restarted.

    It ends with the manager (whose process id is `manager`), by `close`, or in a forked child, which follows for
    itself. A manager is started if none runs. Raises StartError if that fails.
    """

    def __init__(
        self,
        config_file: str,
        *,
        path_to_node: str | None = None,
        node_args: Sequence[str] = (),
        say: Callable[[str], None] | None = None,
    ) -> None:
        message = settings_message(config_file, path_to_node=path_to_node, node_args=node_args)
        self._line, answer, self._rest = ask_or_start("follow", message, ANSWER_LIMIT, say)
        self._line.settimeout(None)
        self.manager: int = answer["manager"]
        self._thread = threading.Thread(target=self._run, name="js-host-follow", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it goes on: in this process, and with a manager that lives."""
        try:
            return self._thread.is_alive() and bool(self._line.recv(1, PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """End it."""
        try:
            self._line.shutdown(2)
        except OSError:
            pass  # it has ended by itself
        if self._thread is not threading.current_thread():
            self._thread.join(1)

    def _run(self) -> None:
        try:
            lines = Lines()
            data = self._rest
            while True:
                for message in lines.feed(data):
                    log_lines([LogLine(*line) for line in json.loads(message)["lines"]])
                    self._line.sendall(TOOK, NO_SIGPIPE)
                data = self._line.recv(CHUNK)
                if not data:
                    return
        except OSError:
            pass  # the manager ended
        finally:
            close_held(self._line)
