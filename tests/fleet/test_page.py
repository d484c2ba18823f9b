"""The code of docs/beyond_one_machine.md is that of the files which the tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "beyond_one_machine.md").read_text()
SHOWN = sorted(
    path
    for pattern in ("fleet/*.py", "fleet/*.js", "deploy/nginx.conf", "deploy/haproxy.cfg")
    for path in (ROOT / "examples").glob(pattern)
)


@pytest.mark.parametrize("file", SHOWN, ids=lambda file: file.name)
def test_the_page_shows_the_file_as_it_is(file: Path) -> None:
    assert f"\n{file.read_text().strip()}\n```" in PAGE


def test_the_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
