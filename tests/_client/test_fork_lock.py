"""A lock in a forked child."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from js_host.utils import fork_lock
from js_host.utils.fork_lock import ForkLock

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")


def in_child(question: Callable[[], bool]) -> bool:
    """What a forked child answers. One that waits for a lock for 10 seconds is ended, and has said no."""
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        os._exit(0 if question() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def takes(lock: ForkLock) -> bool:
    with lock:
        return True


def test_a_lock_that_another_thread_held_is_free_in_a_child() -> None:
    lock, taken, end = ForkLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        assert in_child(lambda: takes(lock) and takes(lock))
    finally:
        end.set()
        thread.join()
    assert takes(lock)


def test_the_thread_that_forked_goes_on_holding_it_and_gives_it_back() -> None:
    lock = ForkLock()

    def others_wait_for_it() -> bool:
        thread = threading.Thread(target=takes, args=(lock,), daemon=True)
        thread.start()
        thread.join(0.1)
        return thread.is_alive()

    def give_back() -> bool:
        held = takes(lock) and others_wait_for_it()
        lock.__exit__(None, None, None)
        return held and not others_wait_for_it()

    with lock:
        assert in_child(give_back)
    assert takes(lock)


def test_a_thread_of_the_child_that_gets_the_number_of_one_that_held_it_gives_it_back() -> None:
    lock, taken, end, numbers = ForkLock(), threading.Event(), threading.Event(), []

    def hold() -> None:
        with lock:
            taken.set()
            end.wait()

    def take() -> None:
        numbers.append(threading.get_ident())
        takes(lock)

    def is_free_when_others_are_done() -> bool:
        for _ in range(20):  # a system gives the numbers of threads that are gone to new ones
            thread = threading.Thread(target=take)
            thread.start()
            thread.join()
        return takes(lock)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        assert in_child(is_free_when_others_are_done)
    finally:
        end.set()
        thread.join()


def test_a_thread_of_the_child_waits_for_the_one_that_forked_also_where_it_comes_first() -> None:
    lock = ForkLock()

    def waits() -> bool:
        thread = threading.Thread(target=takes, args=(lock,), daemon=True)
        thread.start()
        thread.join(0.1)
        waited = thread.is_alive()
        lock.__exit__(None, None, None)
        thread.join()
        return waited

    with lock:
        assert in_child(waits)


def test_a_lock_that_nobody_has_any_more_is_forgotten() -> None:
    before = len(fork_lock._locks)
    lock = ForkLock()
    assert len(fork_lock._locks) == before + 1
    del lock
    assert len(fork_lock._locks) == before
