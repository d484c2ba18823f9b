"""JavaScript gets the environment variables that every program needs, and those that the user names: no secrets."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from js_host import JSHost
from js_host._host.environment import pick, withheld, withheld_in, worker_environment
from js_host._manager.protocol import host_key
from js_host.conf import Settings
from js_host.exceptions import ConfigError, HostWarning, StartError

SECRETS = {
    "DATABASE_URL": "postgres://admin:hunter2@db/prod",
    "SECRET_KEY": "hunter2",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "DJANGO_SETTINGS_MODULE": "site.settings",
    "HTTPS_PROXY": "http://user:hunter2@proxy",
    "JS_HOST_TOKEN": "hunter2-hunter2-hunter2",
    "NODE_CHANNEL_FD": "3",
}
USUAL = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",
    "TZ": "UTC",
    "TMPDIR": "/tmp",
    "NODE_ENV": "production",
    "NODE_PATH": "/lib",
    "XDG_CACHE_HOME": "/cache",
    "NODE_EXTRA_CA_CERTS": "/ca.pem",
}
CONFIG = "module.exports = { port: 0, functions: { env: () => ({ ...process.env }) } }"


def test_the_usual_variables_are_passed_on_and_no_others() -> None:
    assert pick({**USUAL, **SECRETS}) == USUAL


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (["API_URL"], {"API_URL": "u"}),
        (["NOT_SET"], {}),
        (["PUBLIC_*"], {"PUBLIC_A": "a", "PUBLIC_B": "b"}),
        (["API_URL=other", "NEW="], {"API_URL": "other", "NEW": ""}),
        (["EQUATION=a=b"], {"EQUATION": "a=b"}),
        (["NODE_OPTIONS"], {"NODE_OPTIONS": "--x"}),
        (["NODE_CHANNEL_FD", "JS_HOST_TOKEN", "JS_HOST_TOKEN=mine"], {}),
    ],
)
def test_what_the_user_names_is_passed_on_too(wanted: list[str], more: dict[str, str]) -> None:
    ours = {**USUAL, **SECRETS, "API_URL": "u", "PUBLIC_A": "a", "PUBLIC_B": "b", "NODE_OPTIONS": "--x"}
    assert pick(ours, wanted) == {**USUAL, **more}


def test_a_star_passes_everything_on_but_what_is_only_for_us() -> None:
    everything = {**USUAL, **SECRETS}
    left_out = {"JS_HOST_TOKEN", "NODE_CHANNEL_FD"}
    assert set(everything) - set(pick(everything, ["*"])) == left_out
    assert withheld(everything, pick(everything, ["*"])) == []


def test_a_supervisor_that_is_told_no_environment_passes_on_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    assert "SECRET_KEY" not in worker_environment(None)
    assert worker_environment({"A": "1", "JS_HOST_TOKEN": "x"}) == {"A": "1"}


@pytest.mark.parametrize("wrong", ["API_URL", 1, True, [1], {"A": 1}, {1: "a"}])
def test_the_setting_takes_names_a_dict_or_a_star_and_shows_no_value(wrong: object) -> None:
    with pytest.raises(ConfigError, match="ENV must be "):
        Settings().configure(ENV=wrong)
    with pytest.raises(ConfigError) as caught:
        Settings().configure(ENV={"A": b"hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("managed", [False, True])
def test_no_secret_of_the_program_reaches_its_host(
    nothing_left: Any, monkeypatch: pytest.MonkeyPatch, managed: bool
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("API_URL", "http://api")
    host = JSHost(nothing_left.config(CONFIG), managed=managed, env=["API_URL"])
    host.start()
    try:
        env = host.function("env")()
    finally:
        host.stop()
    assert env["API_URL"] == "http://api"
    assert "PATH" in env
    assert not SECRETS.keys() & env.keys()
    assert "hunter2" not in str(env)


def test_no_secret_of_run_reaches_its_workers(run: Callable[..., Any]) -> None:
    host = run("--env", "API_URL", "--env", "GIVEN=here", config=CONFIG, API_URL="http://api", SECRET_KEY="hunter2")
    with JSHost(root_url=host.url) as known:
        env = known.function("env")()
    assert (env["API_URL"], env["GIVEN"]) == ("http://api", "here")
    assert "hunter2" not in str(env)


def test_the_config_is_read_in_the_same_environment(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    monkeypatch.setenv("API_URL", "http://api")
    path = nothing_left.config("module.exports = { seen: Object.values(process.env).join(), functions: { f () {} } }")
    seen = JSHost(path, env=["API_URL"]).get_config()["seen"]
    assert "http://api" in seen
    assert "hunter2" not in seen


def test_node_options_are_left_out_with_a_warning_that_says_how_to_pass_them_on(
    nothing_left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--require=/evil.js")
    with pytest.warns(HostWarning, match=r"NODE_OPTIONS.*ENV.*NODE_ARGS"), JSHost(nothing_left.config(CONFIG)) as host:
        assert "NODE_OPTIONS" not in host.function("env")()
    monkeypatch.setenv("NODE_OPTIONS", "--title=named")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with JSHost(nothing_left.config(CONFIG), env=["NODE_OPTIONS"]) as host:
            assert host.function("env")()["NODE_OPTIONS"] == "--title=named"


def test_an_error_that_speaks_of_a_variable_that_is_set_here_says_how_to_pass_it_on(
    nothing_left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", "http://api")
    path = nothing_left.config("if (!process.env.API_URL) throw new Error('API_URL is not set')")
    with pytest.raises(StartError, match=r'ENV=\["API_URL"\].*--env API_URL'), JSHost(path):
        pass


def test_only_names_that_are_set_and_not_passed_on_are_pointed_at() -> None:
    ours = {"API_URL": "u", "PATH": "/bin", "KEY": "k"}
    assert withheld_in("API_URL and PATH are wrong, and OTHER_URL", ours, pick(ours)) == ["API_URL"]


def test_programs_that_pass_on_other_variables_share_no_managed_host() -> None:
    keys = [host_key("a.js"), host_key("a.js", wanted_env=["A"]), host_key("a.js", wanted_env=["B"])]
    keys += [host_key("a.js", wanted_env=["A=1"]), host_key("a.js", wanted_env=["A=hunter2"])]
    assert len(set(keys)) == len(keys)
    assert host_key("a.js", wanted_env=["A", "B"]) == host_key("a.js", wanted_env=["B", "A"])
    assert "hunter2" not in keys[-1]
