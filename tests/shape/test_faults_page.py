"""`docs/faults.md` and the tests agree: every row names tests, and every test that is named exists."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / "tests"
PAGE = ROOT / "docs" / "faults.md"

#: These tables say what is not held by a test, or what was measured.
OTHER_TABLES = ("What does not apply", "Measured")


def rows() -> list[list[str]]:
    """The cells of each row, with what stands in the last of them being tests."""
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        if not section.startswith(OTHER_TABLES):
            found += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    return found


def names_in(file: pathlib.Path) -> set[str]:
    """The names of the tests of a file, in either language."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".mjs":
        return {first or second for first, second in re.findall(r"""\btest\((?:'([^']+)'|"([^"]+)")""", text)}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}


def test_the_page_has_rows() -> None:
    assert len(rows()) > 90


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}"[:60])
def test_a_row_names_tests_that_exist(row: list[str]) -> None:
    tests = re.findall(r"`([^`:]+)::([^`]+)`", row[-1])
    assert tests, "no test"
    for file, name in tests:
        assert (TESTS / file).is_file(), file
        assert name in names_in(TESTS / file), f"{file} has no {name}"


def test_each_fault_has_a_row_of_its_own() -> None:
    numbers = [row[0] for row in rows() if re.fullmatch(r"[PCSYF]\d+", row[0])]
    assert len(numbers) == len(set(numbers))
