"""Fresh processes: cold start to the first result, import time, and the memory both processes then hold."""

import os
import subprocess
from time import perf_counter as now

from .paths import HERE
from .processes import descendants, kill_tree, resident_mb

COLD = os.path.join(HERE, "cold.py")


def cold_start(module: str, python: str, env: dict[str, str]) -> dict[str, float]:
    """Milliseconds from the start of Python to its first result on stdout, and the memory (MB) at that moment."""
    start = now()
    process = subprocess.Popen(
        [python, COLD, module], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    line = process.stdout.readline()
    spent = (now() - start) * 1000
    memory = {"python_mb": resident_mb(process.pid), "node_mb": sum(map(resident_mb, descendants(process.pid)))}
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        kill_tree(process.pid)
        process.communicate()
    return {"ms": spent, **memory} if b"Hello, World!" in line else {"error": f"it printed {line!r}"}  # type: ignore[dict-item]


def run_time(command: list[str], env: dict[str, str]) -> float:
    """Milliseconds from a command's start to its end."""
    start = now()
    subprocess.run(command, env=env, check=True, stdin=subprocess.DEVNULL)
    return (now() - start) * 1000


def bare_starts(python: str, node: str, env: dict[str, str]) -> dict[str, float]:
    """Milliseconds of a Python and a Node that do nothing, one after the other."""
    return {"ms": run_time([python, "-c", "0"], env) + run_time([node, "-e", "0"], env)}


def import_time(statement: str, python: str, env: dict[str, str], times: int = 5) -> dict[str, float]:
    """Milliseconds that an import adds to a bare Python: the median of some pairs."""
    pairs = []
    for _ in range(times):
        bare = run_time([python, "-c", "0"], env)
        pairs.append(run_time([python, "-c", statement], env) - bare)
    return {"ms": sorted(pairs)[times // 2]}
