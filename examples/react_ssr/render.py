"""Render the catalogue with React, from Python: `python render.py [FILE]`, or `-` to print it."""

import sys
from pathlib import Path
from time import perf_counter

from catalogue import catalogue
from packages import install_packages

from js_host.js_host import JSHost

HERE = Path(__file__).parent


def render(rows: int = 200) -> str:
    """The page's HTML. The first call warms React up; the second shows what every other one takes."""
    with JSHost(HERE / "host.config.js") as host:
        render_page = host.function("renderPage")
        props = catalogue(rows)
        html: str = render_page(props)
        start = perf_counter()
        render_page(props)
        spent = (perf_counter() - start) * 1000
        print(f"{rows} products, {len(html):,} characters of HTML, {spent:.1f} ms", file=sys.stderr)
    return html


def main(target: str = "catalogue.html") -> None:
    install_packages(HERE)
    html = render()
    if target == "-":
        print(html)
    else:
        Path(target).write_text(html, encoding="utf-8")
        print(f"saved as {target}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
