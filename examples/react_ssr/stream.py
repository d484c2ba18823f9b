"""Stream the catalogue with React, from Python: `python stream.py` shows when each part comes, `-` prints the page.

React sends the page as soon as all but the reviews is rendered; the reviews follow when Python has loaded them.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

from catalogue import catalogue
from packages import install_packages

from js_host import AsyncJSHost

HERE = Path(__file__).parent


async def load_reviews(products: list[int]) -> list[dict[str, str]]:
    """What a program would ask its database, which takes a while."""
    await asyncio.sleep(0.2)
    return [{"author": f"Zoë {number}", "text": f"Nr. {number}: 素晴らしい 🍵"} for number in products]


def stream(host: AsyncJSHost, rows: int = 200) -> AsyncIterator[bytes]:
    """The page's HTML in parts, as a web framework would send them on."""
    props = {**catalogue(rows), "loadReviews": load_reviews}
    return host.function("streamPage").stream(props)


async def main(target: str = "") -> None:
    install_packages(HERE)
    async with AsyncJSHost(HERE / "host.config.js") as host:
        start = perf_counter()
        async for part in stream(host):
            if target == "-":
                sys.stdout.buffer.write(part)
            else:
                print(f"{(perf_counter() - start) * 1000:6.1f} ms  {len(part):6,} bytes")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
