"""Fuzz what Python reads, led by coverage: `fuzz.py SECONDS`. Needs atheris; without it, inputs are mutated blindly.

What reaches new code is kept in tests/faults/corpus/python, and tried by every test run. A finding ends the run:
its input is written to the current directory.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus" / "python"
VECTORS = HERE.parents[1] / "vectors" / "frames.json"
LONGEST = 4096


def with_atheris(seconds: int) -> None:
    """Led by coverage. Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["js_host._wire", "targets", "json"]):
        import targets
    begin = tempfile.mkdtemp(prefix="js-host-fuzz-")
    for data in targets.seeds(str(VECTORS)):
        (Path(begin) / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        "-timeout=10",
        "-rss_limit_mb=2000",
        "-reduce_inputs=1",
    ]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(CORPUS), begin], targets.fuzz)
    atheris.Fuzz()


def blindly(seconds: int) -> None:
    """By mutation alone."""
    import targets

    corpus = [*targets.seeds(str(VECTORS)), *(file.read_bytes() for file in CORPUS.iterdir())]
    give_up_at, count = time.monotonic() + seconds, 0
    while time.monotonic() < give_up_at:
        data = bytearray(random.choice(corpus))
        for _ in range(random.randrange(1, 8)):
            data[random.randrange(len(data))] = random.choice([0, 1, 127, 128, 255, random.randrange(256)])
        try:
            targets.fuzz(bytes(data))
        except BaseException:
            Path("crash-python").write_bytes(data)
            raise
        count += 1
    print(f"{count} inputs, no finding; atheris is not installed, so nothing led them")


def main(seconds: int) -> None:
    """Fuzz for so long."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        blindly(seconds)
    else:
        with_atheris(seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
