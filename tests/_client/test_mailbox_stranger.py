"""A client that offers a worker memory which is none, or puts into a mailbox what is no call."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from js_host._client.mailbox import CALL_AT, LARGEST, LENGTH, NONCE, SIZE
from js_host._wire.frames import CALL, ERROR, HEADER, LOOK, MAILBOX, RESULT, STATUS, STREAM

from .conftest import NEEDS_A_MAILBOX

pytestmark = NEEDS_A_MAILBOX

PATIENCE = 20.0


class Stranger:
    """A client of a worker's private socket, which says what a test tells it to."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.send(0, 0, b'{"protocol":1}')
        assert json.loads(self.read()[3])["mailbox"] is True

    def send(self, id: int, kind: int, body: bytes = b"") -> None:
        """Send a frame."""
        self.socket.sendall(HEADER.pack(len(body), id, kind, 0, 0, 0) + body)

    def read(self) -> tuple[int, int, int, bytes]:
        """Read a frame: its kind, id, `extra`, and body."""
        length, id, kind, _, _, extra = HEADER.unpack(self.socket.recv(HEADER.size, socket.MSG_WAITALL))
        return kind, id, extra, self.socket.recv(length, socket.MSG_WAITALL) if length else b""

    def offer(self, descriptor: int, nonce: bytes) -> bool:
        """Offer memory; whether it was taken."""
        says = {"pid": os.getpid(), "descriptor": descriptor, "nonce": nonce.hex()}
        self.send(0, MAILBOX, json.dumps(says).encode())
        kind, _, extra, _ = self.read()
        assert kind == MAILBOX
        return bool(extra)


@pytest.fixture
def stranger(host: Any) -> Iterator[Stranger]:
    """Come to a worker's private socket."""
    js = host(workers=1)
    js.function("echo")(1)
    visitor = Stranger(js._link.lanes[0].address.target)
    yield visitor
    visitor.socket.close()


def memory(name: str = "js-host", content: bytes = b"") -> int:
    """Memory with that content where the nonce is to be."""
    descriptor = os.memfd_create(name)
    os.pwrite(descriptor, bytes(SIZE), 0)
    os.pwrite(descriptor, content, NONCE)
    return descriptor


NONCE_OF_OURS = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "content", "is_taken"),
    [
        ("js-host", NONCE_OF_OURS, True),
        ("js-host", b"another's secret", False),
        ("passwords", NONCE_OF_OURS, False),
    ],
)
def test_a_worker_takes_only_memory_that_holds_the_nonce_and_once(
    stranger: Stranger, name: str, content: bytes, is_taken: bool
) -> None:
    descriptor = memory(name, content)
    try:
        assert stranger.offer(descriptor, NONCE_OF_OURS) == is_taken
        assert not stranger.offer(descriptor, content), "one offer is all"
    finally:
        os.close(descriptor)


def test_a_descriptor_that_is_not_there_is_no_memory(stranger: Stranger) -> None:
    assert not stranger.offer(1_000_000, NONCE_OF_OURS)


def test_a_worker_does_not_write_into_files_that_are_offered(stranger: Stranger, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(NONCE) + b"0123456789abcdef" + bytes(SIZE))
    with file.open("r+b") as opened:
        assert not stranger.offer(opened.fileno(), b"0123456789abcdef")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"pid":"self","descriptor":"../maps"}'])
def test_an_offer_that_is_none_does_no_harm(stranger: Stranger, body: bytes) -> None:
    stranger.send(0, MAILBOX, body)
    kind, _, extra, said = stranger.read()
    assert (kind == MAILBOX and not extra) or b"no JSON" in said


def test_a_look_without_a_mailbox_ends_the_connection(stranger: Stranger) -> None:
    stranger.send(1, LOOK)
    assert b"no mailbox" in stranger.read()[3]
    assert stranger.socket.recv(1) == b""


def taken(stranger: Stranger) -> int:
    """Memory that the worker has taken."""
    descriptor = memory(content=b"0123456789abcdef")
    assert stranger.offer(descriptor, b"0123456789abcdef")
    return descriptor


