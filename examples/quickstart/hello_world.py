"""Call a JavaScript function from Python: `python hello_world.py`."""

from pathlib import Path

from js_host.js_host import JSHost

CONFIG = Path(__file__).with_name("host.config.js")

with JSHost(CONFIG) as host:  # a Node process of our own, gone when the block ends
    hello_world = host.function("hello_world")

    print(hello_world.call())

    print(hello_world.call(name="Foo"))
