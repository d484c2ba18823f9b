"""The same for an event loop: `uvicorn asgi:application --workers 2`."""

import json
from pathlib import Path

from js_host import AsyncJSHost

render = AsyncJSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")  # nothing starts yet


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    page = await render(name=scope["path"], price=2.5)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(page).encode()})
