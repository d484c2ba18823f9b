"""Work that is done as a whole, whatever comes to the thread that wants it."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_what_is_wanted_in_the_middle_of_such_work_is_done_there() -> None:
    threads: list[int] = []

    def work() -> None:
        threads.append(threading.get_ident())
        if len(threads) < 3:
            undisturbed(work)

    thread = threading.Thread(target=undisturbed, args=(work,), daemon=True)
    thread.start()
    thread.join(10)
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert thread.ident not in threads


FINALIZES = """if True:
    import gc, sys
    from js_host._wire import values

    class Handle:
        def __init__(self):
            self.itself = self

        def __del__(self):
            print(values.encode(b"x")[0], values.decode(b"[1]"))

    class Collects:
        def find_spec(self, name, path=None, target=None):
            if name == "msgspec":
                gc.collect()

    gc.disable()
    Handle()
    sys.meta_path.insert(0, Collects())
    values.load_quick()
    print(values.encode_plain.__module__)
"""


def test_a_finalizer_that_calls_while_what_is_quick_is_loaded_does_not_wait_for_itself() -> None:
    done = subprocess.run([sys.executable, "-c", FINALIZES], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == """b'{"$":["bytes",0]}' [1]\njs_host._wire.quick\n"""
