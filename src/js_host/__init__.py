"""Call JavaScript functions from Python as if they were its own.

    from js_host import JSHost

    with JSHost("host.config.js") as host:
        greet = host.function("greet")
        print(greet(name="Foo"))

Importing this package touches no file, no socket and no process; the names below are loaded when
they are first used.
"""

__version__ = "1.0.0"
