"""A lock in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from js_host.utils.fork_lock import ForkLock

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")


def in_child(question: Callable[[], bool]) -> bool:
    """What a forked child answers. One that waits for a lock for 10 seconds ends, and has said no."""
    child = os.fork()
    if child == 0:
        threading.Timer(10, os._exit, (1,)).start()
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
