"""`http.client` to a hand-written `node:http` server: JSON, or bytes as they are, over one connection kept alive."""

import http.client
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

from ..paths import JS, NODE


class HttpClient:
    def __init__(self) -> None:
        command = [NODE, os.path.join(JS, "http_server.mjs")]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.server.stdout
        self.connection = http.client.HTTPConnection("127.0.0.1", int(self.server.stdout.readline()))

    def function(self, name: str) -> Callable[[Any], Any]:
        path = "/" + name
        if name == "echoBytes":
            return lambda value: self.post(path, value, "application/octet-stream")
        return lambda value: json.loads(self.post(path, json.dumps(value).encode(), "application/json"))

    def post(self, path: str, body: bytes, kind: str) -> bytes:
        self.connection.request("POST", path, body, {"content-type": kind})
        return self.connection.getresponse().read()

    def close(self) -> None:
        self.connection.close()
        self.server.communicate()


start = HttpClient
