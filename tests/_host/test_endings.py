"""Why a worker ended and why a host did not start, as sentences, from tables."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from js_host._host.endings import STOPPED, WorkerEnd, describe_end
from js_host._host.start_story import start_story
from js_host._host.worker_process import UNKNOWN_STATUS


def exited(code: int) -> int:
    return code << 8


HEAP_LIMIT = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"

ENDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a function that called process.exit": (
        {"status": exited(3), "reports": {"exit": {"code": 3, "functions": ["x"]}}},
        "exit",
        "exited with code 3: function 'x' called process.exit(3)",
    ),
    "an exit while several functions ran": (
        {"status": exited(0), "reports": {"exit": {"code": 0, "functions": ["x", "y"]}}},
        "exit",
        "exited with code 0: process.exit(0) was called while 'x', 'y' were running",
    ),
    "an exit while nothing ran": (
        {"status": exited(0), "reports": {"exit": {"code": 0, "functions": []}}},
        "exit",
        "exited with code 0: process.exit(0) was called while no function was running",
    ),
    "an exit without a word": ({"status": exited(7)}, "exit", "exited with code 7"),
    "a program that is missing": (
        {"status": exited(127)},
        "exit",
        "exited with code 127: a program that it needs was not found",
    ),
    "an await that never settles": (
        {"status": exited(13), "reports": {"exit": {"code": 13, "functions": []}}},
        "exit",
        "exited with code 13: a top-level `await` never settled and nothing was left to wait for",
    ),
    "SIGKILL from outside": (
        {"status": signal.SIGKILL},
        "signal",
        "was killed by SIGKILL (not by js-host: by hand, or by the system or a container's limit for want of memory)",
    ),
    "another signal": ({"status": signal.SIGSEGV | 0x80}, "signal", "was killed by SIGSEGV"),
    "a signal without a name": ({"status": 33}, "signal", "was killed by signal 33"),
    "our own stop": ({"status": signal.SIGKILL, "killed": STOPPED}, "stopped", "was stopped"),
    "our own deadline": (
        {"status": signal.SIGKILL, "killed": "was not ready after 3 s, and was ended"},
        "killed",
        "was not ready after 3 s, and was ended",
    ),
    "a full heap": (
        {"status": signal.SIGABRT, "lines": ["<--- Last few GCs --->", HEAP_LIMIT]},
        "out-of-memory",
        "ran out of memory (SIGABRT, 'Reached heap limit'): give it more with Node's flag --max-old-space-size=<MB>, "
        "or look for what holds on to memory",
    ),
    "a full heap of a known size": (
        {"status": signal.SIGTRAP, "lines": [HEAP_LIMIT], "flags": ["--max-old-space-size=64"]},
        "out-of-memory",
        "ran out of memory (SIGTRAP, 'Reached heap limit'): its limit is --max-old-space-size=64; give it more, "
        "or look for what holds on to memory",
    ),
    "talk of memory by a worker that exits": (
        {"status": exited(1), "lines": [HEAP_LIMIT]},
        "exit",
        "exited with code 1",
    ),
    "a stuck loop": (
        {
            "status": signal.SIGKILL,
            "reports": {"stuck": {"function": "f", "stack": "spin (/app/lib.js:12:3)\n  at other (/app/b.js:1:1)"}},
        },
        "stuck",
        "was ended by its watchdog: its event loop was stuck in f (/app/lib.js:12)",
    ),
    "a stuck loop that only the stack names": (
        {
            "status": signal.SIGKILL,
            "reports": {"stuck": {"stack": "spin (/app/lib.js:12:3)\nouter (/app/lib.js:20:1)"}},
        },
        "stuck",
        "was ended by its watchdog: its event loop was stuck in spin (/app/lib.js:12)",
    ),
    "a stuck loop without a stack": (
        {"status": signal.SIGKILL, "reports": {"stuck": {"stack": "", "message": "It was blocked, in native code."}}},
        "stuck",
        "was ended by its watchdog: It was blocked, in native code",
    ),
    "a stuck loop of nobody's": (
        {"status": signal.SIGKILL, "reports": {"stuck": {"function": None, "stack": ""}}},
        "stuck",
        "was ended by its watchdog: its event loop was stuck",
    ),
    "an uncaught exception": (
        {
            "status": exited(1),
            "reports": {
                "crashed": {"error": {"name": "TypeError", "message": "no\nnext line"}},
                "exit": {"code": 1, "functions": ["x"]},
            },
        },
        "crashed",
        "crashed with an uncaught exception: TypeError: no",
    ),
    "a config that does not load": (
        {"status": exited(1), "reports": {"failed": {"error": {"name": "Error", "message": ""}}}, "killed": "x"},
        "refused",
        "could not load the config: Error",
    ),
    "a worker that somebody else collected": (
        {"status": UNKNOWN_STATUS},
        "lost",
        "ended, and another part of this program collected its exit status",
    ),
    "reports of a wrong shape": (
        {"status": exited(1), "reports": {"crashed": {"error": [1]}, "exit": {"functions": 7}}},
        "crashed",
        "crashed with an uncaught exception: Error",
    ),
}


@pytest.mark.parametrize(("given", "kind", "reason"), ENDS.values(), ids=ENDS)
def test_each_end_has_its_sentence(given: dict[str, Any], kind: str, reason: str) -> None:
    end = describe_end(0, 123, **{"reports": {}, **given})
    assert (end.kind, end.reason) == (kind, reason)
    assert str(end).startswith(f"Worker 0 (pid 123) {reason}.")


def test_an_end_tells_what_was_printed_last_and_not_more() -> None:
    end = describe_end(1, 5, exited(2), reports={}, lines=[f"line {number}" for number in range(50)])
    assert str(end).splitlines()[:3] == ["Worker 1 (pid 5) exited with code 2.", "It printed last:", "  | line 30"]
    assert str(end).splitlines()[-1] == "  | line 49"
    assert len(end.lines) == 50


def test_what_node_says_of_its_own_stack_is_not_shown() -> None:
    lines = [
        "the last words",
        "----- Native stack trace -----",
        " 1: 0x74f963 node::OOMErrorHandler(char const*)",
        "12: 0xc32640  [n]",
    ]
    assert describe_end(0, 1, exited(2), reports={}, lines=lines).last_words() == "It printed last:\n  | the last words"


def test_of_a_stack_that_node_prints_as_it_breaks_down_the_users_own_calls_are_told() -> None:
    lines = [
        *("", "u [28458:0x28e1f000]      345 ms: Mark-Compact (reduce) 63.7 (64.2) -> 61.8 (63.4) MB", ""),
        *("<--- Last few GCs --->", "----- JavaScript stack trace -----", ""),
        *("1: abort (/app/host.config.js:23:24)", "2: run (/site/js_host/runtime/bundle/main.cjs:10:8)"),
        *("3: runInAsyncScope (node:async_hooks:227:14)", "4: items are left", "", ""),
    ]
    assert describe_end(0, 1, exited(2), reports={}, lines=lines).last_words().splitlines() == [
        "It printed last:",
        "  | ----- JavaScript stack trace -----",
        "  | ",
        "  | 1: abort (/app/host.config.js:23:24)",
        "  | 4: items are left",
    ]


def test_who_printed_blank_lines_only_printed_nothing() -> None:
    assert describe_end(0, 1, exited(2), reports={}, lines=["", " "]).last_words() == ""


def test_a_crash_shows_where_the_users_own_code_threw() -> None:
    stack = "Error: no\n    at f (/app/lib.js:12:3)\n    at process.processTimers (node:internal/timers:1:1)"
    end = describe_end(
        0, 1, exited(1), reports={"crashed": {"error": {"message": "no", "stack": stack}}}, lines=["bye"]
    )
    assert str(end).splitlines()[1:] == ["    at f (/app/lib.js:12:3)", "It printed last:", "  | bye"]


def test_an_end_knows_code_or_signal() -> None:
    assert (describe_end(0, 1, exited(3), reports={}).code, describe_end(0, 1, exited(3), reports={}).signal) == (
        3,
        None,
    )
    assert (describe_end(0, 1, 9, reports={}).code, describe_end(0, 1, 9, reports={}).signal) == (None, 9)
    assert describe_end(0, 1, UNKNOWN_STATUS, reports={}).code is None


def test_a_stuck_end_keeps_the_javascript_stack() -> None:
    end = describe_end(0, 1, 9, reports={"stuck": {"function": "f", "stack": "at spin (/app/lib.js:12:3)"}})
    assert (end.function, end.stack) == ("f", "at spin (/app/lib.js:12:3)")


# Stories of a start.


def story(end: WorkerEnd, fault: str | None = None) -> str:
    return start_story("/app/host.config.js", end, node="/bin/node (found on PATH)", node_fault=fault)


def test_a_config_error_is_shown_where_it_is() -> None:
    error = {
        "name": "SyntaxError",
        "message": "Unexpected token '}'",
        "stack": "SyntaxError: …\n    at wrapSafe (node:internal:1:1)\n"
        "    at Object.<anonymous> (/app/host.config.js:3:5)",
        "hint": "Remove the brace.",
        "file": "/app/host.config.js",
        "line": 3,
        "frame": "3 | functions: }\n               ^",
    }
    end = describe_end(0, 1, exited(1), reports={"failed": {"error": error}}, lines=["loading"])
    assert story(end) == (
        "The host of /app/host.config.js could not start.\n"
        "\n"
        "  /app/host.config.js:3\n"
        "    3 | functions: }\n"
        "                   ^\n"
        "  SyntaxError: Unexpected token '}'\n"
        "    at Object.<anonymous> (/app/host.config.js:3:5)\n"
        "\n"
        "Hint: Remove the brace.\n"
        "It printed last:\n"
        "  | loading\n"
        "Node: /bin/node (found on PATH)"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": exited(0), "reports": {"exit": {"code": 0}}}, "called process.exit(): remove that, or move it"),
        ({"status": exited(13)}, "for an `await` outside of any function, or in its `warmup`."),
        ({"status": 9, "killed": "was not ready after 3 s, and was ended"}, "never settles, or for a long computation"),
        ({"status": 9}, "Its worker was killed by SIGKILL"),
        ({"status": exited(1), "reports": {"crashed": {"error": {"message": "boom"}}}}, "Error: boom"),
        ({"status": exited(1), "reports": {"failed": {"error": {"message": 7, "line": "x"}}}}, "Error: 7"),
        ({"status": exited(1), "reports": {"failed": {}}}, "Error"),
    ],
)
def test_each_way_not_to_start_has_its_advice(given: dict[str, Any], said: str) -> None:
    assert said in story(describe_end(0, 1, **{"reports": {}, **given}))


def test_what_is_wrong_with_node_comes_first() -> None:
    text = story(describe_end(0, 1, exited(9), reports={}), "Node 12 is too old.")
    assert text.splitlines()[:2] == ["The host of /app/host.config.js could not start.", "Node 12 is too old."]
