"""Write a host.config.js that works, with examples to change."""

from __future__ import annotations

import os
import sys

from ..exceptions import ConfigError
from ..utils.near_config import ENDINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "write a host.config.js that works, with examples to change"

NAME = "host.config.js"

CONFIG = """\
module.exports = {
  // address: '127.0.0.1',        // where `js-host run` listens
  // port: 9009,
  // requestDataLimit: '50mb',    // the most that one call may carry

  // The functions that Python may call. Each gets the data that Python passed.
  functions: {
    // Python: Function('hello_world')(name='Foo') returns 'Hello, Foo!'
    hello_world: function (data) {
      return 'Hello, ' + (data.name || 'World') + '!';
    },

    // A promise's value is the result too; what is thrown becomes a FunctionError in Python.
    double: async function (data) {
      if (typeof data.number !== 'number') throw new Error('No number was provided');
      return data.number * 2;
    },

    // With two parameters, the second is a callback: cb(error), or cb(null, result).
    reverse: function (data, cb) {
      cb(null, String(data.text).split('').reverse().join(''));
    },

    // Packages that npm has installed beside this file are there too:
    // markdown: async function (data) {
    //   const { default: markdownIt } = await import('markdown-it');
    //   return markdownIt().render(data.text);
    // },
  },
};
"""

MODULE_CONFIG = CONFIG.replace("module.exports =", "export default")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", default=".", metavar="DIR", help="where to write it (default: here)")
    parser.set_defaults(program="js-host", home=os.curdir)


def main(arguments: Namespace) -> int:
    check_directory(arguments.directory)
    path = os.path.join(arguments.directory, NAME)
    write_new(path, MODULE_CONFIG if is_module(arguments.directory) else CONFIG)
    print(path)
    print(f"Wrote {path}. Next, call one of its functions:\n{next_step(path, arguments)}", file=sys.stderr)
    return 0


def check_directory(directory: str) -> None:
    """Raise ConfigError where the name of the file was given, which would become a directory."""
    if directory.endswith(ENDINGS) and not os.path.isdir(directory):
        where = os.path.dirname(directory) or os.curdir
        raise ConfigError(f"{directory} is the name of a file. Name the directory: `js-host init {where}`.")


def write_new(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} exists already, and is left as it is. Edit it, or name another directory.") from None
    except OSError as error:
        raise ConfigError(f"{path} can not be written: {error.strerror}. Name another directory.") from error


def is_module(directory: str) -> bool:
    """Whether Node will read a .js file there as an ES module: the nearest package.json decides."""
    import json

    place = os.path.abspath(directory)
    while True:
        try:
            with open(os.path.join(place, "package.json"), encoding="utf-8") as file:
                package = json.load(file)
            return isinstance(package, dict) and package.get("type") == "module"
        except (OSError, ValueError):
            if place == os.path.dirname(place):
                return False
            place = os.path.dirname(place)


def next_step(path: str, arguments: Namespace) -> str:
    """The command that calls a function of it: `program` finds the file by itself in its `home`."""
    import shlex

    is_usual = os.path.normpath(arguments.directory) == os.path.normpath(arguments.home)
    config = "" if is_usual else f" --config {shlex.quote(path)}"
    return f"  {arguments.program} call hello_world name=Foo{config}"
