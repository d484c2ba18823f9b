"""Stream the catalogue with React, from Python: `python stream.py` shows when each part comes, `-` prints the page.

React sends the page as soon as all but the reviews is rendered; the reviews follow when Python has loaded them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep

from catalogue import catalogue
from packages import install_packages

from js_host import JSHost

HERE = Path(__file__).parent


def load_reviews(products: list[int]) -> list[dict[str, str]]:
    """What a program would ask its database, which takes a while."""
    sleep(0.05)
    return [{"author": f"Zoë {number}", "text": f"Nr. {number}: 素晴らしい 🍵"} for number in products]


def stream(host: JSHost, rows: int = 200) -> Iterator[bytes]:
    """The page's HTML in parts, as a web framework would send them on."""
    return host.function("streamPage").stream({**catalogue(rows), "loadReviews": load_reviews})


def main(target: str = "") -> None:
    install_packages(HERE)
    with JSHost(HERE / "host.config.js") as host:
        start = perf_counter()
        for part in stream(host):
            if target == "-":
                sys.stdout.buffer.write(part)
            else:
                print(f"{(perf_counter() - start) * 1000:6.1f} ms  {len(part):6,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
