"""A web application whose server workers have a host each: `gunicorn wsgi:application --workers 2 [--preload]`."""

import json
from pathlib import Path

from js_host import JSHost

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")  # nothing starts yet


def application(environ, start_response):
    page = render(name=environ["PATH_INFO"], price=2.5)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(page).encode()]
