"""Imports point down only: doors, public modules, _client and _host, _wire, exceptions."""

import ast
import graphlib
import pathlib
import re
from collections.abc import Iterator

import pytest

PACKAGE = pathlib.Path(__file__).parents[2] / "src" / "js_host"
FILES = sorted(PACKAGE.rglob("*.py"))
RUNTIME = sorted((PACKAGE / "runtime").glob("*.mjs"))

LEAVES = ("exceptions", "utils")
SIBLINGS = ("_client", "_host", "_manager")
DOORS = ("cli", "_cli", "__main__", "doctor", "apps", "testing", "contrib", "management", "templatetags")
MAY_CROSS = {("_manager", "_host")}
PUBLIC = 3

DOES_IO = {
    *("asyncio", "fcntl", "http", "mmap", "multiprocessing", "os", "select", "selectors", "shutil"),
    *("signal", "socket", "socketserver", "ssl", "subprocess", "tempfile", "threading", "urllib"),
}


def part(module: str) -> str:
    """The part of the package that a module belongs to: `js_host._wire.frames` -> `_wire`; the package itself -> ''."""
    return module.split(".")[1] if "." in module else ""


def height(module: str) -> int:
    name = part(module)
    if name in LEAVES:
        return 0
    if name == "_wire":
        return 1
    if name in SIBLINGS:
        return 2
    return PUBLIC + 1 if name in DOORS else PUBLIC


def may_import(importer: str, imported: str) -> bool:
    here, there = part(importer), part(imported)
    if height(importer) != height(imported):
        return height(importer) > height(imported)
    return here == there or here not in SIBLINGS or (here, there) in MAY_CROSS


def module_name(file: pathlib.Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(file: pathlib.Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from from_import(file, node)


def from_import(file: pathlib.Path, node: ast.ImportFrom) -> Iterator[str]:
    """`from .a import b` means the module a.b where there is one, else a. The version belongs to nobody."""
    base = absolute(file, node)
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        if is_module(inner):
            yield inner
        elif alias.name != "__version__":
            yield base


def absolute(file: pathlib.Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = [*file.relative_to(PACKAGE.parent).parent.parts]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_point_down_only(file: pathlib.Path) -> None:
    ours = {name for name in imported_modules(file) if name.split(".")[0] == "js_host"}
    wrong = sorted(name for name in ours if not may_import(module_name(file), name))
    assert not wrong, f"{module_name(file)} may not import {', '.join(wrong)}: the arrow points up or sideways"


def needed_modules(file: pathlib.Path, tree: ast.AST, late: bool) -> Iterator[str]:
    """What a file imports when it runs: not for types alone, and what functions import only where it is `late`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not late:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from from_import(file, node)
        yield from needed_modules(file, node, late)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_no_module_needs_one_that_needs_it(late: bool) -> None:
    """The public modules give each other's objects, so those may import each other where it is late."""
    files = [file for file in FILES if not late or height(module_name(file)) != PUBLIC]
    graph = {module_name(file): set(needed_modules(file, ast.parse(file.read_text()), late)) for file in files}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize("file", [file for file in FILES if part(module_name(file)) == "_wire"], ids=module_name)
def test_the_wire_does_no_io(file: pathlib.Path) -> None:
    wrong = sorted({name for name in imported_modules(file) if name.split(".")[0] in DOES_IO})
    assert not wrong, f"{module_name(file)} imports {', '.join(wrong)}: _wire is bytes and messages only"


@pytest.mark.parametrize("file", RUNTIME, ids=lambda file: file.name)
def test_the_runtime_depends_on_node_alone(file: pathlib.Path) -> None:
    names = re.findall(r"""^import[^'"]*['"]([^'"]+)['"]|^\} from ['"]([^'"]+)['"]""", file.read_text(), re.MULTILINE)
    specifiers = {first or second for first, second in names}
    assert all(name.startswith(("node:", "./")) for name in specifiers), sorted(specifiers)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("js_host.cli", "js_host.js_host", True),
        ("js_host.js_host", "js_host.cli", False),
        ("js_host.js_host", "js_host._client.sync", True),
        ("js_host.function", "js_host.host", True),
        ("js_host._client.sync", "js_host._host.supervisor", False),
        ("js_host._manager.daemon", "js_host._host.supervisor", True),
        ("js_host._host.supervisor", "js_host._manager.daemon", False),
        ("js_host._client.sync", "js_host.conf", False),
        ("js_host._client.sync", "js_host", False),
        ("js_host._wire.frames", "js_host._client", False),
        ("js_host._wire.frames", "js_host.exceptions", True),
        ("js_host.exceptions", "js_host._wire.frames", False),
    ],
)
def test_the_rule_knows_up_from_down(importer: str, imported: str, allowed: bool) -> None:
    assert may_import(importer, imported) is allowed
