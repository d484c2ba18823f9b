"""A bulk render with Ray: each of its worker processes has a host of its own, from its first task to its end."""

from pathlib import Path

import ray
from catalogue import BATCHES, tell

from js_host import JSHost

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")


@ray.remote
def render_all(rows):
    return list(render.map(rows))


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    tell([page for pages in ray.get([render_all.remote(rows) for rows in BATCHES]) for page in pages])
    ray.shutdown()
