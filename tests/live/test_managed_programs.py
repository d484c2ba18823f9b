"""Programs that fork, spawn, use threads, are killed, interrupted or lose their terminal, and share a managed host."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host.manager import JSHostManager

CONFIG = """
module.exports = {
  disconnectTimeout: 5000,
  functions: {
    pid: () => process.pid,
    echo: (data) => data,
    wait: () => new Promise((resolve) => setTimeout(resolve, 60000))
  }
}
"""

HEAD = """
import os, signal, sys, threading, time
from js_host import JSHost
from js_host.manager import JSHostManager

host = JSHost({config!r}, managed=True)
pid, echo = host.function("pid"), host.function("echo")
"""


class Programs:
    """Python programs that share the managed host of one config file."""

    def __init__(self, left: Any) -> None:
        self.left = left
        self.config = str(left.config(CONFIG))
        self.running: list[subprocess.Popen[str]] = []
        self.terminals: list[int] = []

    def begin(self, code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program: `code`, after what makes `host`, `pid` and `echo`."""
        file = Path(self.left.directory) / f"program{len(self.running)}.py"
        file.write_text(HEAD.format(config=self.config) + textwrap.dedent(code))
        command, pipe = (
            [sys.executable, "-u", "-W", "ignore::DeprecationWarning", str(file), *arguments],
            subprocess.PIPE,
        )
        self.running.append(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ, **options)
        )
        return self.running[-1]

    def run(self, code: str, *arguments: str) -> str:
        """Run a program to its end, and return what it printed."""
        program = self.begin(code, *arguments)
        out, err = program.communicate(timeout=60)
        assert program.returncode == 0, err
        return out

    def begin_in_terminal(self, code: str) -> tuple[subprocess.Popen[str], int]:
        """Start a program in a terminal of its own. Returns it, and our end of the terminal."""
        ours, theirs = pty.openpty()
        self.terminals.append(ours)
        take_terminal = "os.open(sys.argv[1], os.O_RDWR)\n"  # the leader of a session gets it for its own
        program = self.begin(take_terminal + textwrap.dedent(code), os.ttyname(theirs), start_new_session=True)
        assert program.stdout is not None
        assert program.stdout.readline() == "in the terminal\n", program.stderr and program.stderr.read()
        os.close(theirs)
        return program, ours

    def close_terminal(self, terminal: int) -> None:
        self.terminals.remove(terminal)
        os.close(terminal)

    def close(self) -> None:
        for program in self.running:
            program.kill()
            program.communicate()
        for terminal in self.terminals:
            os.close(terminal)
        JSHostManager().stop()


@pytest.fixture
def programs(nothing_left: Any) -> Iterator[Programs]:
    programs = Programs(nothing_left)
    yield programs
    programs.close()


def read(program: subprocess.Popen[str]) -> str:
    """The next line that a program prints."""
    assert program.stdout is not None
    return program.stdout.readline().strip()


CHILDREN = """
import multiprocessing

def child(number):
    return pid(), echo(number), os.getpid() in [lease["pid"] for lease in JSHostManager().hosts[0]["leases"]]

if __name__ == "__main__":
    before = pid() if sys.argv[2] == "after a call" else None
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        answers = pool.map(child, range(10))
    assert [number for _, number, _ in answers] == list(range(10))
    assert all(has_lease for _, _, has_lease in answers)
    assert {worker for worker, _, _ in answers} == {pid()}
    assert before in (None, pid())
    leases = lambda: [lease["pid"] for lease in JSHostManager().hosts[0]["leases"]]
    while leases() != [os.getpid()]:
        time.sleep(0.01)
    print("well")
"""


@pytest.mark.parametrize("when", ["before a call", "after a call"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_have_leases_of_their_own_and_their_end_disturbs_nobody(
    method: str, when: str, programs: Programs
) -> None:
    assert programs.run(CHILDREN, method, when) == "well\n"


def test_thirty_two_threads_share_one_lease_and_all_are_answered(programs: Programs) -> None:
    code = """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(32) as threads:
            together = threading.Barrier(32)
            def work(number):
                together.wait()
                return [echo([number, turn]) for turn in range(50)]
            answers = list(threads.map(work, range(32)))
        assert answers == [[[number, turn] for turn in range(50)] for number in range(32)]
        print(len(JSHostManager().hosts), len(JSHostManager().hosts[0]["leases"]))
    """
    assert programs.run(code) == "1 1\n"


def test_a_fork_while_another_thread_starts_the_host_again_does_not_block_the_child(programs: Programs) -> None:
    code = """
        pid()  # everything is imported now: Python itself does not survive a fork in the middle of an import
        JSHostManager().stop()
        starter = threading.Thread(target=pid)
        starter.start()
        children = []
        while starter.is_alive():
            child = os.fork()
            if not child:
                signal.alarm(20)
                os._exit(0 if pid() == pid() else 1)
            children.append(child)
            starter.join(0.02)
        codes = {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}
        print(codes)
    """
    assert programs.run(code) == "{0}\n"


def test_a_kernel_that_is_killed_finds_the_same_worker_when_it_starts_again(programs: Programs) -> None:
    kernel = programs.begin("print(pid()); sys.stdin.read()")
    before = read(kernel)
    kernel.kill()
    kernel.wait()
    assert programs.run("print(pid())").strip() == before


def test_ctrl_c_reaches_python_and_neither_the_manager_nor_the_worker(programs: Programs, wait_for: Any) -> None:
    programs.left.config(CONFIG.replace("5000", "300"))
    program, terminal = programs.begin_in_terminal("""
        print("in the terminal")
        print(pid(), JSHostManager().get_status()["pid"])
        try:
            host.function("wait", timeout=60)()
        except KeyboardInterrupt:
            print("interrupted")
        print(pid(), JSHostManager().get_status()["pid"])
        sys.stdin.read()
    """)
    before = read(program)
    wait_for(lambda: JSHostManager().hosts[0]["workers"][0]["running"] == ["wait"])
    os.write(terminal, b"\x03")
    assert read(program) == "interrupted"
    assert read(program) == before
    program.communicate()
    wait_for(lambda: not JSHostManager().is_running())
    for pid in before.split():
        wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}"))  # type: ignore[misc]


def test_ctrl_c_in_a_program_that_does_not_expect_it_ends_that_program_alone(programs: Programs) -> None:
    other = JSHost(programs.config, managed=True)
    before = other.function("pid")()
    program, terminal = programs.begin_in_terminal("print('in the terminal'); print(pid()); time.sleep(60)")
    assert read(program) == str(before)
    os.write(terminal, b"\x03")
    assert "KeyboardInterrupt" in program.communicate(timeout=20)[1]
    assert program.returncode == -signal.SIGINT
    assert other.function("pid")() == before
    other.close()


def test_a_terminal_that_is_closed_takes_its_program_and_leaves_the_manager_to_others(programs: Programs) -> None:
    program, terminal = programs.begin_in_terminal("print('in the terminal'); print(pid()); time.sleep(60)")
    before = read(program)
    other = JSHost(programs.config, managed=True)
    assert str(other.function("pid")()) == before
    programs.close_terminal(terminal)
    assert program.wait(20) == -signal.SIGHUP
    assert str(other.function("pid")()) == before
    assert other.manager is not None
    assert len(other.manager.hosts[0]["leases"]) == 1
    other.close()
