"""What `check --deploy` adds: what is right in development and wrong in production. Here Node may be asked.

| id | says |
|---|---|
| js_host.W010 | USE_MANAGER is on: the manager is for development |
| js_host.W011 | NODE_ENV is not `production`: React and others run their slow development code |
| js_host.W012 | NODE_ARGS open Node's debugger |
| js_host.W013 | FUNCTION_TIMEOUT is None: a function that never ends keeps its web worker for ever |
| js_host.W014 | VERBOSITY writes the data of every call to stderr |
| js_host.W015 | the config file does not load |
| js_host.W016 | the config's port is 0: this site can not know where `js-host run` listens |
| js_host.W017 | the config's address is open to other machines, and whoever reaches the port may call |
| js_host.W018 | the Node that was found does not run |
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Warning

from ..._host.node import Node, find_node, node_version, version_on_disk
from ...conf import settings
from ...doctor import read_config
from ...exceptions import ConfigError, NodeNotFound
from ...utils.verbosity import FUNCTION_CALL
from .checks import check_settings, config_path, judge_version

LOOPBACK = ("127.", "localhost", "::1", "[::1]")


def check_deployment(**_: object) -> list[CheckMessage]:
    """All of them. Nothing where the settings can not be read: the other checks say that."""
    if any(check_settings()):
        return []
    found = [*judge_settings(settings.read()), *judge_environment(settings.ROOT_URL, os.environ)]
    if not settings.ROOT_URL:
        found += check_with_node()
    return found


def judge_settings(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """What speaks against these settings in production."""
    if values["USE_MANAGER"]:
        yield warning(
            "W010",
            "USE_MANAGER is True, and the manager is for development.",
            "Run the host with `js-host run`, or start one in each web worker, and set USE_MANAGER to False.",
        )
    if any(argument.startswith("--inspect") for argument in values["NODE_ARGS"]):
        yield warning(
            "W012", "NODE_ARGS open Node's debugger: whoever reaches it runs what he likes.", "Remove --inspect."
        )
    if values["FUNCTION_TIMEOUT"] is None:
        yield warning(
            "W013",
            "FUNCTION_TIMEOUT is None: a function that never ends keeps its web worker for ever.",
            "Set it to the seconds that a call may take, or remove it for 10.",
        )
    if values["VERBOSITY"] >= FUNCTION_CALL:
        yield warning(
            "W014",
            f"VERBOSITY is {values['VERBOSITY']}: the data of every call is written to stderr.",
            f"Set it below {FUNCTION_CALL}.",
        )


def judge_environment(root_url: str | None, environment: Mapping[str, str]) -> Iterator[CheckMessage]:
    """Whether hosts that are started in this environment run the production code of packages."""
    said = environment.get("NODE_ENV", "")
    if said != "production" and not root_url:
        yield warning(
            "W011",
            f"NODE_ENV is {said or 'not set'} here: React and other packages run their slow development code.",
            "Set the environment variable NODE_ENV=production for this program, and for `js-host run`.",
        )


def check_with_node() -> Iterator[CheckMessage]:
    """What only Node can tell. That there is none is said by the other checks."""
    try:
        node = find_node(settings.PATH_TO_NODE)
    except NodeNotFound:
        return
    try:
        yield from ask_node(node)
    except NodeNotFound as error:
        yield warning("W018", str(error), "`manage.py js_host doctor` says more.")
        return
    yield from check_config()


def ask_node(node: Node) -> Iterator[CheckMessage]:
    """Judge a Node whose version no file tells: it is run, for its version only."""
    if version_on_disk(node.path) is None:
        yield from judge_version(node_version(node.path), node.origin)


def check_config() -> Iterator[CheckMessage]:
    """Have Node load the config file, as a host would. One that is not there is found by the other checks."""
    if not os.path.isfile(config_path()):
        return
    try:
        yield from judge_config(read_config(config_path()))
    except ConfigError as error:
        yield warning("W015", str(error), "A host of it can not start; `manage.py js_host doctor` says more.")


def judge_config(config: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """What speaks against the place where `js-host run` would listen."""
    address, port = str(config.get("address")), config.get("port")
    if port == 0:
        yield warning(
            "W016",
            "The config's port is 0: `js-host run` takes another each time, and this site can not know which.",
            "Give it a port in the config file. If each web worker starts a host of its own, silence this check.",
        )
    if not address.startswith(LOOPBACK):
        yield warning(
            "W017",
            f"The config's address is {address}: whoever reaches the port may call every function.",
            "Listen at 127.0.0.1. If nobody else reaches it, as in a container, silence this check.",
        )


def warning(number: str, text: str, hint: str) -> CheckMessage:
    """One message."""
    return Warning(text, hint=hint, id=f"js_host.{number}")
