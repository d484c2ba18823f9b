"""What the original python-js-host does for a call: `requests.post` to js-host 0.12 from npm, hash and all."""

import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

import requests

from ..paths import JS, NODE, NPM
from . import as_text

PROGRAM = os.path.join(NPM, "node_modules", "js-host", "bin", "js-host.js")


class Original:
    def __init__(self) -> None:
        port = free_port()
        command = [NODE, PROGRAM, os.path.join(JS, "original.config.cjs")]
        self.server = subprocess.Popen(
            command, env={**os.environ, "PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.url = f"http://127.0.0.1:{port}/function/"
        wait_for(port, self.server)

    def function(self, name: str) -> Callable[[Any], Any]:
        return as_text.adapt(name, lambda name: lambda value: self.call(name, value), carries_json=True)

    def call(self, name: str, value: Any) -> str:
        data = json.dumps({"value": value})
        params = {"hash": hashlib.sha1(data.encode()).hexdigest()}
        answer = requests.post(
            self.url + name, params=params, headers={"content-type": "application/json"}, data=data, timeout=60
        )
        assert answer.status_code == 200, answer.text
        answer.encoding = "utf-8"
        return answer.text

    def close(self) -> None:
        self.server.kill()
        self.server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    """It says that it listens in its log only: knock until it opens."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.002)
    raise RuntimeError(f"js-host ended with code {server.returncode}")


start = Original
