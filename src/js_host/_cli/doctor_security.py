"""What `js-host doctor --security` looks at: who could get at a host, and what its JavaScript could get at."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from .._homes.access import NEW_TOKEN, read_token
from .._host.environment import pick, withheld
from ..conf import settings
from ..doctor import BROKEN, GOOD, WARNING, Finding, guarded, judge_node, read_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["examine_security"]

SECRETIVE = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|_DSN$|DATABASE_URL", re.I)
"""Names of variables that look as if their values were secrets."""

LEAST_LENGTH, LEAST_VARIETY = 32, 10
"""What a token should have: characters, and different ones."""


def examine_security(config_file: str | None = None) -> list[Finding]:
    """Look at everything. The config file is the one named, or the one that the settings name."""
    path = os.path.abspath(config_file or os.path.join(settings.SOURCE_ROOT or os.curdir, settings.CONFIG_FILE))
    environment = dict(os.environ)
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("user", lambda: judge_user(os.getuid())),
        ("sockets", check_sockets),
        ("node", check_node),
        ("address", lambda: check_address(path)),
        ("token", lambda: judge_token(read_token())),
        ("tls", lambda: judge_key_file(settings.TLS_KEY or settings.TLS_CERT)),
        ("node args", lambda: judge_node_args(settings.NODE_ARGS)),
        ("environment", lambda: judge_environment(environment, settings.ENV)),
        ("files", lambda: judge_files(places_of(path), os.getuid())),
    ]
    return [finding for about, check in checks for finding in guarded(about, check)]


def judge_user(uid: int) -> Iterator[Finding]:
    if uid == 0:
        text = "this is root: a fault in any npm package has the whole machine"
        yield Finding("user", WARNING, text, "Run the program and its host as a user of their own.")
    else:
        yield Finding("user", GOOD, f"runs as an ordinary user (uid {uid})")


def check_sockets() -> Iterator[Finding]:
    from .._host.runtime_dir import runtime_directory

    path = runtime_directory()  # refuses one that is not private
    yield Finding("sockets", GOOD, f"sockets are made in {path}, which only this user can enter")


def check_node() -> Iterator[Finding]:
    import datetime as dt

    from .._host.node import find_node, node_version

    node = find_node(settings.PATH_TO_NODE)
    version = node_version(node.path)
    against = list(judge_node(version, dt.date.today()))
    yield from against or [Finding("node", GOOD, f"Node {version} at {node.path} has no known hole, and gets fixes")]
    yield from judge_files([Place(node.path, "the Node that runs")], os.getuid())


def check_address(path: str) -> Iterator[Finding]:
    if os.path.isfile(path):
        yield from judge_address(str(read_config(path).get("address")))


def judge_address(address: str) -> Iterator[Finding]:
    if address == "localhost" or address.startswith("127.") or address == "::1":
        yield Finding("address", GOOD, f"`js-host run` would listen at {address}: only this machine can connect")
        return
    text = f"`js-host run` would listen at {address}, where other machines may connect"
    fix = "Let it listen at 127.0.0.1; or give it --tls-cert, --tls-key and a token: it starts with these only."
    yield Finding("address", WARNING, text, fix)


def judge_token(token: str | None) -> Iterator[Finding]:
    if token is None:
        yield Finding("token", GOOD, "no token is set: only this machine may call hosts that are started here")
    elif len(token) < LEAST_LENGTH or len(set(token)) < LEAST_VARIETY:
        yield Finding("token", BROKEN, f"the token is weak ({len(token)} characters)", f"Make another: {NEW_TOKEN}")
    else:
        yield Finding("token", GOOD, f"a token of {len(token)} characters is set")


def judge_key_file(path: str | None) -> Iterator[Finding]:
    if path is None:
        return
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0
    if mode & 0o077:
        yield Finding(
            "tls", BROKEN, f"{path} holds a key, and others can read it (mode {mode:04o})", f"chmod 600 {path}"
        )
    else:
        yield Finding("tls", GOOD, f"{path} can be read by this user only")


def judge_node_args(arguments: Sequence[str]) -> Iterator[Finding]:
    inspecting = [argument for argument in arguments if argument.startswith("--inspect")]
    if inspecting:
        text = f"NODE_ARGS has {inspecting[0]}: who can connect to the inspector can run any code"
        yield Finding("node args", BROKEN, text, "Take it out where you do not debug.")
    elif "--permission" in arguments:
        yield Finding("node args", GOOD, "Node's permission model is on: a seat belt, not a wall")
    else:
        yield Finding("node args", GOOD, "no inspector. Node's permission model (--permission) is not used")


def judge_environment(environment: Mapping[str, str], wanted: Sequence[str]) -> Iterator[Finding]:
    given = pick(environment, wanted)
    kept = withheld(environment, given)
    yield Finding(
        "environment", GOOD, f"JavaScript gets {len(given)} variables; not these: {', '.join(kept) or 'none'}"
    )
    yield from (finding for finding in suspicions(given, wanted) if finding)


def suspicions(given: Mapping[str, str], wanted: Sequence[str]) -> Iterator[Finding]:
    """What may be wrong with what is passed on."""
    if "*" in wanted:
        yield Finding("environment", WARNING, "ENV passes everything on", "Name what the JavaScript needs.")
    secrets = ", ".join(sorted(name for name in given if SECRETIVE.search(name)))
    if secrets:
        text = f"passed on to all of npm's code, and by their names secret: {secrets}"
        yield Finding("environment", WARNING, text, "Take them out of ENV if the JavaScript can do without.")
    if "NODE_OPTIONS" in given:
        yield Finding(
            "environment", WARNING, "NODE_OPTIONS is passed on: it can make Node run any code", "Use NODE_ARGS."
        )
    if given.get("NODE_TLS_REJECT_UNAUTHORIZED") == "0":
        text = "NODE_TLS_REJECT_UNAUTHORIZED=0: JavaScript talks to whoever claims to be a server"
        yield Finding("environment", BROKEN, text, "Name who signs in NODE_EXTRA_CA_CERTS instead.")


class Place(NamedTuple):
    """A file or a directory with code that runs, and what it is."""

    path: str
    what: str


def places_of(config_file: str) -> list[Place]:
    """What a config file's host runs."""
    directory = os.path.dirname(config_file)
    named = {
        config_file: "the config file",
        directory: "the directory of the config file",
        os.path.join(directory, "package.json"): "its package.json",
        os.path.join(directory, "node_modules"): "its node_modules",
    }
    return [Place(path, what) for path, what in named.items() if os.path.exists(path)]


def judge_files(places: Sequence[Place], uid: int) -> Iterator[Finding]:
    """Whether somebody else could change code that runs as this user."""
    faults = [(place, fault) for place in places if (fault := fault_of_owner(os.stat(place.path), uid))]
    for place, fault in faults:
        text = f"{place.what}, {place.path}, {fault}: they can run code as this user"
        yield Finding("files", BROKEN, text, f"chmod o-w {place.path}, and let it belong to you or to root")
    if places and not faults:
        yield Finding("files", GOOD, f"nobody else can change {', '.join(place.what for place in places)}")


def fault_of_owner(found: os.stat_result, uid: int) -> str | None:
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        return "can be written by everybody"
    if found.st_uid not in (0, uid):
        return f"belongs to another user (uid {found.st_uid})"
    return None
