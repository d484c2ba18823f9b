"""The name of a manager: the same for programs that would get the same host, and for no others."""

from __future__ import annotations

import os

import pytest

from js_host._host.runtime_dir import LONGEST_ADDRESS, ROOM_FOR_NAMES
from js_host._manager.place import Place, digest, find_place, fingerprint, manager_environment

HERE = {"PATH": "/usr/bin", "HOME": "/home/me", "TERM": "xterm"}


@pytest.mark.parametrize(
    "changed",
    [
        {"PATH": "/opt/bin:/usr/bin"},
        {"JS_HOST_NODE": "/opt/node"},
        {"NODE_ENV": "production"},
        {"NODE_PATH": "/lib"},
        {"NODE_OPTIONS": "--max-old-space-size=100"},
        {"NODE_EXTRA_CA_CERTS": "/ca.pem"},
    ],
)
def test_what_changes_which_node_or_packages_are_used_changes_the_name(changed: dict[str, str]) -> None:
    assert digest(fingerprint({**HERE, **changed}, "/venv")) != digest(fingerprint(HERE, "/venv"))


@pytest.mark.parametrize(
    "changed",
    [{"HOME": "/home/you"}, {"TERM": "dumb"}, {"SECRET_KEY": "x"}, {"NODE_CHANNEL_FD": "3"}, {"NODE_UNIQUE_ID": "1"}],
)
def test_what_differs_from_terminal_to_terminal_does_not(changed: dict[str, str]) -> None:
    assert digest(fingerprint({**HERE, **changed}, "/venv")) == digest(fingerprint(HERE, "/venv"))


def test_another_python_is_another_name() -> None:
    assert digest(fingerprint(HERE, "/venv")) != digest(fingerprint(HERE, "/other"))


def test_the_order_of_the_environment_does_not_matter() -> None:
    assert fingerprint(HERE, "/venv") == fingerprint(dict(reversed(HERE.items())), "/venv")


def test_texts_do_not_run_into_each_other() -> None:
    assert digest(["a", "bc"]) != digest(["ab", "c"])


def test_an_environment_that_is_no_utf_8_has_a_name() -> None:
    assert len(digest(["PATH=\udcff"])) == 10


def test_the_names_of_its_files_fit_where_the_sockets_of_hosts_do() -> None:
    place = Place("/" * (LONGEST_ADDRESS - ROOM_FOR_NAMES), digest(["x"]))
    assert len(place.socket.lstrip("/")) + 1 <= ROOM_FOR_NAMES
    assert Place.of_socket("/run/m-0123456789.sock").lock == "/run/m-0123456789.lock"
    assert Place.of_socket("/run/m-0123456789.sock").name == "0123456789"


def test_a_relative_node_means_the_same_in_the_managers_directory() -> None:
    assert manager_environment({"JS_HOST_NODE": "bin/node"})["JS_HOST_NODE"] == os.path.abspath("bin/node")
    assert manager_environment({"JS_HOST_NODE": "node"})["JS_HOST_NODE"] == "node"


def test_the_place_is_in_the_runtime_directory(nothing_left: object) -> None:
    place = find_place()
    assert place.directory == os.path.join(os.environ["XDG_RUNTIME_DIR"], "js-host")
