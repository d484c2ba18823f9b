"""The command `js-host`, called as a function where no process is needed."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from js_host import __version__
from js_host._cli.call import read_data, read_pair, write_result
from js_host.cli import COMMANDS, main, make_parser, whole_story
from js_host.conf import RUNTIME
from js_host.exceptions import ConfigError, FunctionError

RUNTIME_FIXTURE = pathlib.Path(__file__).parent / "runtime" / "fixtures" / "commonjs.cjs"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: js-host {name}" in capsys.readouterr().out


def test_without_a_command_the_help_goes_to_stderr_and_the_code_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.startswith("usage: js-host")) == ("", True)


def test_a_wrong_option_is_exit_code_2_with_nothing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "--nothing"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["run", "--workers", "0"], "argument --workers: it must be a whole number from 1, or \"auto\", not '0'"),
        (["run", "--port", "99999"], "argument --port: it must be a port, from 0 to 65535, not '99999'"),
        (["logs", "-n", "-1"], "argument -n/--lines: it must be a whole number from 0, not '-1'"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_right(
    wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(wrong) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["f --timeout 5 a=1 b=2", "f a=1 --timeout 5 b=2", "f a=1 b=2 --timeout 5", "--timeout 5 f a=1 b=2"],
)
def test_options_of_a_call_may_stand_anywhere_among_its_data(words: str) -> None:
    found = make_parser().parse_args(["call", *words.split()])
    assert (found.name, found.timeout, found.pairs) == ("f", 5.0, ["a=1", "b=2"])


def test_an_option_that_there_is_not_is_no_data_of_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "f", "--confg", "x", "a=1"]) == 2
    assert "unrecognized arguments: --confg" in capsys.readouterr().err


def test_an_address_that_is_none_is_told_by_the_option_that_it_was_given_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", "localhost:9009"]) == 1
    assert capsys.readouterr().err == (
        "js-host: --url must be an address such as http://127.0.0.1:9009, not 'localhost:9009'. "
        "Did you mean http://localhost:9009?\n"
    )


def test_what_is_behind_an_error_of_a_function_is_told_too() -> None:
    root = FunctionError("connect ECONNREFUSED")
    error = FunctionError("fetch failed", function="f", cause=FunctionError("all failed", name="TypeError", cause=root))
    told = ["f: Error: fetch failed", "Behind it: TypeError: all failed", "Behind it: Error: connect ECONNREFUSED"]
    assert whole_story(error).split("\n") == told


def test_a_warning_is_a_line_without_a_place_in_python() -> None:
    program = "import sys; from js_host.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "functions", "--config", str(RUNTIME_FIXTURE)]
    ended = subprocess.run(command, env={**os.environ, "NODE_OPTIONS": "--no-warnings"}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("js-host: warning: NODE_OPTIONS is set in the environment, and not passed on")
    assert ended.stderr.count("\n") == 1


def test_a_name_that_nobody_knows_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "f", "--url", "http://nowhere.invalid:9009"]) == 1
    said = capsys.readouterr().err
    assert "No host answers at http://nowhere.invalid:9009: " in said
    assert said.endswith("or correct the address.\n")


def test_a_call_without_a_name_asks_for_the_name_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call"]) == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: NAME\n")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"js-host {__version__}\n"


def test_it_runs_as_a_module_too() -> None:
    shown = subprocess.check_output([sys.executable, "-m", "js_host", "--version"], text=True)
    assert shown == f"js-host {__version__}\n"


def test_runtime_path_prints_a_directory_that_npm_can_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime-path"]) == 0
    printed = capsys.readouterr().out.removesuffix("\n")
    assert printed == RUNTIME
    assert json.loads((pathlib.Path(printed) / "package.json").read_text())["name"] == "js-host"


class TestInit:
    def test_it_writes_a_config_and_says_what_to_do_next(
        self, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["init"]) == 0
        shown = capsys.readouterr()
        assert (tmp_path / "host.config.js").read_text().startswith("module.exports = {")
        assert shown.out.endswith("host.config.js\n")
        assert "js-host call hello_world name=Foo\n" in shown.err

    def test_it_makes_the_directory_and_names_the_config_in_the_next_step(
        self, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["init", str(tmp_path / "new")]) == 0
        assert f"--config {tmp_path}/new/host.config.js" in capsys.readouterr().err

    def test_it_writes_an_es_module_where_package_json_asks_for_one(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "package.json").write_text('{"type": "module"}')
        assert main(["init", str(tmp_path / "part")]) == 0
        assert (tmp_path / "part" / "host.config.js").read_text().startswith("export default {")

    def test_it_does_not_overwrite(self, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "host.config.js").write_text("mine")
        assert main(["init", str(tmp_path)]) == 1
        assert (tmp_path / "host.config.js").read_text() == "mine"
        assert "exists already, and is left as it is" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["host.config.js", "my.config.mjs"])
    def test_the_name_of_a_file_becomes_no_directory(
        self, name: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["init", str(tmp_path / name)]) == 1
        assert not list(tmp_path.iterdir())
        assert capsys.readouterr().err.endswith(f"Name the directory: `js-host init {tmp_path}`.\n")

    def test_a_place_that_can_not_be_written_is_an_error_of_one_line(
        self, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()
        assert main(["init", str(tmp_path / "file" / "below")]) == 1
        assert capsys.readouterr().err.count("\n") == 1


class TestDataOfACall:
    @pytest.mark.parametrize(
        ("pair", "value"),
        [
            ("a=Foo", "Foo"),
            ("a=20", 20),
            ("a=true", True),
            ('a="20"', "20"),
            ("a=[1, 2]", [1, 2]),
            ("a=x=y", "x=y"),
            ("a=", ""),
            ("a=\udcff", "\udcff"),
        ],
    )
    def test_a_value_is_json_where_it_reads_as_json_and_text_elsewhere(self, pair: str, value: object) -> None:
        assert read_pair(pair) == ("a", value)

    @pytest.mark.parametrize("pair", ["a", "=a", ""])
    def test_what_is_no_pair_is_an_error_that_shows_how_to_write_one(self, pair: str) -> None:
        with pytest.raises(ConfigError, match=r"is not KEY=VALUE\. Write name=Foo"):
            read_pair(pair)

    def test_no_data_is_an_empty_object(self) -> None:
        assert read_data(None, []) == {}

    def test_json_gives_the_data_whole(self) -> None:
        assert read_data("[1, null]", []) == [1, None]

    def test_json_and_pairs_together_are_an_error(self) -> None:
        with pytest.raises(ConfigError, match="--json and a=1 both give data"):
            read_data("{}", ["a=1"])

    def test_what_is_not_json_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="--json is not JSON: "):
            read_data("{'a': 1}", [])


@pytest.mark.parametrize(
    ("result", "written"),
    [
        ("Hällo", "Hällo\n".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (None, b"null\n"),
        ({"a": [1.5, True]}, b'{"a":[1.5,true]}\n'),
    ],
)
def test_a_result_is_text_raw_bytes_or_json(
    result: object, written: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_result(result)
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == written


@pytest.mark.parametrize("command", [["call", "greet"], ["functions"], ["run"]])
def test_without_a_config_file_a_command_says_how_to_get_one(
    command: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"js-host: There is no config file {tmp_path}/host.config.js. Write one with `js-host init`, or name yours.\n"
    )


def test_a_reader_that_had_enough_is_no_traceback() -> None:
    program = f"{sys.executable} -c 'import sys; from js_host.cli import main; sys.exit(main([\"--help\"]))' | true"
    ended = subprocess.run(program, shell=True, capture_output=True, text=True)
    assert ended.stderr == ""


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_its_work_in_silence(closed: str) -> None:
    ended = subprocess.run(["sh", "-c", f"{sys.executable} -m js_host runtime-path {closed}"], capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_an_error_goes_nowhere_where_stderr_is_closed() -> None:
    ended = subprocess.run(["sh", "-c", f"{sys.executable} -m js_host init /dev/null 2>&-"], capture_output=True)
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_output_that_can_not_be_written_is_an_error_of_one_line() -> None:
    command = f"{sys.executable} -m js_host runtime-path > /dev/full"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, "js-host: [Errno 28] No space left on device\n")


def test_half_a_character_is_escaped_in_json(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_result({"half": "\ud800", "bytes": b"\0"})
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b'{"half": "\\ud800", "bytes": "AA=="}\n'


@pytest.mark.parametrize("place", ["http://127.0.0.1:no-port", "http://127.0.0.1:9100/stats", "http+unix:/nowhere"])
def test_top_says_where_it_looked(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--at", place]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"js-host: Nobody tells about a host at {place}: ")
    assert "[Errno" not in said
    assert "Give the place of its --metrics-port" in said
