"""The React example, run as its README says; its page is read with an HTML parser and compared with plain Node's."""

import json
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from js_host._host.node import find_node

EXAMPLE = Path(__file__).parents[2] / "examples" / "react_ssr"
PLAIN_NODE = """
import { readFileSync } from 'node:fs'
import { renderPage } from './host.config.js'
process.stdout.write(renderPage(JSON.parse(readFileSync(0, 'utf8'))))
"""


class Page(HTMLParser):
    """What the tests ask about a page: its tags, the text of its elements, the attributes of its rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.rows: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.texts.append("")
        if tag == "tr":
            self.rows.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


@pytest.fixture(scope="module")
def props() -> dict[str, object]:
    """The props as `catalogue.py` makes them."""
    code = "import json, catalogue; print(json.dumps(catalogue.catalogue()))"
    made = subprocess.run([sys.executable, "-c", code], cwd=EXAMPLE, check=True, capture_output=True)
    loaded: dict[str, object] = json.loads(made.stdout)
    return loaded


@pytest.fixture(scope="module")
def html() -> str:
    """The page that `python render.py -` prints; it installs React when that is missing."""
    command = [sys.executable, "-X", "utf8", "render.py", "-"]
    ended = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, encoding="utf-8", timeout=100)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.removesuffix("\n")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The page, parsed."""
    return Page(html)


def test_the_props_are_about_20_kb_of_json(props: dict[str, object]) -> None:
    size = len(json.dumps(props, ensure_ascii=False, separators=(",", ":")).encode())
    assert 18_000 < size < 22_000


def test_the_page_is_one_html_document(html: str, page: Page) -> None:
    assert html.startswith('<!doctype html><html lang="de-DE">')
    assert html.endswith("</body></html>")
    assert [page.tags[tag] for tag in ("html", "head", "body", "header", "main", "table", "h1")] == [1] * 7


def test_every_product_has_a_row_in_the_order_of_the_data(page: Page) -> None:
    assert [row["data-id"] for row in page.rows[1:]] == [str(1000 + number) for number in range(200)]
    assert [row["class"] for row in page.rows[1:3]] == ["even", "odd"]


def test_every_name_is_shown_as_it_was_given(page: Page, props: dict[str, object]) -> None:
    names = [product["name"] for product in props["products"]]  # type: ignore[attr-defined]
    assert [text for text in page.texts if text in set(names)] == names


@pytest.mark.parametrize(
    "text", ["お茶の店 🍵", "Лён", "कपास", "صوف", "čajník", "καθρέφτης", "庭 🌿", "Zoë <zoe@example.org>"]
)
def test_text_of_every_script_survives(page: Page, text: str) -> None:
    assert text in "\n".join(page.texts)


def test_markup_in_the_data_is_escaped(html: str, page: Page) -> None:
    assert page.tags["b"] == 0
    assert "&lt;b&gt;mug&lt;/b&gt;" in html
    assert "Wool &amp; silk" in html


def test_prices_are_written_in_the_locale_of_the_page(page: Page) -> None:
    assert "1,99\N{NO-BREAK SPACE}€" in page.texts
    assert page.tags["data"] == 200


def test_the_current_page_and_category_are_marked_and_not_linked(html: str) -> None:
    assert '<span aria-current="page">All (200)</span>' in html
    assert '<strong aria-current="page">2</strong>' in html
    assert 'href="?page=2"' not in html


def test_it_is_what_plain_node_renders_from_the_same_props(html: str, props: dict[str, object]) -> None:
    node = find_node(None).path
    command = [node, "--input-type=module", "-e", PLAIN_NODE]
    plain = subprocess.run(command, cwd=EXAMPLE, input=json.dumps(props).encode(), check=True, capture_output=True)
    assert plain.stdout.decode() == html


def test_the_streamed_page_is_the_same_with_the_reviews_that_python_has_loaded(html: str) -> None:
    ended = subprocess.run([sys.executable, "stream.py", "-"], cwd=EXAMPLE, capture_output=True, timeout=100)
    assert ended.returncode == 0, ended.stderr.decode()
    streamed = ended.stdout.decode()
    shell, _, _ = html.partition("</main>")
    assert streamed.startswith("<!DOCTYPE html>" + shell.removeprefix("<!doctype html>"))
    assert Page(streamed).tags["li"] - Page(html).tags["li"] == 3
    assert "<strong>Zoë 1002</strong> Nr. 1002: 素晴らしい 🍵" in streamed.replace("<!-- -->", "")


STREAM = """
import asyncio, json, logging, stream
from js_host import AsyncJSHost

asked, released, order = asyncio.Event(), asyncio.Event(), []

async def load_reviews(products):
    asked.set()
    await released.wait()
    order.append("reviews")
    return []

async def main():
    stream.load_reviews = load_reviews
    async with AsyncJSHost(stream.HERE / "host.config.js") as host:
        parts = stream.stream(host)
        await anext(parts)
        order.append("shell")
        await asked.wait()
        if LEAVES:
            await parts.aclose()
        else:
            released.set()
            async for _ in parts:
                order.append("part")
        await host.function("renderPage")(stream.catalogue(1))
    print(json.dumps(order))

logging.basicConfig()
asyncio.run(main())
"""


def run_stream(*, leaves: bool) -> subprocess.CompletedProcess[str]:
    program = STREAM.replace("LEAVES", str(leaves))
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    ended = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, encoding="utf-8", timeout=100)
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.mark.usefixtures("html")
def test_the_page_is_there_before_its_reviews() -> None:
    first, *others = json.loads(run_stream(leaves=False).stdout)
    assert first == "shell"
    assert "reviews" in others


@pytest.mark.usefixtures("html")
def test_react_stops_when_the_reader_goes_away() -> None:
    ended = run_stream(leaves=True)
    assert json.loads(ended.stdout) == ["shell"]
    assert "streamPage:" in ended.stderr
