"""Calls over plain HTTP, for hosts that do not speak frames: the original js-host, or one behind a cache."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import re
import socket
import weakref
from collections import deque
from math import inf
from typing import NamedTuple

from .._wire.traces import plain_name, split_name
from .._wire.values import encode
from ..exceptions import (
    ConnectionError,
    FunctionError,
    FunctionTimeout,
    PayloadTooLarge,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
)
from .access import tls_hint
from .channel import deadline_in, time_left
from .one_by_one import one_by_one
from .sync import prepare_tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Generator, Iterator
    from typing import Any

    from .._wire.results import Decoder
    from ..exceptions import JSHostError
    from .address import Address
    from .aio_threads import AsyncThreads
    from .job import Job

JSON = "application/json"
BYTES = "application/octet-stream"
HTML = "text/html"

#: How a host that wants a token says that it is one.
REALM = 'realm="js-host"'

#: What may be an integer beyond ±(2^53 - 1): those have 16 digits or more.
_LONG_NUMBER = re.compile(rb"\d{16}")
#: An integer, and the text of a page that tells an error, are shown up to here.
SHOWN_DIGITS = 40
SHOWN_TEXT = 500

_NOT_SHOWN = re.compile(r"<(head|script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
#: So many characters are looked at of a page that is not the original host's.
LONGEST_PAGE = 10_000


class Answer(NamedTuple):
    """What a host answered; `challenge` says whether it wants a token."""

    status: int
    kind: str
    body: bytes
    challenge: str


class HttpLink:
    """The way to a host that answers `POST /function/<name>`, on connections that are kept alive."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: deque[_Connection] = deque()
        #: The same for event loops: see `aio_pool`.
        self.loops: dict[AbstractEventLoop, AsyncThreads] = {}
        _links.add(self)

    def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call a function and return its decoded result. Which worker gets it is the host's to decide."""
        data = self._encode(name, value)
        # The hash lets a cache in between tell one call from another.
        name, traceparent = split_name(name)
        path = f"/function/{_quote(name)}?hash={hashlib.sha1(data, usedforsecurity=False).hexdigest()}"
        status, kind, body, _ = self._request("POST", path, data, timeout, traceparent, name.decode())
        return _result(status, kind, body, name.decode(), decode)

    def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> Generator[object, None, None]:
        """Plain HTTP has no streams."""
        raise ValueNotSupported(
            f"{plain_name(name)} can not be streamed: the host at {self.address} speaks plain HTTP only. "
            "Call the function for its whole result, or call a host that speaks frames."
        )

    def map(self, rows: Iterator[object], job: Job) -> Generator[object, None, None]:
        """Call a function for each row, one after the other."""
        return one_by_one(self.call, rows, job)

    def status(self, timeout: float | None) -> object:
        """What `GET /status` says."""
        status, _, body, _ = self._request("GET", "/status", None, timeout)
        try:
            if status == 200:
                return json.loads(body)
        except (ValueError, RecursionError):
            pass
        raise UnexpectedResponse(f"{self.address}/status does not answer as a host does: {status} {_beginning(body)}")

    def identify(self, timeout: float | None) -> None:
        """Make sure that a host answers, before it is told the token or any data. Raises UnexpectedResponse."""
        status, _, body, challenge = self._request("GET", "/status", None, timeout, with_token=False)
        if status == 401 and REALM in challenge:
            return
        try:
            found = json.loads(body) if status == 200 else None
            if isinstance(found, dict) and "config" in found:
                return
        except (ValueError, RecursionError):
            pass
        raise UnexpectedResponse(
            f"What answers at {self.address} is no host: {self.address}/status says {status} {_beginning(body)}. "
            "Another program may have taken the port: stop it, or correct the address.",
            maybe_executed=False,
        )

    def close(self) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._idle.pop().close()

    def _encode(self, name: bytes, value: object) -> bytes:
        """The data of a call as JSON. Raises ValueNotSupported where `JSON.parse` would read something else."""
        data, attachments = encode(value)
        if attachments is not None:
            found = "what JSON can not say (bytes, dates, sets, big integers …)"
        elif integer := _large_integer(data):
            found = f"the integer {integer} (beyond ±(2**53 - 1) JSON.parse rounds)"
        else:
            return data
        raise ValueNotSupported(
            f"The data for {plain_name(name)} holds {found}, "
            f"and the host at {self.address} speaks plain HTTP only. Convert it, or call a host that speaks frames."
        )

    def _request(
        self,
        method: str,
        path: str,
        data: bytes | None,
        timeout: float | None,
        traceparent: str | None = None,
        what: str = "/status",
        *,
        with_token: bool = True,
    ) -> Answer:
        connection = self._take(timeout)
        headers = {"Content-Type": JSON} if data is not None else {}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        if with_token and self.address.access.token:
            headers["Authorization"] = f"Bearer {self.address.access.token}"
        try:
            connection.request(method, self.address.path + path, data, headers)
            response = connection.getresponse()
            body = response.read()
        except BaseException as error:
            connection.close()
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise self._failure(error, what, timeout, connection.was_open) from None
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        headers_in = response.headers
        return Answer(response.status, headers_in.get_content_type(), body, headers_in["WWW-Authenticate"] or "")

    def _failure(self, error: Exception, what: str, timeout: float | None, was_open: bool) -> JSHostError:
        # A timeout with an errno is the system's: the machine of the host is gone.
        if isinstance(error, TimeoutError) and error.errno is None and timeout is not None:
            return FunctionTimeout(f"{what}: the host at {self.address} gave no result within {round(timeout, 3):g} s.")
        message = f"The host at {self.address} did not answer: {error}{tls_hint(error)}"
        return ConnectionError(message, maybe_executed=was_open)

    def _take(self, timeout: float | None) -> _Connection:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.is_usable():
                connection.set_timeout(timeout)
                return connection
            connection.close()
        connection = _Connection(self.address)
        connection.set_timeout(timeout)
        return connection


