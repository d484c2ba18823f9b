"""`Function.map` on real workers: order, laziness, windows, values of any size, and who stops when."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from js_host.exceptions import (
    ConfigError,
    FunctionError,
    FunctionTimeout,
    JSHostError,
    PayloadTooLarge,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
)
from js_host.js_host import JSHost

CONFIG = """
const fs = require('node:fs')
module.exports = {
  port: 0, requestDataLimit: LIMIT,
  functions: {
    double: (n) => n * 2,
    echo: (data) => data,
    text: (n) => 'x'.repeat(n),
    bytes: (n) => Buffer.alloc(n, 7),
    pid: () => process.pid,
    point: (n) => ({ x: n, y: n % 3 === 2 ? 'no number' : n }),
    nothing: () => undefined,
    later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms)),
    never: () => new Promise(() => {}),
    odd: (n) => { if (n % 2) throw new RangeError('odd: ' + n); return n },
    busy: (ms) => { const end = performance.now() + ms; while (performance.now() < end); return process.pid },
    forever: (n) => { if (n === 1) for (;;); return n },
    watched (file) {
      if (file === 'now') return file
      return new Promise(() => this.signal.addEventListener('abort', () => fs.appendFileSync(file, 'x')))
    },
    ask: async ({ n, f }) => await f(n),
    read: async (items) => { const all = []; for await (const item of items) all.push(item); return all }
  }
}
"""


class Point(Struct):
    """A result with a type."""

    x: int
    y: int


@pytest.fixture
def mapping(nothing_left: Any) -> Iterator[Callable[..., JSHost]]:
    """Start hosts with the functions above."""
    started: list[JSHost] = []

    def start(limit: int = 256 * 1024 * 1024, **options: Any) -> JSHost:
        host = JSHost(nothing_left.config(CONFIG.replace("LIMIT", str(limit))), **options)
        host.start()
        started.append(host)
        return host

    yield start
    for host in started:
        host.close()


class Taken:
    """Rows that know how far they were read, and whether they were closed."""

    def __init__(self, rows: Any) -> None:
        self.count = 0
        self.closed = False
        self.rows = self._run(rows)

    def _run(self, rows: Any) -> Iterator[Any]:
        try:
            for row in rows:
                self.count += 1
                yield row
        finally:
            self.closed = True


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("window", [None, 1, 2, 1000])
def test_results_come_in_the_order_of_the_rows(mapping: Any, workers: int, window: int | None) -> None:
    double = mapping(workers=workers).function("double")
    assert list(double.map(range(3000), window=window)) == list(range(0, 6000, 2))
    assert list(double.map([])) == []


def test_without_order_results_are_given_as_they_come(mapping: Any) -> None:
    later = mapping().function("later")
    assert list(later.map([300, 0, 150, 0], ordered=False)) == [0, 0, 150, 300]
    assert list(later.map([300, 0, 150, 0])) == [300, 0, 150, 0]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("ordered", [True, False])
def test_endless_rows_are_read_no_further_ahead_than_the_windows(mapping: Any, workers: int, ordered: bool) -> None:
    double = mapping(workers=workers).function("double")
    taken = Taken(count())
    results = double.map(taken.rows, window=10, ordered=ordered)
    assert taken.count == 0, "nothing is read before the first result is asked for"
    for given in range(1, 500):
        next(results)
        assert taken.count <= given + 10 * workers
    results.close()
    assert not taken.closed, "the rows are the caller's: they can go on"


def test_a_worker_gets_no_more_calls_at_a_time_than_the_concurrency_of_the_host(mapping: Any) -> None:
    taken = Taken(count())
    results = mapping(concurrency=3).function("double").map(taken.rows)
    for given in range(1, 200):
        next(results)
        assert taken.count <= given + 3


def test_rows_that_are_slow_to_come_hold_back_no_result_for_long(mapping: Any) -> None:
    taken = Taken(slowly(count(), 0.02))
    results = mapping().function("double").map(taken.rows)
    next(results)
    for given in range(2, 12):
        next(results)
        assert taken.count <= given + 2


def slowly(rows: Any, pause: float) -> Iterator[Any]:
    """Rows that take their time."""
    for row in rows:
        time.sleep(pause)
        yield row


def test_several_workers_have_all_a_share(mapping: Any) -> None:
    busy = mapping(workers=2).function("busy")
    shares = Counter(busy.map([2] * 200))
    assert len(shares) == 2
    assert min(shares.values()) >= 20  # more, but for others on the same processors
    assert sorted(Counter(busy.map([2] * 20)).values()) == [10, 10], "also of a few rows"


def test_one_key_is_one_worker(mapping: Any) -> None:
    pid = mapping(workers=2).function("pid")
    for key in range(4):
        assert len(set(pid.with_options(key=key).map(range(100)))) == 1


def test_values_of_any_size_cross(mapping: Any) -> None:
    host = mapping(workers=2)
    sizes = [0, 1, 100, 65_519, 65_520, 65_521, 1_000_000, 10_000_000]
    assert [len(each) for each in host.function("text").map(sizes)] == sizes
    assert [len(each) for each in host.function("bytes").map(sizes)] == sizes
    rows = ["ü" * size for size in sizes] + [b"\xff" * size for size in sizes]
    assert list(host.function("echo").map(rows)) == rows


def test_both_sides_read_while_they_write(mapping: Any) -> None:
    megabyte = "x" * 1_000_000
    results = list(mapping().function("echo").map([megabyte] * 50, window=50))
    assert results == [megabyte] * 50


def test_values_that_json_can_not_say_cross_as_everywhere(mapping: Any) -> None:
    rows = [None, b"x", {1, 2}, 2**70, float("inf"), "\ud800", [{"a": b"y"}]]
    assert list(mapping().function("echo").map(rows)) == rows
    assert list(mapping().function("nothing").map(range(3))) == [None] * 3


def test_results_are_decoded_into_the_type_of_the_function(mapping: Any) -> None:
    point = mapping().function("point", returns=Point)
    assert list(point.map([0, 1])) == [Point(0, 0), Point(1, 1)]
    good, bad, again = point.map([1, 2, 3], return_exceptions=True)
    assert (good, again) == (Point(1, 1), Point(3, 3))
    assert isinstance(bad, UnexpectedResponse)


def test_a_call_that_fails_raises_at_its_turn_and_ends_the_map(mapping: Any) -> None:
    odd = mapping().function("odd")
    results = odd.map([0, 2, 4, 5, 6])
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    with pytest.raises(FunctionError, match="odd: 5") as caught:
        next(results)
    assert caught.value.name == "RangeError"
    with pytest.raises(StopIteration):
        next(results)
    assert odd(2) == 2


def test_exceptions_may_be_given_in_place_of_results(mapping: Any) -> None:
    results = list(mapping(workers=2).function("odd").map(range(1000), return_exceptions=True))
    assert results[::2] == list(range(0, 1000, 2))
    assert [error.message for error in results[1::2]] == [f"odd: {n}" for n in range(1, 1000, 2)]


def test_the_exception_class_of_the_function_is_raised_and_given(mapping: Any) -> None:
    class OddError(Exception): ...

    odd = mapping().function("odd").with_options(exception_cls=OddError)
    with pytest.raises(OddError) as caught:
        list(odd.map([1]))
    assert isinstance(caught.value.__cause__, FunctionError)
    assert [type(each) for each in odd.map([1, 3], return_exceptions=True)] == [OddError, OddError]
    with pytest.raises(ValueNotSupported):
        list(odd.map([object()]))


def test_a_row_that_can_not_cross_or_is_too_large_fails_alone(mapping: Any) -> None:
    echo = mapping(10_000).function("echo")
    rows = [1, object(), 2, "x" * 20_000, 3, [b"y" * 20_000], 4]
    results = list(echo.map(rows, return_exceptions=True))
    assert [each for each in results if not isinstance(each, JSHostError)] == [1, 2, 3, 4]
    assert [type(each) for each in results[1::2]] == [ValueNotSupported, PayloadTooLarge, PayloadTooLarge]
    assert not any(each.maybe_executed for each in results[1::2])
    large = list(mapping(10_000).function("text").map([1, 20_000, 2], return_exceptions=True))
    assert [type(each) for each in large] == [str, PayloadTooLarge, str]
    with pytest.raises(UnknownFunction, match="double"):
        next(echo.get_host().function("duble").map([1]))


def test_an_error_of_the_rows_is_raised_after_the_results_before_it(mapping: Any) -> None:
    def rows() -> Iterator[int]:
        yield from range(5)
        raise LookupError("no more")

    for ordered in (True, False):
        given: list[int] = []
        with pytest.raises(LookupError, match="no more"):
            given.extend(iter(mapping().function("double").map(rows(), ordered=ordered).__next__, None))
        assert given == [0, 2, 4, 6, 8]


def test_leaving_the_loop_aborts_the_calls_in_flight(mapping: Any, tmp_path: Path, wait_for: Any) -> None:
    watched, file = mapping().function("watched"), tmp_path / "aborted"
    for leave in (close, let_go, break_off, raise_in_the_rows):
        leave(watched.map(["now", *[str(file)] * 5]) if leave is not raise_in_the_rows else watched, str(file))
        wait_for(lambda: file.exists() and file.read_text() == "x" * 5)
        file.unlink()


def close(results: Any, _: str) -> None:
    assert next(results) == "now"
    results.close()


def let_go(results: Any, _: str) -> None:
    assert next(results) == "now"


def break_off(results: Any, _: str) -> None:
    for result in results:
        assert result == "now"
        break


def raise_in_the_rows(watched: Any, file: str) -> None:
    def rows() -> Iterator[str]:
        yield "now"
        yield from [file] * 5
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(watched.map(slowly(rows(), 0.02)))


def test_two_maps_at_once_in_two_threads_and_calls_beside_them_keep_apart(mapping: Any) -> None:
    double = mapping(workers=2).function("double")
    results: dict[int, list[int]] = {}

    def work(start: int) -> None:
        results[start] = list(double.map(range(start, start + 5000)))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100_000)]
    for thread in threads:
        thread.start()
    assert [double(n) for n in range(100)] == list(range(0, 200, 2))
    for thread in threads:
        thread.join(60)
    assert results == {start: list(range(2 * start, 2 * start + 10_000, 2)) for start in (0, 100_000)}


def test_the_rows_of_a_map_may_be_the_results_of_another(mapping: Any) -> None:
    double = mapping().function("double")
    assert list(double.map(double.map(range(2000)))) == list(range(0, 8000, 4))
    assert [list(double.map(range(n))) for n in double.map(range(4))] == [[], [0, 2], [0, 2, 4, 6], [0, 2, 4, 6, 8, 10]]


def test_memory_is_flat_over_many_rows(mapping: Any) -> None:
    results = mapping().function("echo").map({"number": n, "text": "x" * 200} for n in count())
    for _ in islice(results, 20_000):
        pass
    before = memory()
    for _ in islice(results, 200_000):
        pass
    assert memory() - before < 20_000_000
    results.close()


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_the_timeout_of_a_call_counts_from_its_start(mapping: Any) -> None:
    busy = mapping().function("busy", timeout=0.5)
    assert len(list(busy.map([50] * 30, window=30))) == 30, "together they take longer than the timeout of one"


def test_a_call_that_never_answers_is_a_timeout_and_the_others_go_on(mapping: Any) -> None:
    host = mapping()
    results = list(host.function("later", timeout=0.4).map([0, 60_000, 1], return_exceptions=True))
    assert isinstance(results[1], FunctionTimeout)
    assert results[::2] == [0, 1]
    with pytest.raises(FunctionTimeout):
        list(host.function("never", timeout=0.05).map(range(3)))
    with pytest.raises(FunctionTimeout) as caught:
        host.function("never", timeout=0).map([1])
    assert not caught.value.maybe_executed


def test_functions_and_iterators_in_the_rows_are_asked_in_the_thread_of_the_map(mapping: Any) -> None:
    host, asked = mapping(), list[int]()
    double = host.function("double")

    def f(n: int) -> int:
        asked.append(threading.get_ident())
        if n == 3:
            raise LookupError("three")
        return int(double(n))

    results = list(host.function("ask").map(({"n": n, "f": f} for n in range(200)), return_exceptions=True))
    failed = results.pop(3)
    assert results == [n * 2 for n in range(200) if n != 3]
    assert isinstance(failed.__cause__, LookupError)
    assert set(asked) == {threading.get_ident()}
    assert list(host.function("read").map([iter(range(n)) for n in range(5)])) == [list(range(n)) for n in range(5)]


def test_a_bar_shows_the_progress(mapping: Any, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # it would leave a thread
    double = mapping().function("double")
    assert list(double.map(range(5), progress="doubling")) == [0, 2, 4, 6, 8]
    shown = capsys.readouterr().err
    assert "doubling" in shown
    assert "5/5" in shown
    for result in double.map(iter(range(100)), progress=True):
        assert result == 0
        break
    assert "1it" in capsys.readouterr().err


def test_without_tqdm_progress_says_how_to_install_it(mapping: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ConfigError, match="pip install tqdm"):
        mapping().function("double").map([1], progress=True)


@pytest.mark.parametrize("window", [0, -1, 1.5, True, "4"])
def test_a_window_that_is_no_number_of_calls_is_refused(mapping: Any, window: Any) -> None:
    double = mapping().function("double")
    with pytest.raises(ConfigError, match="window"):
        double.map([1], window=window)
    with pytest.raises(TypeError, match="not iterable"):
        double.map(5)
