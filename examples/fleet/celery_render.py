"""A bulk render with Celery: each child of a prefork worker has a host of its own, from its first task to its end.

celery -A celery_render worker --concurrency 2      # in one terminal
python celery_render.py                             # in another
"""

import os
from pathlib import Path

from catalogue import BATCHES, tell
from celery import Celery, group

from js_host import JSHost

REDIS = "redis://"
app = Celery("celery_render", broker=os.environ.get("BROKER_URL", REDIS), backend=os.environ.get("RESULTS_URL", REDIS))
app.conf.worker_prefetch_multiplier = 1
if app.conf.broker_url == "filesystem://":  # a directory as the broker: to try it without one
    folders = dict.fromkeys(("data_folder_in", "data_folder_out"), os.environ["BROKER_FOLDER"])
    app.conf.broker_transport_options = {**folders, "control_folder": os.environ["BROKER_FOLDER"]}

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")


@app.task
def render_all(rows):
    return list(render.map(rows))


if __name__ == "__main__":
    results = group(render_all.s(rows) for rows in BATCHES)().get(timeout=120)
    tell([page for pages in results for page in pages])
