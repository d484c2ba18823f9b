"""Log files: what a line says, the cap, and places that can not be written."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from js_host._host.lines import LogLine
from js_host._manager.logfile import OLD, LogFile, host_log_path, logs_of, manager_log_path, remove_old
from js_host._manager.protocol import host_key

LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (.*)$", re.MULTILINE)


def line(text: str, level: str = "info", worker: int = 0) -> LogLine:
    return LogLine(level, text, worker, 4711)


def test_each_line_has_time_worker_and_level_and_the_call_that_says_it(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"))
    log.write([line("hello"), line("oh", "error", 3), LogLine("warn", "hm", 1, 5, function="greet", call=12)])
    log.say("started")
    log.close()
    assert LINE.findall((tmp_path / "a.log").read_text()) == [
        "worker 0 (4711) info: hello",
        "worker 3 (4711) error: oh",
        "worker 1 (5) greet #12 warn: hm",
        "manager info: started",
    ]
    assert log.note is None


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"))
    log.say("x")
    log.close()
    assert stat.S_IMODE((tmp_path / "a.log").stat().st_mode) == 0o600


def test_it_is_put_aside_when_it_is_full_and_there_are_never_more_than_two(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"), most=1000)
    for number in range(100):
        log.say(f"line {number} " + "x" * 50)
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["a.log", "a.log.1"]
    assert all((tmp_path / name).stat().st_size <= 1000 for name in os.listdir(tmp_path))
    kept = re.findall(r"line (\d+)", (tmp_path / "a.log.1").read_text() + (tmp_path / "a.log").read_text())
    assert kept == [str(number) for number in range(100 - len(kept), 100)]


def test_of_two_managers_with_one_file_each_writes_into_the_one_that_is_not_put_aside(tmp_path: Path) -> None:
    one, other = (LogFile(str(tmp_path / "a.log"), most=1000) for _ in range(2))
    for number in range(30):
        one.say(f"one {number} " + "x" * 50)
        other.say(f"other {number} " + "x" * 50)
    text = (tmp_path / "a.log.1").read_text() + (tmp_path / "a.log").read_text()
    for name, log in (("one", one), ("other", other)):
        log.close()
        kept = re.findall(rf" {name} (\d+)", text)
        assert kept == [str(number) for number in range(30 - len(kept), 30)]
        assert len(kept) > 5


def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"))
    log.say("before")
    (tmp_path / "a.log").unlink()
    log.say("after")
    log.close()
    assert LINE.findall((tmp_path / "a.log").read_text()) == ["manager info: after"]


def test_lines_of_two_threads_do_not_mix(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"), most=3000)

    def write() -> None:
        for _ in range(100):
            log.say("y" * 40)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert set(LINE.findall((tmp_path / "a.log").read_text())) == {"manager info: " + "y" * 40}


def test_a_text_that_is_no_utf_8_is_written(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"))
    log.say("\ud800")
    log.close()
    assert "\\ud800" in (tmp_path / "a.log").read_text()


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    log = LogFile("/dev/full")
    log.write([line("a"), line("b")])
    assert log.note == "2 lines of the log were lost: No space left on device"


def test_writing_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    log = LogFile(str(tmp_path / "a.log"))
    log.say("lost")
    (tmp_path / "a.log").rmdir()
    log.say("kept")
    log.close()
    assert LINE.findall((tmp_path / "a.log").read_text()) == ["manager info: kept"]
    assert log.note == "1 lines of the log were lost: Is a directory"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to(tmp_path / "precious")
    log = LogFile(str(tmp_path / "a.log"))
    log.say("x")
    assert not (tmp_path / "precious").exists()
    assert log.note


def test_no_place_at_all_is_told() -> None:
    log = LogFile(None)
    log.say("x")
    assert log.note == "1 lines of the log were lost: no directory for it can be written"


def test_it_is_named_after_the_project(nothing_left: Any) -> None:
    config = "/srv/my shop/host.config.js"
    path = host_log_path(config, host_key(config))
    assert re.fullmatch(r".*/state/js-host/my-shop-[0-9a-f]{10}\.log", path or "")
    assert path != host_log_path("/srv/my shop/other.config.js", host_key("/srv/my shop/other.config.js"))


def test_the_logs_of_a_config_are_found_however_its_node_was_run(nothing_left: Any) -> None:
    config = "/srv/shop/host.config.js"
    plain, special = host_log_path(config, host_key(config)), host_log_path(config, host_key(config, None, ["--x"]))
    assert plain is not None
    assert special is not None
    assert logs_of(config) == []
    for path, age in ((plain, 20), (special, 10)):
        Path(path).touch()
        Path(path + ".1").touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert logs_of(config) == [special, plain]
    assert logs_of("/srv/shop/other.config.js") == []


@pytest.mark.parametrize("state", ["relative", "/proc/nowhere"])
def test_where_there_is_no_home_logs_lie_beside_the_sockets(
    state: str, nothing_left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    path = manager_log_path("name")
    assert path == str(nothing_left.runtime / "js-host" / "log" / "manager-name.log")
    os.rmdir(os.path.dirname(path))


def test_old_log_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name, age in {"a.log": OLD + 10, "a.log.1": OLD + 10, "b.log": 10, "notes.txt": OLD + 10}.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    remove_old(str(tmp_path), 1e9)
    assert sorted(os.listdir(tmp_path)) == ["b.log", "notes.txt"]
    remove_old(str(tmp_path / "nowhere"), 1e9)
