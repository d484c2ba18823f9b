"""Call one function and write its result to stdout: text as it is, bytes raw, everything else as JSON. What the
function prints goes to stderr, unless the host runs elsewhere or is managed, and has a log of its own."""

from __future__ import annotations

import sys
from functools import partial

from ..exceptions import ConfigError
from .common import add_host_arguments, open_host, seconds, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

HELP = "call one function and write its result"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the function's name")
    data = "data; a value that is JSON is read as JSON"
    parser.add_argument("pairs", nargs="*", default=[], metavar="KEY=VALUE", help=data)
    parser.add_argument("--json", metavar="DATA", help="the data as one JSON text; - reads it from stdin")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="how long the call may take")
    add_host_arguments(parser)
    parser.parse_known_args = partial(parse_with_late_pairs, parser.parse_known_args)  # type: ignore[method-assign, assignment]


def parse_with_late_pairs(
    parse: Callable[..., tuple[Namespace, list[str]]], words: Sequence[str], found: Namespace | None = None
) -> tuple[Namespace, list[str]]:
    """Take for data what comes after an option, too: `call NAME --timeout 5 KEY=VALUE` is too much for argparse."""
    found, rest = parse(words, found)
    if any(word.startswith("-") for word in rest):
        return found, rest
    found.pairs = [*found.pairs, *rest]
    return found, []


def main(arguments: Namespace) -> int:
    data = read_data(arguments.json, arguments.pairs)
    from .call_logs import prints_shown  # after what may be wrong with the data was said

    with prints_shown(), open_host(arguments) as host:
        result = host.function(arguments.name, timeout=arguments.timeout)(data)
    write_result(result)
    return 0


def read_data(text: str | None, pairs: Sequence[str]) -> object:
    """The data of a call from --json, or from KEY=VALUE pairs; none at all is an empty object."""
    if text is None:
        return dict(map(read_pair, pairs))
    if pairs:
        raise ConfigError(f"--json and {pairs[0]} both give data. Put everything into one of them.")
    return read_json(sys.stdin.read() if text == "-" else text)


def read_pair(pair: str) -> tuple[str, object]:
    key, equals, text = pair.partition("=")
    if not key or not equals:
        raise ConfigError(f'{pair!r} is not KEY=VALUE. Write name=Foo, or --json \'{{"name": "Foo"}}\'.')
    try:
        return key, read_json(text)
    except ConfigError:
        return key, text


def read_json(text: str) -> object:
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:  # bytes that are no UTF-8
        raise ConfigError(f"--json is not JSON: {error}. Names and texts need double quotes inside it.") from None


def write_result(result: object) -> None:
    if isinstance(result, bytes):
        sys.stdout.buffer.write(result)
    elif isinstance(result, str):
        sys.stdout.buffer.write(result.encode("utf-8", "surrogatepass") + b"\n")
    else:
        write_json(result)
