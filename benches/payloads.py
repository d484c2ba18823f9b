"""The data of the cases: made by arithmetic, so that every process makes the same."""

import importlib.util
import json
import os
from typing import Any

from .paths import REACT


def record(number: int) -> dict[str, Any]:
    """One of the records that the JSON payloads are lists of, about 150 bytes."""
    return {
        "id": number,
        "name": f"Prodúct {number} 茶",
        "price": number * 7919 % 99_991 / 100,
        "tags": ["new", "sale", f"t{number % 97}"],
        "active": number % 3 == 0,
        "parent": None if number % 5 else {"id": number // 5, "name": "group"},
    }


def records(size: int) -> list[dict[str, Any]]:
    """As many records as make `size` bytes of JSON, nearly."""
    sample = [record(number) for number in range(100_000, 100_050)]
    return [record(number) for number in range(size * len(sample) // len(compact(sample)))]


def blob(size: int) -> bytes:
    return bytes(range(250)) * (size // 250)


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def page_props() -> dict[str, Any]:
    """What examples/react_ssr gives its page."""
    spec = importlib.util.spec_from_file_location("catalogue", os.path.join(REACT, "catalogue.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    props: dict[str, Any] = module.catalogue()
    return props
