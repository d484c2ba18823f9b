"""js_host with the setting that forbids spinning."""

from js_host.conf import settings

from .ours import Ours


def start() -> Ours:
    settings.configure(SPIN=False)
    return Ours()
