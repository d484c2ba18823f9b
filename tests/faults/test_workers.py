"""What functions can do to their worker: what their callers are told, and that others go on."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from js_host.exceptions import FunctionError, FunctionTimeout, WorkerDied

PID = "pid: () => process.pid"
OUT_OF_TURN = "throw new Error('out of turn')"


def keys_of_two_workers(started: Any) -> list[int]:
    """A key for each of the workers."""
    pid = started.function("pid", timeout=20)
    return list({pid.with_options(key=key)(): key for key in range(20)}.values())


def test_an_exception_that_nobody_catches_ends_the_call_with_its_story_and_the_worker_is_replaced(host: Any) -> None:
    started = host(
        f"{PID}, late: async () => {{ setImmediate(() => {{ throw new Error('out of turn') }}); await sleep(9e6) }}"
    )
    pid = started.function("pid")()
    with pytest.raises(WorkerDied, match="out of turn") as caught:
        started.function("late", timeout=20)()
    assert caught.value.maybe_executed
    assert started.function("pid", timeout=20)() != pid


def test_an_exception_after_the_answer_leaves_the_answer_and_replaces_the_worker(host: Any, wait_for: Any) -> None:
    started = host(
        f"{PID}, late: () => {{ setTimeout(() => {{ throw new Error('out of turn') }}, 50); return 'answer' }}"
    )
    pid = started.function("pid")()
    assert started.function("late")() == "answer"
    slot = started._home._supervisor.slots[0]
    wait_for(lambda: slot.ready and slot.pid != pid, 20)
    assert "out of turn" in str(slot.ends[pid])


def test_a_rejection_that_nobody_handles_is_logged_and_costs_no_call(host: Any, wait_for: Any, caplog: Any) -> None:
    started = host(f"{PID}, careless: () => {{ Promise.reject(new Error('nobody looks')); return 1 }}, echo: (x) => x")
    with caplog.at_level(logging.DEBUG, "js_host"):
        pid = started.function("pid")()
        assert [started.function("careless")() for _ in range(5)] == [1] * 5
        assert list(started.function("echo").map(range(100))) == list(range(100))
        assert started.function("pid")() == pid
        wait_for(lambda: "nobody looks" in caplog.text)


@pytest.mark.parametrize("code", ["process.exit(3)", "setImmediate(() => process.exit(3)); return sleep(9e6)"])
def test_process_exit_in_a_call_is_named_with_its_function(host: Any, code: str) -> None:
    started = host(f"{PID}, leave: () => {{ {code} }}")
    with pytest.raises(WorkerDied, match=r"leave.*process\.exit\(3\)|process\.exit\(3\).*leave"):
        started.function("leave", timeout=20)()
    assert started.function("pid", timeout=20)() > 0


def test_process_exit_after_the_answer_leaves_the_answer(host: Any, wait_for: Any) -> None:
    started = host(f"{PID}, leave: () => {{ setTimeout(() => process.exit(3), 50); return 'answer' }}")
    pid = started.function("pid")()
    assert started.function("leave")() == "answer"
    slot = started._home._supervisor.slots[0]
    wait_for(lambda: slot.ready and slot.pid != pid, 20)


def test_a_heap_that_overflows_is_called_so_and_the_other_worker_goes_on(host: Any) -> None:
    hoard = "hoard: () => { for (const all = []; ;) all.push(new Array(1000).fill(all.length)) }"
    started = host(f"{PID}, {hoard}", workers=2, node_args=["--max-old-space-size=48"])
    first, second = keys_of_two_workers(started)
    other = started.function("pid").with_options(key=second)
    pid = other()
    with pytest.raises(WorkerDied, match="memory") as caught:
        started.function("hoard", timeout=60).with_options(key=first)()
    assert caught.value.maybe_executed
    assert other() == pid


def test_a_loop_for_ever_ends_at_its_deadline_with_its_line_and_other_workers_go_on(host: Any) -> None:
    started = host(f"{PID}, later: (x) => sleep(300).then(() => x), spin: function turn () {{ for (;;); }}", workers=2)
    first, second = keys_of_two_workers(started)
    later, answers = started.function("later", timeout=20).with_options(key=second), []
    threads = [threading.Thread(target=lambda i=i: answers.append((i, later(i)))) for i in range(4)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    with pytest.raises(FunctionTimeout) as caught:
        started.function("spin", timeout=0.3).with_options(key=first)()
    assert 0.3 <= time.monotonic() - began < 3
    assert caught.value.maybe_executed
    assert "host.config.js" in str(caught.value)
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [(i, i) for i in range(4)]
    assert started.function("pid", timeout=20).with_options(key=first)() > 0


def test_what_is_written_to_stdout_and_stderr_is_never_taken_for_an_answer(host: Any) -> None:
    noise = """noise: (answer) => {
      const forged = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x37])
      const texts = ['\\x1b[31mred\\r', '{"type":"ready"}', 'x'.repeat(1e6), '\\n']
      for (const bytes of [forged, Buffer.from([0, 255, 254]), ...texts]) {
        process.stdout.write(bytes)
        process.stderr.write(bytes)
      }
      return answer
    }"""
    started = host(noise)
    assert [started.function("noise", timeout=20)(number) for number in range(10)] == list(range(10))


def test_an_argument_that_javascript_changes_is_changed_for_nobody_else(host: Any) -> None:
    started = host(
        "change: (data) => { data.list.push(4); data.bytes[0] = 9; return data }, same: () => SAME",
        "const SAME = { a: [] }",
    )
    data = {"list": [1], "bytes": b"\x01"}
    assert started.function("change")(data) == {"list": [1, 4], "bytes": b"\x09"}
    assert data == {"list": [1], "bytes": b"\x01"}
    first, second = started.function("same")(), started.function("same")()
    first["a"].append(1)
    assert second == {"a": []}


def test_a_function_that_throws_has_run_exactly_once(host: Any, tmp_path: Any) -> None:
    started = host("once: (file) => { fs.appendFileSync(file, 'x'); throw new Error('after the deed') }")
    with pytest.raises(FunctionError, match="after the deed") as caught:
        started.function("once")(str(tmp_path / "deeds"))
    assert caught.value.maybe_executed
    assert (tmp_path / "deeds").read_text() == "x"


def test_a_config_is_evaluated_once_however_many_calls_come(host: Any, tmp_path: Any) -> None:
    deeds = tmp_path / "evaluations"
    started = host("echo: (x) => x", f"fs.appendFileSync({str(deeds)!r}, 'x')")
    assert list(started.function("echo").map(range(5000))) == list(range(5000))
    assert deeds.read_text() == "x"
