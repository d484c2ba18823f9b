"""What a pickled function or host is where it lands."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import AsyncFunction, AsyncJSHost, Function, JSHost
from js_host._homes import landing
from js_host.conf import settings
from js_host.exceptions import ConfigError, FunctionError, FunctionTimeout, WorkerDied


class Refused(Exception):
    """What `Fail` raises."""


class Fail(Function):  # type: ignore[type-arg]
    """A function as a class."""

    name = "fail"
    timeout = 3
    exception_cls = Refused


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Send something through a pickle to "another process": one in which nothing has landed yet."""
    landed: dict[Any, JSHost] = {}

    def send(thing: Any) -> Any:
        data = pickle.dumps(thing)
        with monkeypatch.context() as patch:
            patch.setattr(landing, "_hosts", landed)
            return pickle.loads(data)

    yield send
    for host in landed.values():
        host.close()


def test_a_function_keeps_its_options(elsewhere: Any) -> None:
    function = Function("shout", timeout=2.5, exception_cls=Refused, returns=dict[str, str])
    function = function.with_options(key="seven")
    there = elsewhere(function)
    assert (there.name, there.get_name(), there.timeout, there.exception_cls, there.returns, there._key) == (
        *("shout", "shout", 2.5, Refused, dict[str, str]),
        function._key,
    )
    assert there.host is None


def test_a_function_of_a_host_of_the_programs_own_starts_one_where_it_lands(config: Path, elsewhere: Any) -> None:
    with JSHost(config) as host:
        where = host.function("where")
        there = elsewhere(where)
        assert there.host is not host
        assert not there.host.is_running()
        assert there()["node"] != where()["node"]
        assert there.host.is_running()
    assert there()["node"]


def test_a_function_decodes_into_its_type_where_it_lands(config: Path, elsewhere: Any) -> None:
    with JSHost(config) as host:
        function = host.function("shout", returns=dict[str, str])
        assert function("a") == {"text": "A"}
        assert elsewhere(function)("b") == {"text": "B"}


def test_a_subclass_lands_with_its_attributes(config: Path, elsewhere: Any) -> None:
    with JSHost(config) as host:
        there = elsewhere(Fail(host=host))
    assert type(there) is Fail
    with pytest.raises(Refused, match="no bread"):
        there("bread")


def test_functions_that_land_share_one_host_for_each_configuration(config: Path, elsewhere: Any) -> None:
    one, same, other = JSHost(config, owned=True), JSHost(str(config), owned=True), JSHost(config, workers=2)
    landed = [elsewhere(Function("double", host)).host for host in (one, one, same, other)]
    assert landed[0] is landed[1] is landed[2]
    assert landed[3] is not landed[0]


def test_a_pickle_that_comes_back_has_the_host_that_it_left_with(config: Path) -> None:
    with JSHost(config) as host:
        assert pickle.loads(pickle.dumps(host)) is host
        assert pickle.loads(pickle.dumps(host.function("double"))).host is host
    assert pickle.loads(pickle.dumps(host)) is not host  # it was stopped


def test_a_host_that_was_stopped_is_replaced_for_what_lands_later(config: Path, elsewhere: Any) -> None:
    function = Function("double", JSHost(config, owned=True))
    first = elsewhere(function)
    assert first(2) == 4
    first.host.close()
    later = elsewhere(function)
    assert later.host is not first.host
    assert later(3) == 6


def test_a_host_at_an_address_is_connected_to_where_it_lands(config: Path, elsewhere: Any) -> None:
    with JSHost(config) as host, JSHost(root_url=host.get_url()) as client:
        there = elsewhere(client.function("where"))
        assert there()["node"] == host.function("where")()["node"]
        assert there.host.get_url() == host.get_url()
        there.host.close()


def test_the_way_in_to_a_host_at_an_address_travels(elsewhere: Any) -> None:
    there = elsewhere(JSHost(root_url="https://js.internal", token_file="/secret/token", tls_ca="/etc/ca.pem"))
    assert there._access == (None, "/secret/token", "/etc/ca.pem", None, None)


def test_the_files_of_the_way_in_are_the_same_wherever_it_is_pickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    host = JSHost(root_url="https://js.internal", token_file="token", tls_ca=Path("ca.pem"))
    monkeypatch.chdir("/")
    assert elsewhere(host)._access[1:3] == (str(tmp_path / "token"), str(tmp_path / "ca.pem"))


def test_a_managed_host_is_managed_where_it_lands(config: Path, elsewhere: Any) -> None:
    there = elsewhere(JSHost(config, managed=True, workers=2))
    assert there.manager is not None
    assert there._given["workers"] == 2


