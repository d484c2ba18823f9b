"""`python -P …/js_host/_manager/__main__.py SOCKET`: the manager's process. Started by `spawn`, with descriptors.

It is run by its path, so that it is this very copy of js_host that runs, wherever it was imported from,
and so that `ps` shows what it is.
"""

import os
import sys

HERE = os.path.abspath(__file__)


def run() -> None:
    """Import js_host from where this file lies, and let no other package from there get before those of this Python."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(HERE))))
    from js_host import _manager  # noqa: F401

    del sys.path[0]
    from js_host._manager.daemon import main

    sys.exit(main(sys.argv[1]))


if __name__ == "__main__":
    run()
