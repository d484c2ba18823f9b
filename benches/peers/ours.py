"""js_host: an owned host with one worker."""

import os

from js_host.js_host import JSHost

from ..paths import JS

start_options: dict[str, object] = {"env": ["BENCH_PAGE"]}


class Ours:
    def __init__(self) -> None:
        self.host = JSHost(os.path.join(JS, "host.config.cjs"), **start_options)
        self.host.start()
        self.function = self.host.function

    def close(self) -> None:
        self.host.stop()


start = Ours
