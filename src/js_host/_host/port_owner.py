"""Who listens on a TCP port, as far as the system lets us see. Read only when a port is taken."""

from __future__ import annotations

import glob
import os

__all__ = ["owner_of_port"]

LISTEN = "0A"


def owner_of_port(port: int) -> str:
    """Return " by process 123 (`node server.js`)", or nothing where that can not be known."""
    inodes = _listening_inodes(port)
    for link in glob.iglob("/proc/[0-9]*/fd/*") if inodes else ():
        if _target(link) in inodes:
            pid = link.split("/")[2]
            return f" by process {pid} (`{_command(pid)}`)"
    return ""


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in _lines(table)[1:]:
            fields = row.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _command(pid: str) -> str:
    return " ".join(" ".join(_lines(f"/proc/{pid}/cmdline")).split("\0")).strip()[:200] or "unknown"
