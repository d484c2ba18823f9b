"""Look at this machine: which Node, why that one, what is wrong and how to put it right.

Exit code 1 if something is broken.
"""

from __future__ import annotations

from .common import add_json_argument, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..doctor import Finding

HELP = "say which Node is found, and what is wrong on this machine"

MARKS = {"good": "ok  ", "warning": "warn", "broken": "FAIL"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", metavar="CONFIG", help="config file to look at (default: host.config.js)")
    parser.add_argument("--security", action="store_true", help="look at who could get at a host, and at its secrets")
    add_json_argument(parser)


def main(arguments: Namespace) -> int:
    from ..doctor import BROKEN, examine
    from .doctor_security import examine_security

    findings = (examine_security if arguments.security else examine)(arguments.config)
    broken = any(finding.state == BROKEN for finding in findings)
    if arguments.json:
        write_json({"ok": not broken, "findings": [finding._asdict() for finding in findings]})
    else:
        print("\n".join(line for finding in findings for line in lines_of(finding)))
    return int(broken)


def lines_of(finding: Finding) -> list[str]:
    """`ok   node  Node 24 at ...`; further lines are indented to the first."""
    first, *more = [*finding.text.splitlines(), *([f"-> {finding.fix}"] if finding.fix else [])]
    return [f"{MARKS[finding.state]} {finding.about:12} {first}", *((" " * 18 + line).rstrip() for line in more)]
