"""Run the tests on every Node on one Python, and on every Python of this machine with one Node.

Node 24 is the one of PyPI, the others come from npm, all into `.matrix/`. The table goes to the
terminal and into CONTRIBUTING.md, between its two markers.
"""

import datetime as dt
import glob
import os
import platform
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import dev

PLACE = os.path.join(dev.ROOT, ".matrix")
NODES = ("20", "22", "24", "26")
USUAL_NODE = "24"
USUAL_PYTHON = (3, 11)
REPORT = os.path.join(dev.ROOT, "CONTRIBUTING.md")
MARKERS = ("<!-- matrix: begin -->\n", "<!-- matrix: end -->\n")
PYTHON_PLACES = ("~/.pyenv/versions/*/bin/python3", "~/.local/share/uv/python/*/bin/python3")


def main(arguments: list[str]) -> int:
    results = [test_pair(python, node, arguments) for python, node in pairs(find_pythons())]
    table = "\n".join(["| Python | Node | result |", "|---|---|---|", *(row for row, _ in results)]) + "\n"
    print(table)
    write_report(table)
    return int(not all(passed for _, passed in results))


def pairs(pythons: dict[tuple[int, int], str]) -> list[tuple[str, str]]:
    """Every Node on the usual Python, then every other Python with the usual Node."""
    others = [path for version, path in sorted(pythons.items()) if version != USUAL_PYTHON]
    return [(pythons[USUAL_PYTHON], node) for node in NODES] + [(path, USUAL_NODE) for path in others]


def find_pythons() -> dict[tuple[int, int], str]:
    """One Python for each version from 3.11 that this machine has; that of `python3` first."""
    patterns = [sys.executable, *map(os.path.expanduser, PYTHON_PLACES)]
    patterns += [os.path.join(place, "python3.[1-9][0-9]") for place in os.get_exec_path()]
    found: dict[tuple[int, int], str] = {}
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern), reverse=True)):
        version = python_version(path)
        if version >= (3, 11):
            found.setdefault(version, path)
    return found


def python_version(path: str) -> tuple[int, int]:
    """(0, 0) for a name that is there and does not run, as a shim of pyenv may be."""
    program = "import sys; print(*sys.version_info[:2])"
    ended = subprocess.run([path, "-c", program], capture_output=True, text=True)
    major, minor = ended.stdout.split() or (0, 0)
    return int(major), int(minor)


def test_pair(python: str, node: str, arguments: list[str]) -> tuple[str, bool]:
    """Run the tests on this pair, and what fails again, alone. Its row of the table, and whether all passed."""
    name = "python" + ".".join(map(str, python_version(python)))
    inside = dev.prepare(os.path.join(PLACE, name), python)
    path = find_node(node, inside)
    dev.say(f"Testing with {version_of(inside)} and Node {version_of(path)}")
    environment = {**os.environ, "JS_HOST_NODE": path}
    code, said = run_tests(dev.pytest(inside, "-q", *arguments), environment)
    result = closing_words(said, code)
    if code:
        again = ["-n", "0", "--last-failed", "--last-failed-no-failures", "none"]
        code, said = run_tests(dev.pytest(inside, "-q", *arguments, *again), environment)
        result += f"; these again, alone: {closing_words(said, code)}"
    return f"| {version_of(inside)} | {version_of(path)} | {result} |", code == 0


def run_tests(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code, and what was printed, which is shown where something failed."""
    ended = subprocess.run(command, cwd=dev.ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        print(ended.stdout, flush=True)
    return ended.returncode, ended.stdout


def find_node(line: str, python: str) -> str:
    """The path of a Node of this line, installed where it is missing."""
    if line == USUAL_NODE:
        program = "from js_host._host.node import find_node; print(find_node(None).path)"
        return subprocess.check_output([python, "-c", program], text=True, env=without_choice()).strip()
    package = npm_package()
    directory = os.path.join(PLACE, "node" + line)
    path = os.path.join(directory, "node_modules", package, "bin", "node")
    if not os.path.exists(path):
        os.makedirs(directory, exist_ok=True)
        dev.npm(python, "install", "--prefix", directory, "--ignore-scripts", "--no-save", f"{package}@{line}")
    return path


def without_choice() -> dict[str, str]:
    """The environment without a choice of Node, so that the one of PyPI is found."""
    return {name: value for name, value in os.environ.items() if name != "JS_HOST_NODE"}


def npm_package() -> str:
    """The npm package that has the binary for this machine."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    prefix = "node-bin" if (sys.platform, machine) == ("darwin", "arm64") else "node"
    return f"{prefix}-{sys.platform}-{machine}"


def version_of(path: str) -> str:
    words = subprocess.check_output([path, "--version"], text=True).split()
    return words[-1].removeprefix("v")


def closing_words(output: str, code: int) -> str:
    """`12 passed, 1 skipped` from the last line of pytest."""
    lines = output.strip().splitlines() or [""]
    counts = re.findall(r"\d+ (?:passed|failed|errors?|skipped|xfailed|xpassed)", lines[-1])
    return ", ".join(counts) or f"failed with exit code {code}"


def write_report(table: str) -> None:
    """Put the table between the markers of CONTRIBUTING.md."""
    begin, end = MARKERS
    text = dev.read(REPORT)
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    day = dt.date.today().isoformat()
    body = f"Last run: {day}, {platform.system()} {platform.machine()}.\n\n{table}"
    with open(REPORT, "w", encoding="utf-8") as file:
        file.write(before + begin + body + end + after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
