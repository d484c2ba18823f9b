"""A program may let SIGPIPE end it, as command line programs do. What we send to a worker that is gone must not."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import _socket, asyncio, signal, socket
from js_host._client.aio import AsyncConnection
from js_host._client.bulk_connection import BulkConnection
from js_host._client.channel import NotSent
from js_host._client.sync import Connection
from js_host._client.window import Window

signal.signal(signal.SIGPIPE, signal.SIG_DFL)

def one_end(module):
    ours, theirs = module.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.close()
    return ours

def blocking(method, data):
    try:
        getattr(Connection(one_end(_socket), 0), method)(data)
    except NotSent as error:
        print(error)

async def in_a_loop():
    connection = AsyncConnection(asyncio.get_running_loop(), one_end(socket), 0)
    connection._send_now(b"x")
    print(connection.is_closed)

def in_bulk():
    connection = BulkConnection(None, Connection(one_end(_socket), 0), Window(None, 1 << 20))
    connection.outgoing.add([b"x"], [1])
    try:
        connection.write()
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("blocking('_send', b'x')", "Broken pipe"),
        ("blocking('_send_parts', [b'x', b'y'])", "Broken pipe"),
        ("asyncio.run(in_a_loop())", "True"),
        ("in_bulk()", "Broken pipe"),
    ],
)
def test_sending_to_a_worker_that_is_gone_ends_no_program_that_signals_end(deed: str, said: str) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM + deed], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout
