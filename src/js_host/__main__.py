"""`python -m js_host` is `js-host`."""

import sys

from .cli import main

sys.exit(main())
