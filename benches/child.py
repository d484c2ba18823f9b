"""A process that holds one peer and measures what it is asked for: `python -m benches.child MODULE`.

Asked by lines of JSON on stdin, {"case", "seconds"}; answers with lines on what was stdout. Whatever a peer prints
goes to stderr.
"""

import json
import os
import sys
import traceback
from typing import Any

from .cases import BY_NAME
from .measure import summary, times
from .paths import ROOT
from .peers.modules import load

WARM_UP = 0.1


def check(case_function: str, value: Any, result: Any) -> None:
    """A peer that answers quickly but wrongly is not measured."""
    if case_function == "hello":
        assert result == f"Hello, {value}!", result
    elif case_function == "renderPage":
        assert result.count("<tr ") == len(value["products"]), result[:500]
    else:
        assert result == value, "the echo is not what was sent"


def run(peer: Any, name: str, seconds: float) -> dict[str, Any]:
    case = BY_NAME[name]
    if hasattr(peer, "measure"):
        measured: dict[str, Any] = peer.measure(case, seconds)
        return measured
    value = case.value()
    call = peer.function(case.function)
    check(case.function, value, call(value))
    if not case.large:
        times(call, value, min(seconds, WARM_UP))
    return summary(times(call, value, seconds, case.gap))


def answer(peer: Any, line: str) -> dict[str, Any]:
    asked = json.loads(line)
    try:
        return run(peer, asked["case"], asked["seconds"])
    except Exception:
        return {"error": traceback.format_exc(limit=-3).replace(ROOT + os.sep, "")}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = load(sys.argv[1]).start()
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        print(json.dumps(answer(peer, line)), file=answers)
    peer.close()
    answers.flush()
    os._exit(0)  # some engines hang in their own finalisers


if __name__ == "__main__":
    main()
