"""The tables of README.md, between its markers, and results.json."""

import json
import os
import re
from typing import Any

from .cases import CASES
from .paths import HERE
from .peers.table import PEERS
from .targets import Rounds, Verdict, medians, verdicts

README = os.path.join(HERE, "README.md")
RESULTS = os.path.join(HERE, "results.json")
MARKERS = re.compile(r"(<!-- results -->\n).*(<!-- /results -->)", re.DOTALL)
WHO = {name: peer.title for name, peer in PEERS.items()}
NONE, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
REACHED = {True: "yes", False: "**no**", None: "not measured"}

Medians = dict[str, dict[str, dict[str, Any]]]


def write(rounds: Rounds, facts: dict[str, Any]) -> None:
    """Keep a run: its figures as JSON, its tables in the README."""
    found = medians(rounds)
    judged = [verdict._asdict() | {"met": verdict.met} for verdict in verdicts(rounds)]
    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump({"facts": facts, "medians": found, "targets": judged}, file, indent=1, ensure_ascii=False)
        file.write("\n")
    with open(README, encoding="utf-8") as file:
        old = file.read()
    with open(README, "w", encoding="utf-8") as file:
        file.write(MARKERS.sub(lambda match: match[1] + tables(rounds, facts) + match[2], old))


def tables(rounds: Rounds, facts: dict[str, Any]) -> str:
    found = medians(rounds)
    parts = [
        ", ".join(f"{key} {value}" for key, value in facts.items() if key != "missing") + ".",
        targets_table(verdicts(rounds)),
        "Medians of the rounds, p50, µs:",
        calls_table(found),
        "How many times what we take (above 1: they are slower):",
        ratios_table(found),
        "Fresh processes:",
        starts_table(found),
        notes(found, facts.get("missing", {})),
    ]
    return "\n" + "\n\n".join(filter(None, parts)) + "\n\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def targets_table(judged: list[Verdict]) -> str:
    rows = [
        [each.case, each.title, f"{each.word} {each.limit:g}", number(each.ratio), REACHED[each.met]] for each in judged
    ]
    return table(["target", "ratio", "wanted", "is", "met"], rows)


def number(value: float | None) -> str:
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def measured(found: Medians) -> dict[str, str]:
    """Who took part, by title, in the table's order."""
    return {who: title for who, title in WHO.items() if any(who in figures for figures in found.values())}


def calls_table(found: Medians) -> str:
    shown = [case for case in CASES if case.name in found]
    columns = [(case.name, "p50", case.title) for case in shown]
    if "tiny" in found:
        columns.insert(1, ("tiny", "p99", "its p99"))
    rows = [
        [title, *(number(found[case].get(who, {}).get(figure)) for case, figure, _ in columns)]
        for who, title in measured(found).items()
    ]
    return table(["", *(title for _, _, title in columns)], rows)


def ratios_table(found: Medians) -> str:
    shown = [case for case in CASES if case.name in found]
    rows = [[title, *(times_ours(found[case.name], who) for case in shown)] for who, title in measured(found).items()]
    return table(["", *(case.title for case in shown)], rows)


def times_ours(figures: dict[str, dict[str, Any]], who: str) -> str:
    ours, theirs = figures.get("ours", {}).get("p50"), figures.get(who, {}).get("p50")
    return f"{number(theirs / ours)} {TIMES}" if ours and theirs else NONE


def starts_table(found: Medians) -> str:
    cold = found.get("cold", {})
    rows = [
        [WHO.get(who, who), *(number(each.get(figure)) for figure in ("ms", "python_mb", "node_mb"))]
        for who, each in cold.items()
    ]
    return table(["", "cold start to first result, ms", "Python, MB", "Node, MB"], rows)


def notes(found: Medians, missing: dict[str, str]) -> str:
    """Every dash that is not a choice has its reason here."""
    lines = [f"- not installed: {WHO.get(who, who)}: {why}" for who, why in missing.items()]
    for case, figures in found.items():
        for who, each in figures.items():
            if "error" in each:
                lines.append(f"- failed: {WHO.get(who, who)}, {case}: `{each['error'].strip().splitlines()[-1][:200]}`")
    return "\n".join(lines)
