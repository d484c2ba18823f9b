"""A bulk render with the standard library: a pool of processes, each with a host of its own."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from catalogue import BATCHES, tell

from js_host import JSHost

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")


def render_all(rows):
    return list(render.map(rows))


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        tell([page for pages in pool.map(render_all, BATCHES) for page in pages])
