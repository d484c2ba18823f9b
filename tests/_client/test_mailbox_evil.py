"""A worker that takes a mailbox and puts nothing into it, or what is no answer."""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from js_host._client import mailbox as layout
from js_host._client.mailbox import ANSWER_END, ANSWERED, AWAKE, LARGEST, NONCE
from js_host._client.sync import Connection
from js_host._wire.frames import CALL, HEADER, LOG, LOOK, MAILBOX, RESULT
from js_host.exceptions import UnexpectedResponse

from .conftest import NEEDS_A_MAILBOX

pytestmark = NEEDS_A_MAILBOX

PATIENCE = 20.0


class Box:
    """The worker's view of a mailbox that an evil server was offered."""

    def __init__(self, client: Any) -> None:
        self._client = client
        _, _, body = self.read()
        says = json.loads(body)
        self.descriptor = os.open(f"/proc/{says['pid']}/fd/{says['descriptor']}", os.O_RDWR)
        assert os.pread(self.descriptor, 16, NONCE).hex() == says["nonce"]
        client.send(HEADER.pack(0, 0, MAILBOX, 0, 0, 1))

    def read(self) -> tuple[int, int, bytes]:
        """The next frame that is no call: those are answered."""
        while True:
            kind, id, body = self._client.read()
            if kind != CALL:
                return kind, id, body
            self._client.answer(id, id)

    def say_awake(self, is_awake: bool = True) -> None:
        """Say whether somebody looks."""
        os.pwrite(self.descriptor, struct.pack("<I", is_awake), AWAKE)

    def answer(self, id: int, frame: bytes, length: int | None = None) -> None:
        """Put an answer in."""
        os.pwrite(self.descriptor, frame[-LARGEST:], ANSWER_END - len(frame))
        os.pwrite(self.descriptor, struct.pack("<I", len(frame) if length is None else length), ANSWER_END)
        os.pwrite(self.descriptor, struct.pack("<I", id), ANSWERED)

    def number(self) -> int:
        """The call that was put in last."""
        return int(struct.unpack("<I", os.pread(self.descriptor, 4, 0))[0])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a client wait for as long as it takes a server in Python to answer, and poll whatever was before."""
    monkeypatch.setattr(layout, "LONGEST_LOOK", 60.0)
    monkeypatch.setattr(layout, "MOST_LOOKS", sys.maxsize)
    call = Connection.call

    def called(self: Connection, *args: Any) -> object:
        self.spins = True
        self.spinner.span = self.spinner.limit = 5.0
        return call(self, *args)

    monkeypatch.setattr(Connection, "call", called)


def served(evil: Any, play: Callable[[Any, Box], None]) -> Any:
    """A server that takes a mailbox and says that it looks into it; then it is asked until a call was put in."""

    def all_of_it(client: Any) -> None:
        client.greet(mailbox=True)
        box = Box(client)
        try:
            box.say_awake()
            play(client, box)
        finally:
            os.close(box.descriptor)

    return evil(all_of_it)


def call_until_put(server: Any, ids: list[int]) -> object:
    """Call until one went by the mailbox; what that gave."""
    give_up_at = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < give_up_at
        answer = server.call()
        if ids:
            return answer


def play_by_socket_until_put(client: Any, box: Box) -> int:
    """Answer calls that still come by the socket. The id of the first that lies in the mailbox."""
    client.socket.settimeout(0.001)
    while not (number := box.number()):
        try:
            _, id, _ = client.read()
        except TimeoutError:
            continue
        client.answer(id, id)
    client.socket.settimeout(20)
    return number


@pytest.mark.usefixtures("patient")
class TestAWorkerThatCanNotBeTrusted:
    """It takes the mailbox, and does something wrong with it."""

    def test_its_answer_in_the_mailbox_is_the_result(self, evil: Any, by_mailbox: list[int], frame: Any) -> None:
        def play(client: Any, box: Box) -> None:
            number = play_by_socket_until_put(client, box)
            box.answer(number, frame(RESULT, number, b'"by mailbox"'))
            client.wait_for_end()

        assert call_until_put(served(evil, play), by_mailbox) == "by mailbox"

    def test_an_empty_answer_sends_the_client_to_the_socket(self, evil: Any, by_mailbox: list[int], frame: Any) -> None:
        def play(client: Any, box: Box) -> None:
            number = play_by_socket_until_put(client, box)
            client.answer(number, "by socket")
            box.answer(number, b"")
            client.wait_for_end()

        assert call_until_put(served(evil, play), by_mailbox) == "by socket"

    @pytest.mark.parametrize("length", [LARGEST + 1, 2**32 - 1])
    def test_an_answer_of_an_impossible_length_is_no_answer(
        self, evil: Any, by_mailbox: list[int], frame: Any, length: int
    ) -> None:
        def play(client: Any, box: Box) -> None:
            number = play_by_socket_until_put(client, box)
            box.answer(number, frame(RESULT, number, b"1"), length)
            client.wait_for_end()

        with pytest.raises(UnexpectedResponse, match="in the mailbox"):
            call_until_put(served(evil, play), by_mailbox)

    def test_an_answer_to_another_call_is_not_taken(self, evil: Any, by_mailbox: list[int], frame: Any) -> None:
        def play(client: Any, box: Box) -> None:
            number = play_by_socket_until_put(client, box)
            client.answer(number, "right")
            box.answer(number, frame(RESULT, number + 7, b'"wrong"'))
            client.wait_for_end()

        assert call_until_put(served(evil, play), by_mailbox) == "right"

    def test_a_warning_before_the_answer_is_heard(self, evil: Any, by_mailbox: list[int], frame: Any) -> None:
        def play(client: Any, box: Box) -> None:
            number = play_by_socket_until_put(client, box)
            client.send(frame(LOG, 0, b'{"text":"stale"}'))
            client.answer(number, 1)
            box.answer(number, b"")
            client.wait_for_end()

        server = served(evil, play)
        with pytest.warns(UserWarning, match="stale"):
            call_until_put(server, by_mailbox)


def test_a_worker_that_does_not_look_is_told_by_a_look_and_answers_by_the_socket(
    evil: Any, by_mailbox: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("js_host._client.channel.OFFER_AFTER", 1)
    looks: list[tuple[int, int]] = []

    def play(client: Any, box: Box) -> None:
        while True:
            kind, id, _ = client.read()
            if kind == LOOK:
                looks.append((id, box.number()))
            client.answer(id, id)

    server = served(evil, play)
    give_up_at = time.monotonic() + PATIENCE
    while not looks:
        assert time.monotonic() < give_up_at
        server.call()
    assert [id for id, _ in looks] == by_mailbox
    assert all(id == number for id, number in looks)


def test_an_answer_that_a_worker_put_in_before_it_was_killed_is_not_lost(
    evil: Any, by_mailbox: list[int], monkeypatch: pytest.MonkeyPatch, frame: Any
) -> None:
    monkeypatch.setattr("js_host._client.channel.OFFER_AFTER", 1)

    looks: list[int] = []

    def play(client: Any, box: Box) -> None:
        while True:
            kind, id, _ = client.read()
            if kind == LOOK:
                looks.append(id)
                if len(looks) == 2:
                    return box.answer(id, frame(RESULT, id, b'"the last word"'))
            client.answer(id, id)

    server = served(evil, play)
    give_up_at = time.monotonic() + PATIENCE
    while server.call() != "the last word":
        assert time.monotonic() < give_up_at


def offered(server: Any, seen: list[bytes]) -> None:
    """Call until the server was offered a mailbox."""
    give_up_at = time.monotonic() + PATIENCE
    while not seen:
        assert time.monotonic() < give_up_at
        server.call()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer a mailbox after the first answer that came while polling."""
    monkeypatch.setattr("js_host._client.channel.OFFER_AFTER", 1)


