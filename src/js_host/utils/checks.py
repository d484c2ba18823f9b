"""What the arguments of a Function, and the paths of a JSHost, must be."""

from __future__ import annotations

import os

from ..exceptions import ConfigError

__all__ = ["absolute_path", "check_exception_cls", "check_host", "check_timeout", "check_window", "checked_name"]

#: A frame has two bytes for the length of the name.
LONGEST_NAME = 65535


def check_window(window: object) -> None:
    """Raise ConfigError for what is no window of a map."""
    if window is not None and (type(window) is not int or window < 1):
        raise ConfigError(f"window must be a whole number from 1, or None to find out, not {window!r}.")


def checked_name(name: object) -> bytes:
    """The name of a function as it goes over the wire. Raises ConfigError for what is no name."""
    if not name or not isinstance(name, str):
        raise ConfigError(f"A Function needs the name that it has in the config, a str; it was given {name!r}.")
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > LONGEST_NAME:
        raise ConfigError(f"A Function's name may have {LONGEST_NAME} bytes, and this one has {len(encoded)}.")
    return encoded


def check_host(host: object) -> None:
    """Raise ConfigError for what is no host, such as the path of a config file."""
    if not hasattr(host, "get_config"):
        raise ConfigError(f"The host of a function is a JSHost, not {host!r}. JSHost({host!r}) may be meant.")


def check_timeout(timeout: object) -> None:
    """Raise ConfigError for what is no timeout."""
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout != timeout
    ):
        raise ConfigError(f"timeout must be a number of seconds or None, not {timeout!r}.")


def check_exception_cls(exception_cls: object) -> None:
    """Raise ConfigError for what is no class of exceptions."""
    if exception_cls is not None and not (isinstance(exception_cls, type) and issubclass(exception_cls, Exception)):
        raise ConfigError(f"exception_cls must be a subclass of Exception, or None, not {exception_cls!r}.")


def absolute_path(path: str | os.PathLike[str] | None) -> str | None:
    """The same file wherever the program, or a process that a host travels to, goes.

    Raises ConfigError for what is no path.
    """
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise ConfigError(f"A JSHost needs the path of a file, a str or os.PathLike; it was given {path!r}.")
    return None if path is None else os.path.abspath(path)
