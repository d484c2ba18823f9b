"""One host in each of its homes: this program's own, a manager's, and one that runs elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import AsyncJSHost, Function, JSHost
from js_host.exceptions import ConfigError, ConnectionError, HostWarning, StartError, WorkerDied

CONFIG = """
module.exports = {
  disconnectTimeout: 200,
  functions: {
    hello_world: function (data, cb) { cb(null, 'Hello, ' + (data.name || 'World') + '!') },
    pid: () => process.pid,
    version: () => 1,
    print: (text) => { console.log(text) },
    exit: () => process.exit(3)
  }
}
"""

SEED = """
import os
import socket
from js_host.conf import settings as js_host_settings
from js_host.function import Function

js_host_settings.configure(
  SOURCE_ROOT=os.path.dirname(os.path.abspath(__file__)),
  USE_MANAGER=True,
)

hello_world = Function('hello_world')

print(hello_world.call())

print(hello_world.call(name='Foo'))
"""


@pytest.fixture
def config(nothing_left: Any) -> Path:
    return Path(nothing_left.config(CONFIG))


@pytest.fixture
def managed(config: Path) -> Iterator[JSHost]:
    host = JSHost(config, managed=True)
    yield host
    host.stop()


@pytest.mark.parametrize("kind", [JSHost, AsyncJSHost])
def test_what_is_no_path_is_told_with_what_was_given(kind: Any) -> None:
    with pytest.raises(ConfigError, match=r"needs the path of a file, a str or os\.PathLike; it was given 3\."):
        kind(3)


def test_the_quick_start_of_the_seed_prints_what_the_seed_says(config: Path) -> None:
    script = config.parent / "hello_world.py"
    script.write_text(SEED)
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, env=os.environ)
    assert ended.stdout == "Hello, World!\nHello, Foo!\n", ended.stderr
    assert "Starting the host" in ended.stderr


def test_an_own_host_ends_with_its_block_and_says_so(config: Path) -> None:
    with JSHost(config) as host:
        assert host.is_running()
        assert host.function("hello_world")(name="Foo") == "Hello, Foo!"
    assert not host.is_running()
    with pytest.raises(ConnectionError, match="was stopped"):
        host.function("hello_world")()


def test_an_own_host_can_be_stopped_and_started_again(config: Path) -> None:
    host = JSHost(config)
    host.start()
    pid = host.function("pid")
    before = pid()
    host.start()
    assert pid() == before
    host.restart()
    assert pid() != before
    host.stop()
    host.stop()
    assert not host.is_running()


def test_a_managed_host_starts_with_the_first_call_and_outlives_the_program_that_used_it(managed: JSHost) -> None:
    assert not managed.is_running()
    before = managed.function("pid")()
    assert managed.is_running()
    code = f"from js_host import JSHost; print(JSHost({managed.config_file!r}, managed=True).function('pid')())"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ)
    assert int(second.stdout) == before
    assert managed.function("pid")() == before


def test_a_managed_host_is_stopped_and_restarted_for_everybody(managed: JSHost) -> None:
    pid = managed.function("pid")
    before = pid()
    managed.restart()
    after = pid()
    assert after != before
    managed.stop(stop_manager_if_last=False)
    assert not managed.is_running()
    assert managed.manager is not None
    assert managed.manager.is_running()
    assert pid() not in (before, after)
    managed.stop()
    assert not managed.manager.is_running()


def test_a_crash_in_a_managed_host_says_why_and_the_next_call_works(managed: JSHost, wait_for: Any) -> None:
    managed.function("print")("the last words")
    assert managed.logfile is not None
    wait_for(lambda: "the last words" in Path(str(managed.logfile)).read_text())
    with pytest.raises(WorkerDied, match=r"(?s)process\.exit\(3\).*It printed last:\n  \| the last words") as caught:
        managed.function("exit")()
    assert caught.value.maybe_executed
    assert managed.function("hello_world")() == "Hello, World!"


def test_a_managed_host_that_can_not_start_says_what_its_worker_printed_last(managed: JSHost) -> None:
    Path(managed.config_file).write_text("console.log('so far, so good')\nprocess.exit(4)\n")
    with pytest.raises(StartError, match=r"(?s)It printed last:\n  \| so far, so good"):
        managed.function("pid")()


def test_advice_to_start_a_host_is_for_who_finds_nobody_not_for_who_finds_a_stranger() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = JSHost(root_url=f"http://127.0.0.1:{server.getsockname()[1]}").function("f")
        threading.Thread(target=lambda: server.accept()[0].close()).start()
        with pytest.raises(ConnectionError) as found:
            ask()
    assert "js-host run" not in str(found.value)
    with pytest.raises(ConnectionError, match=r"No host answers at .*: Connection refused.*`js-host run`") as found:
        ask()
    assert "USE_MANAGER" not in str(found.value)  # which can not be, with an address


FOR_EVER = "module.exports = { warmup: () => new Promise(() => {}) }"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (FOR_EVER, r"exited with code 13: .* nothing was left to wait for\. .*`await` .*in its `warmup`\."),
        ("process.exit(4)", r"exited with code 4 while it loaded the config\. .*called process\.exit\(\)"),
        (
            f"setTimeout(() => {{ throw new Error('too early') }})\n{FOR_EVER}",
            r"uncaught exception:\n.*Error: too early\n    at .*host\.config\.js:1:26",
        ),
        (
            f"Promise.reject(new Error('unheard'))\n{FOR_EVER}",
            r"uncaught exception:\n.*Error: unheard\n    at .*host\.config\.js:1:16",
        ),
    ],
)
def test_what_ends_a_worker_while_it_loads_its_config_is_told(config: Path, code: str, said: str) -> None:
    config.write_text(f"{code}\n")
    with pytest.raises(StartError, match=f"(?s){said}"), JSHost(config):
        pass


def test_a_module_that_waits_for_ever_is_told(config: Path) -> None:
    module = config.with_suffix(".mjs")
    module.write_text("export const a = () => 1\nawait new Promise(() => {})\n")
    with pytest.raises(StartError, match=r"exited with code 13: .*`await` outside of any function"), JSHost(module):
        pass


def test_an_exception_that_nobody_catches_is_told_with_its_place(config: Path) -> None:
    save(config, CONFIG.replace("pid:", "fails: (d, cb) => setTimeout(() => { throw new Error('unseen') }),\n    pid:"))
    with (
        JSHost(config) as host,
        pytest.raises(WorkerDied, match=r"uncaught exception: Error: unseen\.\n    at .*host\.config\.js:\d+:\d+\)$"),
    ):
        host.function("fails")()


def test_changed_code_answers_at_once_and_broken_code_warns_while_the_old_answers(
    managed: JSHost, wait_for: Any
) -> None:
    version, config = managed.function("version"), Path(managed.config_file)
    assert version() == 1
    save(config, CONFIG.replace("version: () => 1", "version: () => 2"))
    wait_for(lambda: version() == 2)
    save(config, CONFIG.replace("version: () => 1", "version: () => {"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wait_for(lambda: version() == 2 and caught)
    assert [warning.category for warning in caught] == [HostWarning]
    assert "SyntaxError" in str(caught[0].message)
    assert caught[0].filename == __file__
    save(config, CONFIG.replace("version: () => 1", "version: () => 4"))
    wait_for(lambda: version() == 4)


def test_a_host_that_is_neither_own_nor_managed_nor_running_tells_what_to_do(config: Path) -> None:
    config.write_text(CONFIG.replace("disconnectTimeout", "port: 1, disconnectTimeout"))
    with pytest.raises(ConnectionError, match="js-host run"):
        JSHost(config).function("hello_world")()


def test_a_managed_host_has_no_address_of_its_own_choice() -> None:
    with pytest.raises(ConfigError, match="root_url"):
        JSHost(root_url="http://127.0.0.1:1", managed=True)


def save(path: Path, text: str) -> None:
    """As editors do: another file is renamed into the place."""
    other = path.with_suffix(".tmp")
    other.write_text(textwrap.dedent(text))
    os.replace(other, path)


@pytest.mark.parametrize("name", ["", None, 7, "x" * 70000])
def test_a_function_needs_a_name_that_a_config_can_have(name: Any) -> None:
    with pytest.raises(ConfigError, match="Function"):
        Function(name)


@pytest.mark.parametrize("managed", [False, True])
def test_arguments_for_node_are_checked_as_the_setting_is(config: Path, managed: bool) -> None:
    host = JSHost(config, managed=managed, node_args="--max-old-space-size=100")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="node_args must be a list or tuple of str, not '--max-old-space-size=100'"):
        host.start()