_links: weakref.WeakSet[HttpLink] = weakref.WeakSet()


def _forget_all() -> None:
    """After a fork, the child has copies of its parent's connections: two must never speak on one."""
    for link in tuple(_links):
        link.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class _Connection(http.client.HTTPConnection):
    """One kept-alive connection, to a Unix socket or a TCP address."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.authority)
        self._address = address
        self._deadline = inf
        self.was_open = False

    def connect(self) -> None:
        self.sock = socket.socket(self._address.family, socket.SOCK_STREAM)
        self.sock.settimeout(time_left(self._deadline))
        try:
            self.sock.connect(self._address.target)
            if self._address.family != socket.AF_UNIX:
                prepare_tcp(self.sock)
        except OSError as error:
            raise ConnectionError(f"No host answers at {self._address}: {error.strerror or error}.") from None
        if self._address.is_encrypted:
            context = self._address.access.tls()
            self.sock.settimeout(time_left(self._deadline))
            self.sock = context.wrap_socket(self.sock, server_hostname=self._address.host_name)
        self.was_open = True

    def is_usable(self) -> bool:
        """Whether the other end has not closed it while it was idle."""
        from select import POLLIN, poll  # late: not every system has it

        poller = poll()
        poller.register(self.sock, POLLIN)
        return not poller.poll(0)

    def set_timeout(self, timeout: float | None) -> None:
        """How long the next request may take, in seconds, with all that belongs to it."""
        self._deadline = deadline_in(timeout)
        if self.sock:
            self.sock.settimeout(time_left(self._deadline))

    def response_class(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        response = http.client.HTTPResponse(sock, **options)
        response.fp.close()
        response.fp = io.BufferedReader(_Reader(sock, self._deadline))
        return response


class _Reader(io.RawIOBase):
    """Reads from a socket until a deadline. To http.client a timeout is for each read, and a body may have many."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)  # it keeps the socket open until it is closed itself
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(time_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _quote(name: bytes) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _large_integer(text: bytes) -> str | None:
    """The first integer of a JSON text that is beyond what a number of JavaScript's holds exactly, shortened."""
    if not _LONG_NUMBER.search(text):  # it may find a float, or a part of a string: the parser knows
        return None
    from .._wire.rich import MAX_SAFE_INTEGER  # late: few programs need it

    found: list[str] = []

    def look(digits: str) -> None:
        if len(digits) > SHOWN_DIGITS or abs(int(digits)) > MAX_SAFE_INTEGER:
            found.append(digits if len(digits) <= SHOWN_DIGITS else digits[:SHOWN_DIGITS] + "…")

    json.loads(text, parse_int=look)
    return found[0] if found else None


def _result(status: int, kind: str, body: bytes, function: str, decode: Decoder) -> object:
    if status == 200:
        if kind == JSON:
            return decode(body, None)
        if kind == BYTES:
            return decode(b'{"$":["bytes",0]}', [body])
        return decode(json.dumps(body.decode("utf-8", "replace")).encode(), None)
    raise _error(status, _text(kind, body, is_short=status != 500), function)


def _error(status: int, text: str, function: str) -> JSHostError:
    if status == 500:
        return _function_error(text, function)
    if status == 404:
        return UnknownFunction(f"{function}: {text}. `js-host functions --url …` lists those that the host has.")
    if status == 413:
        return PayloadTooLarge(f"{function}: {text or 'the data is over the limit of the host.'}")
    return UnexpectedResponse(
        f"Called function {function!r}. The host answered {status}: {text[:2000]}", maybe_executed=status >= 500
    )


def _beginning(body: bytes) -> str:
    """Enough of an answer to know it by: its first line, in quotes."""
    lines = body[:1000].decode("utf-8", "replace").strip().splitlines()
    return repr(lines[0][:100]) if lines else "and nothing more"


def _text(kind: str, body: bytes, *, is_short: bool) -> str:
    """What an error says, without the tags of a page and, if it is to be short, without the stack in it."""
    text = body.decode("utf-8", "replace")
    if kind != HTML:
        return text
    text = _text_of_page(text)
    return " ".join(text.partition("\n    at ")[0].split())[:SHOWN_TEXT] if is_short else text


def _text_of_page(page: str) -> str:
    """The original host makes a page of an error, `<pre>TypeError: so<br> &nbsp; …</pre>`; a proxy makes others."""
    from html import unescape

    text = page.partition("<pre>")[2].partition("</pre>")[0] or _NOT_SHOWN.sub("", page[:LONGEST_PAGE])
    text = text.replace("<br>", "\n").replace(" &nbsp; &nbsp;", "    ")
    return unescape(_TAG.sub(" ", text)).strip()


def _function_error(stack: str, function: str) -> FunctionError:
    """The error that the host wrote as its stack: `TypeError: it is so`, and the lines of the stack."""
    head = stack.split("\n", 1)[0]
    name, colon, message = head.partition(": ")
    if not colon or not name.isidentifier():
        name, message = "Error", head
    return FunctionError(message, function=function, name=name, stack=stack)
