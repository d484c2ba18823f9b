"""`import js_host` is silent and light."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from js_host._host.node import SUPPORTED_NODE, node_version
from js_host.conf import settings

HEAVY = {
    *("argparse", "asyncio", "contextlib", "dataclasses", "email", "hashlib", "http", "inspect", "json", "logging"),
    *("msgspec", "numpy", "pathlib", "pydantic", "queue", "re", "select", "selectors", "signal", "socket", "ssl"),
    *("mmap", "subprocess", "tempfile", "threading", "typing", "urllib", "uuid", "django", "flask", "fastapi"),
}

PROGRAM = """
import sys
loud = []

def listen(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.", "_thread.", "shutil.", "tempfile.")):
        loud.append(event)
    elif event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        loud.append("open " + str(arguments[0]))

before = set(sys.modules)
sys.addaudithook(listen)
import MODULE
modules = sorted(set(sys.modules) - before)
events = [event for event in loud if event != "os.listdir"]  # the import system lists directories
import json
print(json.dumps([modules, events]))
"""


def import_alone(module: str) -> tuple[set[str], list[str]]:
    """The modules that this import loads in a fresh Python, and what it did to the machine."""
    # -S: without site, whose .pth files may have loaded half of the library already
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n" + PROGRAM.replace("MODULE", module)
    ended = subprocess.run([sys.executable, "-S", "-B", "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    modules, events = json.loads(ended.stdout)
    return set(modules), events


@pytest.mark.parametrize("module", ["js_host", "js_host.conf", "js_host.exceptions"])
def test_the_import_loads_nothing_heavy(module: str) -> None:
    modules, _ = import_alone(module)
    assert not HEAVY & modules


@pytest.mark.parametrize(
    "module", ["js_host", "js_host.conf", "js_host.exceptions", "js_host.function", "js_host.host"]
)
def test_the_import_touches_no_file_no_socket_and_no_process(module: str) -> None:
    _, events = import_alone(module)
    assert not events


@pytest.mark.parametrize("module", ["js_host", "js_host.function", "js_host.js_host", "js_host.host"])
def test_the_import_loads_neither_asyncio_nor_a_framework(module: str) -> None:
    modules, _ = import_alone(module)
    assert not {"asyncio", "django", "flask", "fastapi", "numpy", "pydantic"} & modules


FIRST_SPAWN = """
import os

def spawn(*arguments, **options):
    modules = sorted(sys.modules)
    import json
    print(json.dumps(modules), flush=True)
    os._exit(0)

os.posix_spawn = spawn
from js_host import JSHost
JSHost("CONFIG", path_to_node=sys.executable).start()
"""


def test_before_node_is_spawned_nothing_is_loaded_that_can_wait_until_it_boots(tmp_path: Path) -> None:
    config = tmp_path / "host.config.js"
    config.touch()
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n" + FIRST_SPAWN.replace("CONFIG", str(config))
    ended = subprocess.run([sys.executable, "-S", "-B", "-c", program], capture_output=True, text=True, check=True)
    heavy = HEAVY - {"select"} | {"collections", "enum", "random"}  # select is C, and quickly there
    assert not heavy & set(json.loads(ended.stdout))


FIRST_CALL = """
from js_host import JSHost
with JSHost("CONFIG") as host:
    assert host.function("hello")("World") == "Hello, World!"
    modules = sorted(sys.modules)
import json
print(json.dumps(modules))
"""


def test_until_the_first_result_nothing_is_loaded_that_few_programs_need(tmp_path: Path) -> None:
    if int(node_version(settings.get_path_to_node()).partition(".")[0]) < SUPPORTED_NODE:
        pytest.skip("this Node is warned of, by `logging`")
    config = tmp_path / "host.config.cjs"
    config.write_text("module.exports = { functions: { hello: (name) => `Hello, ${name}!` } }")
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n" + FIRST_CALL.replace("CONFIG", str(config))
    ended = subprocess.run([sys.executable, "-S", "-B", "-c", program], capture_output=True, text=True, check=True)
    heavy = HEAVY - {"select", "threading"} | {"enum", "random"}
    assert not heavy & set(json.loads(ended.stdout))