def test_a_host_whose_config_file_was_given_relatively_means_the_same_file(
    config: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Any
) -> None:
    monkeypatch.chdir(config.parent)
    host = JSHost(config.name, owned=True)
    monkeypatch.chdir("/")
    assert elsewhere(host).config_file == str(config)


def test_the_default_host_is_the_default_host_where_it_lands(
    config: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Any
) -> None:
    import js_host.host

    monkeypatch.delitem(vars(js_host.host), "host", raising=False)
    monkeypatch.setattr(settings, "CONFIG_FILE", str(config))
    function = Function("double")
    here = function.get_host()
    data = pickle.dumps(function)
    monkeypatch.delitem(vars(js_host.host), "host")
    there = pickle.loads(data)
    assert there.host is js_host.host.host is not here
    assert not there.host._owned
    with here:  # the program's own from now on
        monkeypatch.setitem(vars(js_host.host), "host", here)
        data = pickle.dumps(function)
    monkeypatch.delitem(vars(js_host.host), "host")
    there = pickle.loads(data)
    assert there(4) == 8
    there.host.close()


def test_a_copy_of_a_function_has_the_same_host(config: Path) -> None:
    with JSHost(config) as host:
        function = Function("shout", host, returns=dict[str, str])
        function("a")
        for made in (copy.copy(function), copy.deepcopy(function), copy.deepcopy([function])[0]):
            assert made is not function
            assert made.host is host
            assert made("b") == {"text": "B"}
    assert copy.copy(host) is copy.deepcopy(host) is host


def test_a_copy_of_a_function_keeps_the_decoder_that_was_made(config: Path) -> None:
    function = Function("shout", JSHost(config), returns=dict[str, str])
    function._decoder()
    assert function.with_options(key=1)._decode is function._decode is not None


async def _call(function: Any) -> tuple[Any, Any]:
    return await function(4), await function.host.close()


def test_async_functions_and_hosts_travel_alike(config: Path, elsewhere: Any) -> None:
    import asyncio

    host = AsyncJSHost(config, owned=True)
    there = elsewhere(host.function("double"))
    assert type(there) is AsyncFunction
    assert type(there.host) is AsyncJSHost
    assert there.host is not host
    assert elsewhere(host)._host is there.host._host
    assert copy.deepcopy(host.function("double")).host is host
    assert asyncio.run(_call(there)) == (8, None)


def test_threads_that_race_at_the_first_landing_and_the_first_call_start_one_host(config: Path, elsewhere: Any) -> None:
    data = Function("where", JSHost(config, owned=True))
    start, found = threading.Barrier(16), []

    def land() -> None:
        start.wait(20)
        found.append(elsewhere(data)()["node"])

    threads = [threading.Thread(target=land) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 16
    assert len(set(found)) == 1


def test_an_owned_host_starts_with_its_first_call(config: Path, nothing_left: Any) -> None:
    host = JSHost(config, owned=True)
    assert not host.is_running()
    assert nothing_left.processes() == []
    host.stop()
    assert host.function("double")(2) == 4
    assert host.is_running()
    host.stop()
    with pytest.raises(ConnectionError, match="was stopped"):
        host.function("double")(2)
    with host:
        assert host.function("double")(2) == 4


@pytest.mark.parametrize("other", [{"managed": True}, {"root_url": "http://127.0.0.1:9"}])
def test_an_owned_host_is_neither_managed_nor_elsewhere(other: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="one of these"):
        JSHost("host.config.js", owned=True, **other)


def test_cloudpickle_takes_a_subclass_of_a_notebook_along(config: Path, python: Any) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    with JSHost(config) as host:

        class Page(Function):  # type: ignore[type-arg]
            name = "page"

        Page.__module__ = "__main__"
        Page.host = host
        data = cloudpickle.dumps(Page(timeout=20))
    (config.parent / "page.pickle").write_bytes(data)
    assert "<h1>7</h1>" in python("import pickle; print(pickle.load(open('page.pickle', 'rb'))(7))")


def error_of(call: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        call()
    return caught.value


def test_errors_travel_with_all_that_they_say(config: Path) -> None:
    with JSHost(config) as host:
        error = error_of(lambda: host.function("fail")("bread"))
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is FunctionError
    assert (there.name, there.message, there.fields) == ("RangeError", "no bread", {"code": "E_NO"})
    assert str(there) == str(error)
    for error in (FunctionTimeout("late", stack="at f", maybe_executed=False), WorkerDied("dead")):
        there = pickle.loads(pickle.dumps(error))
        assert (str(there), vars(there), there.maybe_executed) == (str(error), vars(error), error.maybe_executed)
