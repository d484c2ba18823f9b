"""What managers report, in words. Pure: the reports are passed in, and the time."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    Report = Mapping[str, Any]


def managers_story(reports: Iterable[Report], now: float | None = None) -> list[str]:
    """Lines for a terminal: each manager, and under it its hosts."""
    now = time.time() if now is None else now
    lines: list[str] = []
    for report in reports:
        lines += ["", *manager_story(report)]
        for host in report["hosts"]:
            lines += ["", *host_story(host, now)]
    return lines[1:]


def manager_story(report: Report) -> Iterator[str]:
    facts = [f"pid {report['pid']}", f"version {report['version']}", f"up {duration(report['uptime'])}"]
    if report.get("memory"):
        facts.append(size(report["memory"]))
    yield row("manager", ", ".join(facts))
    yield row("log", str(report["logfile"]))
    if not report["hosts"]:
        yield row("hosts", "none")


def host_story(host: Report, now: float) -> Iterator[str]:
    yield row("host", host["config_file"])
    yield row("state", f"{host['state']}, up {duration(host['uptime'])}, generation {host.get('generation', 1)}")
    yield row("workers", *(worker_story(worker) for worker in [*host["workers"], *host.get("others", ())]))
    yield row("used by", users(host))
    for end in last_ends(host["workers"]):
        yield row("last crash", f"{duration(now - end['at'])} ago", *end["text"].splitlines())
    for failure in filter(None, [*(worker["failure"] for worker in host["workers"]), host.get("reload_failure")]):
        yield row("failure", *failure.splitlines())
    yield row("log", *filter(None, [host["logfile"] or "none", host["log_note"]]))


def worker_story(worker: Report) -> str:
    """`0: pid 4711, ready, up 3 min, 120 calls, 48 MB (heap 5 MB), runs render`"""
    is_deaf = worker.get("answers") is False and worker["state"] == "ready"
    facts = [f"pid {worker['pid']}" if worker["pid"] else "no process", worker["state"]]
    if worker["uptime"] is not None:
        facts.append(f"up {duration(worker['uptime'])}")
    if worker.get("calls") is not None:
        facts.append(f"{worker['calls']} call{'' if worker['calls'] == 1 else 's'}" + (" or more" if is_deaf else ""))
    if worker["memory"]:
        facts.append(size(worker["memory"]) + (f" (heap {size(worker['heap'])})" if worker.get("heap") else ""))
    if worker.get("running"):
        facts.append(f"runs {', '.join(worker['running'])}")
    if is_deaf:
        facts.append("does not answer now: its event loop is blocked")
    return f"{worker['number']}: {', '.join(facts)}"


def users(host: Report) -> str:
    programs = [f"{lease.get('program')} (pid {lease.get('pid')})" for lease in host["leases"]]
    return ", ".join(programs) or f"nobody, and stops {duration(host['disconnect_timeout'])} after the last program"


def last_ends(workers: Sequence[Report]) -> list[Report]:
    """The end that was last of all, if any worker ended."""
    ends = [worker["last_end"] for worker in workers if worker["last_end"]]
    return sorted(ends, key=lambda end: end["at"])[-1:]


def row(name: str, *lines: str) -> str:
    """A name and what is to be said of it; further lines are set in."""
    return "\n".join(f"{label:<10} {line}" for label, line in zip([name, *[""] * len(lines)], lines, strict=False))


def duration(seconds: float) -> str:
    """In the unit that a reader wants: 0.3 s, 12 s, 5 min, 2 h, 3 d."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1g} s" if 0 < seconds < 1 else f"{max(0, round(seconds))} s"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes as whole megabytes."""
    return f"{count / 1e6:.0f} MB"
