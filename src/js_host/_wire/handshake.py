"""The way from HTTP to frames: the request to upgrade, and what its answer may be. No I/O."""

from __future__ import annotations

from ..exceptions import ConnectionError, UnexpectedResponse

UPGRADE = "js-host/1"
END = b"\r\n\r\n"

#: An answer's head longer than this is not a host's.
MAX_HEAD = 16 * 1024

#: What a load balancer answers that finds no host, or one that goes away at this moment.
NO_HOST = (["502"], ["503"], ["504"])


class NotUpgraded(UnexpectedResponse):
    """The other end speaks HTTP and no frames: an older host, or something in between."""

    maybe_executed = False


class Refused(UnexpectedResponse):
    """The host does not let us in, and says why."""

    maybe_executed = False


def upgrade_request(authority: str, path: str = "/") -> bytes:
    """The request that turns an HTTP connection into one of frames."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: {UPGRADE}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode("ascii")


def upgrade_answer(received: bytes) -> bytes | None:
    """What follows the head of the answer, once it has agreed to the upgrade; None while the head is incomplete.

    Raises Refused if it does not let us in, ConnectionError if a load balancer says that no host is there, and
    NotUpgraded if it does not agree for another reason.
    """
    end = received.find(END)
    if end < 0:
        if len(received) > MAX_HEAD or not b"HTTP/1.".startswith(received[:7]):
            raise NotUpgraded("The address does not answer as a host does: no HTTP.")
        return None
    status, *headers = received[:end].decode("latin-1").split("\r\n")
    fields = dict(line.lower().replace(" ", "").split(":", 1) for line in headers if ":" in line)
    code = status.split(" ")[1:2]
    if code in (["401"], ["403"]):
        _raise_refusal(received[end + len(END) :], fields.get("content-length", ""))
        return None
    if code in NO_HOST:
        raise ConnectionError(f"what stands before it says {status}")
    if code != ["101"] or fields.get("upgrade") != UPGRADE:
        raise NotUpgraded(f"The address answers HTTP, but does not speak {UPGRADE}: {status}.")
    return received[end + len(END) :]


def _raise_refusal(body: bytes, length: str) -> None:
    """Returns while the answer's body, which says why, is incomplete."""
    if not length.isdigit() or len(body) >= min(int(length), MAX_HEAD):
        text = body.decode("utf-8", "replace") or "it does not say why."
        raise Refused(f"The host does not let this program in: {text}")
