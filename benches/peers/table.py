"""The peers, one module each: `start()` gives an object with `function(name)` and `close()`.

`function(name)` gives the quickest callable that the peer's own documentation leads to. Where a peer carries text
only, the callable also does the JSON or base64 that its user would have to write.
"""

from typing import NamedTuple

from ..cases import Case


class Peer(NamedTuple):
    """What the harness knows of a peer without importing it."""

    module: str
    title: str
    packages: tuple[str, ...] = ()
    """From PyPI, into the venv of the peers."""
    spins: bool = False
    carries_bytes: bool = True
    is_complete: bool = True
    """Else it is there for tiny calls only."""
    is_peer: bool = True
    """Else a floor: it has no functions, but measures a case its own way."""

    def does(self, case: Case) -> bool:
        if case.spin_only:
            return self.spins
        if not self.is_complete:
            return case.function == "hello"
        return self.carries_bytes or not (case.function == "echoBytes" and case.large)


PEERS = {
    "raw": Peer("floor_raw", "raw ping-pong of the bytes", is_peer=False),
    "codec": Peer("floor_codec", "encode + function + decode alone", is_peer=False),
    "ours": Peer("ours", "js_host", spins=True),
    "ours-nospin": Peer("ours_nospin", "js_host, spinning off", spins=True, is_complete=False),
    "prototype": Peer("prototype", "prototype", spins=True),
    "prototype-nospin": Peer("prototype_nospin", "prototype, spinning off", spins=True, is_complete=False),
    "http": Peer("http_client", "http.client → node:http"),
    "original": Peer("original", "original python-js-host", ("requests",), carries_bytes=False),
    "jspybridge": Peer("jspybridge", "JSPyBridge", ("javascript",), carries_bytes=False),
    "mini-racer": Peer("miniracer", "mini-racer", ("mini-racer",), carries_bytes=False),
    "pythonmonkey": Peer("monkey", "pythonmonkey", ("pythonmonkey",), carries_bytes=False),
    "pyexecjs": Peer("pyexecjs", "PyExecJS", ("PyExecJS",), carries_bytes=False),
}
