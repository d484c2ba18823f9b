"""The module of a peer, imported by its name; nothing else is imported, since cold starts pay for it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> "ModuleType":
    return __import__("benches.peers." + name, fromlist=["start"])