@pytest.mark.parametrize(
    "frame",
    [
        HEADER.pack(2**32 - 1, 1, CALL, 0, 0, 0),
        HEADER.pack(LARGEST, 1, CALL, 0, 0, 0),
        HEADER.pack(0, 2, CALL, 0, 0, 0),
        HEADER.pack(0, 1, STATUS, 0, 0, 0),
        HEADER.pack(4, 1, CALL, STREAM, 4, 0) + b"echo",
        HEADER.pack(4, 1, CALL, 0, 9, 0) + b"echo",
    ],
)
def test_what_lies_in_a_mailbox_and_is_no_call_ends_the_connection(stranger: Stranger, frame: bytes) -> None:
    descriptor = taken(stranger)
    try:
        os.pwrite(descriptor, frame, CALL_AT)
        os.pwrite(descriptor, struct.pack("<I", 1), 0)
        stranger.send(1, LOOK)
        assert json.loads(stranger.read()[3])["reason"] == "protocol"
        assert stranger.socket.recv(1) == b""
    finally:
        os.close(descriptor)


def test_memory_that_is_made_smaller_under_a_worker_does_it_no_harm(host: Any, stranger: Stranger) -> None:
    descriptor = taken(stranger)
    try:
        os.ftruncate(descriptor, 0)
        stranger.send(1, LOOK)
        assert json.loads(stranger.read()[3])["reason"] == "protocol"
        assert host.started[0].function("echo")(1) == 1
    finally:
        os.close(descriptor)


def test_memory_that_is_sealed_under_a_worker_does_it_no_harm(host: Any, stranger: Stranger) -> None:
    nonce = b"0123456789abcdef"
    descriptor = os.memfd_create("js-host", os.MFD_ALLOW_SEALING)
    os.pwrite(descriptor, bytes(SIZE), 0)
    os.pwrite(descriptor, nonce, NONCE)
    pid = host.started[0].function("pid")
    before = pid()
    try:
        assert stranger.offer(descriptor, nonce)
        answered_by_mailbox(stranger, descriptor)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        for number in range(1000, 1100):  # which would wake the mailbox
            stranger.send(number, CALL, b"1")
            assert stranger.read()[:2] == (ERROR, number)
        assert pid() == before
    finally:
        os.close(descriptor)


def test_a_call_that_lies_in_a_mailbox_runs_at_a_look_and_only_once(stranger: Stranger) -> None:
    descriptor = taken(stranger)
    try:
        os.pwrite(descriptor, HEADER.pack(6, 1, CALL, 0, 4, 0) + b"echo12", CALL_AT)
        os.pwrite(descriptor, struct.pack("<I", 1), 0)
        stranger.send(1, LOOK)
        assert stranger.read()[:2] == (RESULT, 1)
        stranger.send(1, LOOK)
        stranger.send(2, STATUS)
        assert stranger.read()[:2] == (RESULT, 2)
    finally:
        os.close(descriptor)


def answered_by_mailbox(stranger: Stranger, descriptor: int) -> int:
    """Have a call answered in the mailbox. Its id."""
    give_up_at = time.monotonic() + PATIENCE
    id = 0
    while True:
        assert time.monotonic() < give_up_at
        for _ in range(50):
            id += 1
            stranger.send(id, CALL, b"1")  # the empty name: there is no such function
            assert stranger.read()[:2] == (ERROR, id)
        id += 1
        os.pwrite(descriptor, HEADER.pack(6, id, CALL, 0, 4, 0) + b"echo12", CALL_AT)
        os.pwrite(descriptor, struct.pack("<I", id), 0)
        for _ in range(200):
            length, answered = struct.unpack("<II", os.pread(descriptor, 8, LENGTH))
            if answered == id:
                break
        else:
            stranger.send(id, LOOK)  # nobody looked
            length = 0
        if length:
            return id
        assert stranger.read()[:2] == (RESULT, id)


def test_an_answer_that_was_looked_for_in_vain_is_said_again_on_the_socket(stranger: Stranger) -> None:
    descriptor = taken(stranger)
    try:
        id = answered_by_mailbox(stranger, descriptor)
        stranger.send(id, LOOK)
        kind, number, _, body = stranger.read()
        assert (kind, number, body) == (RESULT, id, b"12")
    finally:
        os.close(descriptor)


def test_a_worker_that_stops_says_again_what_it_put_into_a_mailbox(host: Any, stranger: Stranger) -> None:
    descriptor = taken(stranger)
    try:
        id = answered_by_mailbox(stranger, descriptor)
        host.started[0].close()
        kind, number, _, body = stranger.read()
        assert (kind, number, body) == (RESULT, id, b"12")
        assert json.loads(stranger.read()[3])["reason"] == "draining"
    finally:
        os.close(descriptor)
