"""The targets, as ratios within one round: a drift of the machine from round to round cancels out."""

import statistics
from typing import Any, NamedTuple

NOISE = 1.05
"""How far two runs of the same thing lie apart: "never slower" is held to this."""

Rounds = dict[str, dict[str, list[dict[str, float]]]]
"""case → who → one summary a round."""


class Target(NamedTuple):
    """`case`: what `over` takes divided by what `under` takes is at most (or at least) `limit`."""

    case: str
    over: str
    under: str
    word: str
    limit: float
    figure: str = "p50"

    @property
    def title(self) -> str:
        of = "" if self.figure == "p50" else f" ({self.figure})"
        return f"{self.over} / {self.under}{of}"


BRIDGES = ("http", "original", "jspybridge", "pyexecjs", "mini-racer")
ALL_PEERS = (*BRIDGES, "pythonmonkey")

TARGETS = [
    Target("tiny", "ours", "prototype", "≤", 1.5),
    Target("tiny", "original", "ours", "≥", 80),
    *(Target("tiny", peer, "ours", "≥", 12) for peer in ("mini-racer", "jspybridge", "http")),
    Target("tiny_gap", "ours", "ours-nospin", "≤", NOISE),
    *(
        Target(f"tiny_hog{count}", "ours", "ours-nospin", "≤", NOISE, figure)
        for count in (1, 2)
        for figure in ("p50", "mean")
    ),
    *(Target(f"json_{size}", "ours", "prototype", "≤", 1.15) for size in ("10k", "1m", "10m")),
    *(Target("json_10k", "ours", peer, "≤", 1) for peer in BRIDGES),
    *(Target(f"json_{size}", "ours", peer, "≤", 1) for size in ("1m", "10m") for peer in ALL_PEERS),
    *(Target(f"bytes_{size}", "ours", "prototype", "≤", 1.15) for size in ("1m", "50m")),
    Target("react", "ours", "codec", "≤", 1.05),
    Target("cold", "ours", "bare starts", "≤", 1.5, "ms"),
]
IMPORTS = ("import js_host", "from js_host import JSHost")
"""The names are loaded when they are first used: the second is what a program pays."""
IMPORT_LIMIT_MS = 15.0


class Verdict(NamedTuple):
    """A target and what came of it; `ratio` is None where one side has no figure."""

    case: str
    title: str
    word: str
    limit: float
    ratio: float | None

    @property
    def met(self) -> bool | None:
        if self.ratio is None:
            return None
        return self.ratio <= self.limit if self.word == "≤" else self.ratio >= self.limit


def ratio(rounds: Rounds, target: Target) -> float | None:
    """The median of the rounds' ratios."""
    figures = rounds.get(target.case, {})
    pairs = zip(figures.get(target.over, []), figures.get(target.under, []), strict=False)
    ratios = [over[target.figure] / under[target.figure] for over, under in pairs if not {"error"} & {*over, *under}]
    return statistics.median(ratios) if ratios else None


def verdicts(rounds: Rounds) -> list[Verdict]:
    judged = [Verdict(each.case, each.title, each.word, each.limit, ratio(rounds, each)) for each in TARGETS]
    for statement, figures in rounds.get("import", {}).items():
        took = statistics.median(each["ms"] for each in figures)
        judged.append(Verdict(f"`{statement}`", "ms over bare Python", "≤", IMPORT_LIMIT_MS, took))
    return judged


def medians(rounds: Rounds) -> dict[str, dict[str, dict[str, Any]]]:
    """case → who → the median of each figure, or the last error."""
    return {case: {who: middle(each) for who, each in figures.items()} for case, figures in rounds.items()}


def middle(summaries: list[dict[str, float]]) -> dict[str, Any]:
    errors = [each["error"] for each in summaries if "error" in each]
    if errors:
        return {"error": errors[-1]}
    return {figure: statistics.median(each[figure] for each in summaries) for figure in summaries[0]}
