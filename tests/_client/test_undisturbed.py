"""Work that is done as a whole, whatever comes to the thread that wants it."""

from __future__ import annotations

import os
import threading

import pytest

from js_host.utils.undisturbed import undisturbed


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_fork_waits_until_it_is_done() -> None:
    begun, end = threading.Event(), threading.Event()
    done: list[bool] = []

    def work() -> None:
        begun.set()
        done.append(end.wait(10))

    thread = threading.Thread(target=undisturbed, args=(work,))
    thread.start()
    begun.wait()
    threading.Timer(0.1, end.set).start()
    child = os.fork()
    if child == 0:
        os._exit(0 if done else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()
