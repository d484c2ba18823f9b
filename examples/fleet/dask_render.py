"""A bulk render with Dask: each worker process has a host of its own, from its first task to its end."""

from pathlib import Path

from catalogue import BATCHES, tell
from dask.distributed import Client, LocalCluster

from js_host import JSHost

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")


def render_all(rows):
    return list(render.map(rows))


if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        tell([page for pages in client.gather(client.map(render_all, BATCHES)) for page in pages])
