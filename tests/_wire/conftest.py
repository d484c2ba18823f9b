"""The shared vectors, and equality to the last bit."""

from __future__ import annotations

import array
import json
import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from js_host._wire import quick, values

# Several builders and a real Node may share the machine: how long an example takes says nothing.
hypothesis.settings.register_profile("js_host", deadline=None, max_examples=60, database=None)
hypothesis.settings.load_profile("js_host")

DIRECTORY = Path(__file__).parents[1] / "vectors"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CODES = {"float32": "f", "int64": "q"}


def load_vectors(name: str) -> Any:
    """Read a file of vectors."""
    return json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))


def value_of(description: list[Any]) -> object:
    """The Python value that a vector describes. `array` is without its shape: see `numpy_of`."""
    kind, *rest = description
    return _BUILD[kind](*rest)


def attachments_of(vector: dict[str, Any]) -> list[bytes]:
    """The attachments of a vector, as bytes."""
    return [bytes.fromhex(part) for part in vector["attachments"]]


_BUILD: dict[str, Any] = {
    "null": lambda: None,
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes.fromhex,
    "list": lambda items: [value_of(item) for item in items],
    "dict": lambda pairs: {key: value_of(item) for key, item in pairs},
    "map": lambda pairs: {value_of(key): value_of(item) for key, item in pairs},
    "set": lambda items: {value_of(item) for item in items},
    "date": lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds),
    "array": lambda kind, shape, data: array.array(CODES[kind], bytes.fromhex(data)),
}


def same(a: object, b: object) -> bool:
    """Whether two values are the same to the last bit, and of the same types."""
    if type(a) is not type(b):
        return False
    compare = _COMPARE.get(type(a))
    return compare(a, b) if compare else a == b


def _same_dicts(a: dict[object, object], b: dict[object, object]) -> bool:
    return list(a) == list(b) and all(same(a[key], b[key]) for key in a)


def _same_lists(a: list[object], b: list[object]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def _same_floats(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def _same_arrays(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _same_sets(a: set[object], b: set[object]) -> bool:
    return sorted(map(repr, a)) == sorted(map(repr, b))


_COMPARE: dict[type, Callable[..., bool]] = {
    dict: _same_dicts,
    list: _same_lists,
    float: _same_floats,
    np.ndarray: _same_arrays,
    set: _same_sets,
}


VECTORS = {
    "good_frame": lambda: load_vectors("frames")["good"],
    "bad_frame": lambda: load_vectors("frames")["bad"],
    "value_vector": lambda: load_vectors("values")["values"],
    "program_vector": lambda: load_vectors("values")["program"],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a vector with each of them."""
    for name, read in VECTORS.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, read(), ids=lambda vector: vector["title"])


@pytest.fixture(scope="session", name="same")
def same_fixture() -> Callable[[object, object], bool]:
    """Give `same`."""
    return same


@pytest.fixture(scope="session", name="value_of")
def value_of_fixture() -> Callable[[list[Any]], object]:
    """Give `value_of`."""
    return value_of


@pytest.fixture(scope="session", name="attachments_of")
def attachments_of_fixture() -> Callable[[dict[str, Any]], list[bytes]]:
    """Give `attachments_of`."""
    return attachments_of


@pytest.fixture
def without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it seem that the program has not imported numpy."""
    monkeypatch.delitem(sys.modules, "numpy")


#: Who encodes: for a program's first values the standard library, then orjson, or msgspec where that is not installed.
ENCODERS = {"at first": values._encode_at_first, "orjson": quick._orjson_encoder(), "msgspec": quick._encode_checked}


def use_encoder(patch: pytest.MonkeyPatch, name: str) -> None:
    """Have values encoded, and decoded, as a program does at first, or later."""
    at_first = name == "at first"
    patch.setattr(values, "encode_plain", ENCODERS[name])
    patch.setattr(values, "decode_quickly", values._decode_at_first if at_first else quick.decode)
    patch.setattr(values, "refusals", (ValueError, RecursionError) if at_first else quick.REFUSALS)
    patch.setattr(values, "_number", count())


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with each encoder."""
    use_encoder(monkeypatch, request.param)
