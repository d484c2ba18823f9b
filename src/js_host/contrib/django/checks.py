"""System checks, tag `js_host`. They look at settings and files only: no Node runs, save for `check --deploy`.

| id | says |
|---|---|
| js_host.E001 | JS_HOST is wrong: an unknown name (the nearest is suggested), a wrong type, two that clash |
| js_host.E002 | no Node is found, or it is too old |
| js_host.E003 | the config file that JS_HOST names is not there |
| js_host.E004 | there is no private directory for sockets, and the manager needs one |
| js_host.W001 | Node runs, but is older than what is supported, or gets no security fixes |
| js_host.W002 | there is no host.config.js |
| js_host.W003 | there is no private directory for sockets, which a host of this program's own would need |

Those of `check --deploy` are in `deploy_checks`.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator

from django.core import checks

from ..._host.node import find_node, version_on_disk
from ..._host.runtime_dir import runtime_directory
from ...conf import TABLE, read_django, settings
from ...doctor import BROKEN, fix_for, judge_node
from ...exceptions import ConfigError, NodeNotFound, StartError

TAG = "js_host"


def check_all(**_: object) -> list[checks.CheckMessage]:
    """Everything that can be told without starting anything."""
    wrong = list(check_settings())
    if wrong:
        return wrong
    if settings.ROOT_URL:
        return []  # the host runs elsewhere: this machine needs no Node, no config file and no sockets
    return [*check_node(), *check_config_file(), *check_runtime_directory()]


def check_settings() -> Iterator[checks.CheckMessage]:
    """Whether JS_HOST can be read."""
    try:
        settings.read()
    except ConfigError as error:
        yield checks.Error(str(error), hint=f"The names are {', '.join(TABLE)}.", id="js_host.E001")


def check_node() -> Iterator[checks.CheckMessage]:
    """Whether there is a Node, and what there is to say against its version, as far as files tell it."""
    try:
        node = find_node(settings.PATH_TO_NODE)
    except NodeNotFound as error:
        yield checks.Error(str(error), hint="`manage.py js_host doctor` says more.", id="js_host.E002")
        return
    version = version_on_disk(node.path)
    if version:
        yield from judge_version(version, node.origin)


def judge_version(version: str, origin: str) -> Iterator[checks.CheckMessage]:
    """What the doctor says of a version of Node, in Django's words."""
    for finding in judge_node(version, dt.date.today()):
        kind, number = (checks.Error, "E002") if finding.state == BROKEN else (checks.Warning, "W001")
        yield kind(finding.text, hint=fix_for(origin), id=f"js_host.{number}")


def check_config_file() -> Iterator[checks.CheckMessage]:
    """Whether the config file is there: an error where JS_HOST names one, else a warning."""
    path = config_path()
    if os.path.isfile(path):
        return
    kind, number = (checks.Error, "E003") if is_given("CONFIG_FILE") else (checks.Warning, "W002")
    yield kind(
        f"There is no config file {path}.",
        hint="Write one with `manage.py js_host init`, or name yours in JS_HOST: CONFIG_FILE, SOURCE_ROOT.",
        id=f"js_host.{number}",
    )


def config_path() -> str:
    """Where the config file of the settings would be."""
    return os.path.abspath(os.path.join(settings.SOURCE_ROOT or os.curdir, settings.CONFIG_FILE))


def is_given(name: str) -> bool:
    """Whether a setting was given a value: in JS_HOST, or by `settings.configure`."""
    return name in vars(settings) or name in read_django()


def check_runtime_directory() -> Iterator[checks.CheckMessage]:
    """Whether a private directory for sockets is there, or can be made."""
    try:
        runtime_directory()
    except StartError as error:
        kind, number = (checks.Error, "E004") if settings.USE_MANAGER else (checks.Warning, "W003")
        text, _, hint = str(error).rpartition("\n")
        yield kind(text, hint=hint, id=f"js_host.{number}")
