"""What the manager does for who asks: each request is a method, run in the manager's one thread.

`hosts` are those that can be leased, by key; `others` those that are still or not yet there: they stop, or start to
take a host's place. When both are empty, the manager has done its work.
"""

from __future__ import annotations

import os
import time
from time import monotonic

from js_host._host.environment import renewed
from js_host._host.usage import memory_of
from js_host._manager.followers import Followers
from js_host._manager.hosts import RUNNING, STARTING, ManagedHost, in_thread
from js_host._manager.leases import Leases
from js_host._manager.protocol import OTHER_VERSION, RETIRED, VERSION, error_of, host_key
from js_host._manager.report import host_report, lease_answer
from js_host._manager.survey import ask_workers
from js_host.exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._manager.hosts import Post
    from js_host._manager.line import Line
    from js_host._manager.survey import Survey

__all__ = ["Service"]

STAY = 300.0
"""Seconds for which a manager stays without hosts when it was asked to stay."""

FIRST_PATIENCE = 10.0
"""Seconds for which a new manager waits for its first host."""

LONGEST_WAIT = 1.0
"""Seconds to wait for the word why a worker ended."""

ADVICE = "`js-host stop --all` stops it; the next call starts one that fits."


class Service:
    """The hosts of one manager and their leases. `post` brings work of other threads back into this one."""

    def __init__(self, name: str, logfile: str | None, post: Post, give_up_name: Callable[[], None]) -> None:
        self.name = name
        self.logfile = logfile
        self.began_at = time.time()
        self.leases = Leases()
        self.hosts: dict[str, ManagedHost] = {}
        self.others: set[ManagedHost] = set()
        self.retired = False
        self.stay_until = monotonic() + FIRST_PATIENCE
        self.followers = Followers(post)
        self._post = post
        self._give_up_name = give_up_name
        self._when_over: list[Line] = []

    # For the daemon.

    def hear(self, line: Line, message: dict[str, Any]) -> None:
        """Answer a request."""
        try:
            self._answer(line, message)
        except Exception as error:
            line.say(error_of(error))

    def closed(self, line: Line) -> None:
        """A connection ended, and with it what it held."""
        self.leases.release(line, monotonic())
        self.followers.closed(line)

    def see_to_leases(self) -> None:
        """Stop the hosts that nobody needs any more."""
        for key in self.leases.due(monotonic()):
            self._stop(self.hosts[key])

    def next_moment(self) -> float | None:
        """When there is something to see to."""
        moments = [self.leases.next_moment(), None if self._busy() else self.stay_until]
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return not self._busy() and monotonic() >= self.stay_until

    def _busy(self) -> bool:
        return bool(self.hosts or self.others)

    def stop_all(self) -> None:
        """Take no more leases, let the calls finish, and end."""
        self._retire()
        self.stay_until = 0.0
        for host in [*self.hosts.values(), *self.others]:
            self._stop(host)

    def kill_all(self) -> None:
        """End all workers now."""
        for host in [*self.hosts.values(), *self.others]:
            host.supervisor.kill()

    def say_goodbye(self) -> None:
        """Tell those who asked for the end that it has come."""
        for line in self._when_over:
            line.say({"stopped": True, "exiting": True})

    # Requests.

    def _answer(self, line: Line, message: dict[str, Any]) -> None:
        handler = REQUESTS.get(str(message.get("op")))
        if handler is None:
            line.say({"error": "unknown-request", "message": f"A manager of {VERSION} does not know {message!r:.200}."})
        elif handler in NEED_VERSION and message.get("version") != VERSION:
            text = f"The manager is of js_host {VERSION}, and you are of {message.get('version')}. {ADVICE}"
            line.say({"error": OTHER_VERSION, "version": VERSION, "message": text})
        elif handler in NEED_VERSION and self.retired:
            line.say({"error": RETIRED, "message": "The manager takes no more leases."})
        else:
            handler(self, line, message)

    def _lease(self, line: Line, message: dict[str, Any]) -> None:
        if line.program:
            raise ConfigError("A connection is one lease: open another.")
        line.program = {"pid": message.get("pid"), "program": message.get("program")}
        host = self._usable_host(message)
        started = host is None
        if host is None:
            host = self._new_host(message)
        self.leases.claim(host.key, line)
        if host.state != RUNNING:
            line.say({"event": "starting", "config_file": host.config_file, "logfile": host.log.path})
        chosen = host
        host.when_started(lambda error: line.say(error_of(error) if error else lease_answer(chosen, started=started)))

    def _usable_host(self, message: Mapping[str, Any]) -> ManagedHost | None:
        host = self.hosts.get(_key(message))
        if host is not None and not host.is_usable:
            self._stop(host)
            return None
        return host

    def _new_host(self, message: Mapping[str, Any]) -> ManagedHost:
        host = ManagedHost(_key(message), message, self._post, self.followers)
        self.hosts[host.key] = host
        self.leases.enter(host.key, monotonic())
        host.when_started(lambda error: self._started(host, error))
        host.start()
        return host

    def _started(self, host: ManagedHost, error: BaseException | None) -> None:
        self.stay_until = min(self.stay_until, monotonic())
        if self.hosts.get(host.key) is not host:
            return
        if error is None:
            self.leases.set_patience(host.key, host.patience, monotonic())
        else:
            self._remove(host)

    def _restart(self, line: Line, message: dict[str, Any]) -> None:
        """Start another in its place, and when it runs, stop the old one. If it does not start, the old one stays."""
        old = self._hosts_of(message)
        for host in old:
            self._replace(line, host, {**host.request, "env": _new_environment(host.request, message)})
        if not old:
            new = self._usable_host(message) or self._new_host(message)
            new.when_started(lambda error: line.say(error_of(error) if error else lease_answer(new, started=True)))

    def _replace(self, line: Line, old: ManagedHost, request: Mapping[str, Any]) -> None:
        new = ManagedHost(old.key, request, self._post, self.followers)
        self.others.add(new)
        new.when_started(lambda error: self._replaced(line, old, new, error))
        new.start()

    def _replaced(self, line: Line, old: ManagedHost, new: ManagedHost, error: BaseException | None) -> None:
        if new.state != RUNNING:
            if new.state == STARTING:
                self.others.discard(new)
            line.say(error_of(error or RuntimeError("The manager is stopping.")))
            return
        self._put_in_place(old, new)
        old.when_stopped(lambda: line.say(lease_answer(new, started=True)))
        self._end(old)

    def _put_in_place(self, old: ManagedHost, new: ManagedHost) -> None:
        """Let the new host have the old one's leases, and tell their holders that it is elsewhere."""
        present = self.hosts.get(new.key)
        if present is not None and present is not old:
            self._end(present)
        self.others.discard(new)
        self.hosts[new.key] = new
        self.leases.enter(new.key, monotonic())
        self.leases.set_patience(new.key, new.patience, monotonic())
        for holder in self._holders(new):
            holder.say({"event": "moved"})

    def _stop_host(self, line: Line, message: dict[str, Any]) -> None:
        if message.get("stop_manager_if_last", True):
            self.stay_until = min(self.stay_until, monotonic())
        else:
            self.stay_until = monotonic() + STAY
        left = {*self._hosts_of(message), *self._hosts_of(message, self.others)}
        if not left:
            line.say({"stopped": False, "exiting": False})
        for host in list(left):
            host.when_stopped(lambda host=host: self._stopped_for(line, left, host))  # type: ignore[misc]
            self._stop(host)

    def _stopped_for(self, line: Line, left: set[ManagedHost], host: ManagedHost) -> None:
        left.discard(host)
        if not left:
            self.others.discard(host)
            if self.is_over:
                self._retire()
            line.say({"stopped": True, "exiting": self.is_over})

    def _stop_manager(self, line: Line, message: dict[str, Any]) -> None:
        self._when_over.append(line)
        self.stop_all()

    def _retire_for(self, line: Line, message: dict[str, Any]) -> None:
        self._retire()
        line.say({"retired": True})

    def _status(self, line: Line, message: dict[str, Any]) -> None:
        """With `survey`, the workers are asked too."""
        if not message.get("survey"):
            line.say(self._report(None))
            return
        running = [host for host in self.hosts.values() if host.state == RUNNING]
        in_thread(self._post, lambda: ask_workers(running), lambda said, _: line.say(self._report(said or {})))

    def _report(self, survey: Survey | None) -> dict[str, Any]:
        hosts = [*self.hosts.values(), *self.others]
        programs = [[holder.program for holder in self._holders(host)] for host in hosts]
        return {
            "type": "Manager",
            "version": VERSION,
            "name": self.name,
            "pid": os.getpid(),
            "uptime": round(time.time() - self.began_at, 3),
            "memory": memory_of(os.getpid()),
            "logfile": self.logfile,
            "retired": self.retired,
            "hosts": [host_report(host, leases, survey) for host, leases in zip(hosts, programs, strict=True)],
        }

    def _explain(self, line: Line, message: dict[str, Any]) -> None:
        host = next((host for host in [*self.hosts.values(), *self.others] if host.id == message.get("host")), None)
        number, pid = int(message["slot"]), int(message.get("pid") or 0)
        if host is None or not 0 <= number < len(host.supervisor.slots):
            line.say({"kind": None, "text": None})
        elif not pid:
            kind, text = host.story(number) or (None, None)
            line.say({"kind": kind, "text": text})
        else:
            wait, found = min(float(message.get("wait") or 0), LONGEST_WAIT), host
            in_thread(self._post, lambda: found.explain(number, pid, wait), lambda end, _: line.say(_end_answer(end)))

    def _follow(self, line: Line, message: dict[str, Any]) -> None:
        self.followers.add(_key(message), line)
        line.say({"following": True, "manager": os.getpid()})

    def _took(self, line: Line, message: dict[str, Any]) -> None:
        self.followers.took(line)

    # How.

    def _hosts_of(self, message: Mapping[str, Any], among: Iterable[ManagedHost] | None = None) -> list[ManagedHost]:
        """All hosts of that config file, however their Node is run."""
        wanted = host_key(str(message["config_file"])).split("\0")[0]
        among = self.hosts.values() if among is None else among
        return [host for host in among if host.key.split("\0")[0] == wanted]

    def _holders(self, host: ManagedHost) -> list[Line]:
        is_present = self.hosts.get(host.key) is host
        return [holder for holder in self.leases.holders(host.key) if is_present]  # type: ignore[misc]

    def _stop(self, host: ManagedHost) -> None:
        """Stop a host. Its leases end: who needs it again leases it anew."""
        holders = self._holders(host)
        self._remove(host)
        self._end(host)
        for holder in holders:
            holder.say({"event": "stopped"})
            holder.close()

    def _end(self, host: ManagedHost) -> None:
        """Stop the workers of a host that is not to be found any more."""
        self.others.add(host)
        host.when_stopped(lambda: self.others.discard(host))
        host.stop()

    def _remove(self, host: ManagedHost) -> None:
        if self.hosts.get(host.key) is host:
            del self.hosts[host.key]
            self.leases.leave(host.key)

    def _retire(self) -> None:
        """Give up the name: who looks for a manager finds or starts another. What is leased goes on."""
        self.retired = True
        self.stay_until = 0.0
        self._give_up_name()


def _key(message: Mapping[str, Any]) -> str:
    return host_key(
        str(message["config_file"]),
        message.get("path_to_node"),
        message.get("node_args") or (),
        message.get("wanted_env") or (),
    )


def _new_environment(before: Mapping[str, Any], message: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The environment for a host that is started anew: that of who asks, and what was wanted for it before."""
    old: Mapping[str, str] | None = before.get("env")
    new: Mapping[str, str] | None = message.get("env")
    return renewed(new, old, before.get("wanted_env") or ()) if new and old else new or old


def _end_answer(end: WorkerEnd | None) -> dict[str, Any]:
    if end is None:
        return {"kind": None, "text": None}
    return {"kind": end.kind, "text": str(end), "function": end.function, "stack": end.stack}


REQUESTS: dict[str, Callable[[Service, Line, dict[str, Any]], None]] = {
    "lease": Service._lease,
    "restart": Service._restart,
    "stop": Service._stop_host,
    "stop-manager": Service._stop_manager,
    "retire": Service._retire_for,
    "status": Service._status,
    "explain": Service._explain,
    "follow": Service._follow,
    "took": Service._took,
}
NEED_VERSION = (Service._lease, Service._restart, Service._follow)
