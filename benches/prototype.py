"""The caller of js/prototype.mjs: the practical floor of a call, with none of what a library owes its user.

Header, 12 bytes, little-endian: u32 length, u32 id, u8 kind, u8 flags (1: raw bytes), u16 length of the name.
"""

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from .codec import decode_any, encode
from .node_child import reap, spawn
from .paths import JS
from .spinning import SpinningReader

HEAD = struct.Struct("<IIBBH")
BYTES = 1
SMALL = 16384
WAITALL = socket.MSG_WAITALL


class Prototype:
    """One Node process, one connection."""

    def __init__(self, spin_us: int = 50) -> None:
        self.sock, self.pid = spawn(os.path.join(JS, "prototype.mjs"), spin_us=spin_us)
        self.reader = SpinningReader(self.sock, spin_us)
        self.buffer = bytearray(1 << 16)
        self.view = memoryview(self.buffer)
        self.id = 0

    def function(self, name: str) -> Callable[[Any], Any]:
        encoded = name.encode()
        return lambda value: self.call(encoded, value)

    def call(self, name: bytes, value: Any) -> Any:
        raw = type(value) is bytes
        body = value if raw else encode(value)
        self.id += 1
        head = HEAD.pack(len(name) + len(body), self.id, 0, raw, len(name)) + name
        self.send(head, body)
        return self.answer()

    def send(self, head: bytes, body: bytes) -> None:
        if len(body) < SMALL:
            self.sock.sendall(head + body)
            return
        sent = self.sock.sendmsg((head, body))
        if sent < len(head) + len(body):
            self.sock.sendall(memoryview(body)[sent - len(head) :])

    def answer(self) -> Any:
        have = self.reader.read(self.buffer)
        while have < HEAD.size:
            have += self.sock.recv_into(self.view[have:])
        length, _, _, flags, _ = HEAD.unpack_from(self.buffer)
        if have < HEAD.size + length:
            return self.large_answer(have, length, flags)
        body = self.view[HEAD.size : HEAD.size + length]
        return bytes(body) if flags & BYTES else decode_any(body)

    def large_answer(self, have: int, length: int, flags: int) -> Any:
        if have == HEAD.size and flags & BYTES:
            return self.sock.recv(length, WAITALL)
        body = bytearray(length)
        view = memoryview(body)
        got = have - HEAD.size
        view[:got] = self.view[HEAD.size : have]
        while got < length:
            got += self.sock.recv_into(view[got:], 0, WAITALL)
        return body if flags & BYTES else decode_any(view)

    def pipeline(self, name: bytes, values: list[Any], window: int = 64) -> list[Any]:
        """Many calls, `window` frames a write, and their answers in order."""
        results = []
        for start in range(0, len(values), window):
            frames = []
            for value in values[start : start + window]:
                body = encode(value)
                frames.append(HEAD.pack(len(name) + len(body), start, 0, 0, len(name)) + name + body)
            self.sock.sendall(b"".join(frames))
            results += self.answers(len(frames))
        return results

    def answers(self, count: int) -> list[Any]:
        results: list[Any] = []
        have = at = 0
        while len(results) < count:
            have += self.sock.recv_into(self.view[have:])
            while have - at >= HEAD.size:
                end = at + HEAD.size + HEAD.unpack_from(self.buffer, at)[0]
                if end > have:
                    break
                results.append(decode_any(self.view[at + HEAD.size : end]))
                at = end
            self.buffer[: have - at] = self.buffer[at:have]
            have, at = have - at, 0
        return results

    def close(self) -> None:
        reap(self.sock, self.pid)
