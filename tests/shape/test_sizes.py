"""Files stay under 400 lines, and half of the functions under 9."""

import ast
import pathlib
import statistics
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PLACES = ("src", "tests", "benches", "examples", "scripts")
SOURCES = sorted(
    file
    for place in PLACES
    for pattern in ("*.py", "*.mjs", "*.js")
    for file in (ROOT / place).rglob(pattern)
    if "node_modules" not in file.parts and ".work" not in file.parts
)


@pytest.mark.parametrize("file", [ROOT / "dev.py", *SOURCES], ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_has_fewer_than_400_lines(file: pathlib.Path) -> None:
    assert len(file.read_text().splitlines()) < 400


def test_half_of_the_functions_have_fewer_than_9_lines() -> None:
    lengths = [length for file in (ROOT / "src").rglob("*.py") for length in function_lengths(file)]
    assert statistics.median(lengths) < 9


def function_lengths(file: pathlib.Path) -> Iterator[int]:
    """Lines from `def` to the end, the docstring left out."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_length(node)


def docstring_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1 if ast.get_docstring(node) is not None else 0


@pytest.mark.parametrize("file", [file for file in SOURCES if file.suffix == ".py"], ids=lambda file: file.name)
def test_a_file_says_first_what_it_is(file: pathlib.Path) -> None:
    source = file.read_text()
    assert not source or ast.get_docstring(ast.parse(source))