@pytest.mark.usefixtures("soon")
def test_a_worker_that_refuses_a_mailbox_is_called_as_before(evil: Any, by_mailbox: list[int]) -> None:
    offers: list[bytes] = []

    def play(client: Any) -> None:
        client.greet(mailbox=True)
        while True:
            kind, id, body = client.read()
            if kind == MAILBOX:
                offers.append(body)
                time.sleep(0.003)  # the connection is looked at before its next call
                client.send(HEADER.pack(0, 0, MAILBOX, 0, 0, 0))
            else:
                client.answer(id, id)

    server = evil(play)
    offered(server, offers)
    time.sleep(0.01)
    for _ in range(100):
        server.call()
    assert (len(offers), server.connections, by_mailbox) == (1, 1, [])
    assert server.pool.lanes[0].idle[0].mailbox is None


def test_a_mailbox_that_was_not_offered_is_nothing_that_belongs_there(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(mailbox=True)
        client.read()
        client.send(HEADER.pack(0, 0, MAILBOX, 0, 0, 1))
        client.wait_for_end()

    with pytest.raises(UnexpectedResponse, match="not offered"):
        evil(play).call()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("what", ["os.memfd_create", "js_host._client.mailbox.mmap"])
def test_without_memory_to_share_calls_go_by_the_socket(
    evil: Any, by_mailbox: list[int], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    tried: list[bytes] = []

    def refuse(*args: object, **options: object) -> None:
        tried.append(b"")
        raise OSError("no memory to share")

    def play(client: Any) -> None:
        client.greet(mailbox=True)
        while True:
            client.answer(client.read()[1], 1)

    monkeypatch.setattr(what, refuse)
    server = evil(play)
    offered(server, tried)
    for _ in range(100):
        assert server.call() == 1
    assert (len(tried), by_mailbox) == (1, [])
