"""The benches still run: one quick round of the floor, the prototype, one peer and ourselves."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_quick_run_measures_everyone_and_fails_at_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "benches" / "run.py", "--quick"], capture_output=True, text=True, timeout=100
    )
    assert ended.returncode == 0, ended.stderr
    assert "failed" not in ended.stdout, ended.stdout
    ours = next(line for line in ended.stdout.splitlines() if line.startswith("| js_host |"))
    tiny_call = ours.split("|")[2]
    assert float(tiny_call.replace(",", "")) > 0


def test_every_target_names_a_case_and_peers_that_exist() -> None:
    program = """
from benches.cases import BY_NAME
from benches.peers.table import PEERS
from benches.targets import TARGETS
assert {target.case for target in TARGETS} <= {*BY_NAME, "cold"}
assert {name for target in TARGETS for name in (target.over, target.under)} <= {*PEERS, "bare starts"}
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)
