"""The last word of a worker whose event loop is stuck: its watchdog says it, to clients and to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from js_host import JSHost
from js_host._client.sync import Connection
from js_host._wire.frames import CALL, pack
from js_host._wire.values import decode as DECODE
from js_host.exceptions import FunctionTimeout

CODE = """
const fs = require('node:fs')
const there = (name) => fs.existsSync(`${__dirname}/${name}`)
module.exports = { functions: {
  number: () => 1,
  block: () => { fs.writeFileSync(`${__dirname}/blocks`, ''); while (!there('go')) ; },
  write: (names) => {
    for (const name of names) fs.writeSync(fs.openSync(`${__dirname}/${name}`, 'w'), 'mine')
    while (true) ;
  }
} }
"""

FILES = [f"file{number}" for number in range(8)]


def test_it_is_not_written_into_a_file_that_has_the_descriptor_of_a_client_that_left(live: Any, wait_for: Any) -> None:
    host = live(CODE)
    host.settle()
    lane = host.pool.lanes[0]
    busy, gone, writer = [connected(host) for _ in range(3)]
    send(busy, b"block", 20_000, b"null")
    wait_for((host.directory / "blocks").exists)
    lane.drop(gone)  # its end and the call are met in one turn of the event loop
    send(writer, b"write", 200, repr(FILES).replace("'", '"').encode())
    (host.directory / "go").touch()
    with pytest.raises(FunctionTimeout, match="blocked the event loop beyond the deadline"):
        writer._answer(99, b"write", 0.0, DECODE)
    assert {(host.directory / name).read_bytes() for name in FILES} == {b"mine"}
    lane.drop(busy)
    lane.drop(writer)


#: All of the code is line 7, column 3 of the source.
SOURCE_MAP = '{"version":3,"sources":["src/page.tsx"],"names":[],"mappings":"AAME"}'


@pytest.mark.parametrize("url", ["host.config.js.map", f"data:application/json,{quote(SOURCE_MAP)}"])
def test_it_tells_the_place_in_the_source_where_there_is_a_source_map(nothing_left: Any, url: str) -> None:
    code = f"module.exports = {{ functions: {{ turn: () => {{ for (;;); }} }} }}\n//# sourceMappingURL={url}"
    config = Path(nothing_left.config(code))
    config.with_name("host.config.js.map").write_text(SOURCE_MAP)
    with JSHost(config) as host, pytest.raises(FunctionTimeout) as caught:
        host.function("turn", timeout=0.3)()
    assert f"in turn ({config.parent}/src/page.tsx:7:3)" in str(caught.value)
    assert caught.value.stack == f"    at turn ({config.parent}/src/page.tsx:7:3)"


def connected(host: Any) -> Connection:
    connection: Connection = host.pool._connect(host.pool.lanes[0], 5)
    assert connection.call(b"number", None, 20, DECODE) == 1
    return connection


def send(connection: Any, name: bytes, milliseconds: int, data: bytes) -> None:
    """Send a call and do not wait for its answer."""
    connection._socket.sendall(pack(99, CALL, 0, name, milliseconds, (data,)) + data)
