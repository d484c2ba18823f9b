"""Where the benches keep things. Only `os`: cold starts import this, and must not pay for more."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
JS = os.path.join(HERE, "js")
WORK = os.path.join(HERE, ".work")
"""All that is installed or made; git does not see it."""
NPM = os.path.join(WORK, "npm")
REACT = os.path.join(ROOT, "examples", "react_ssr")

NODE = os.environ.get("BENCH_NODE", "node")
"""The one Node binary of all that is measured; `run.py` names it for its children."""
PAGE_CJS = os.path.join(WORK, "page.cjs")
PAGE_IIFE = os.path.join(WORK, "page.iife.js")
"""The React page as one file, for Node and for engines that are not Node."""
FUNCTIONS = os.path.join(JS, "functions.cjs")
