"""The report of a chaos run: what witness and clients say of it, in figures."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.chaos.customers import Customers
from tests.acceptance.chaos.plan import Ledger, Plan
from tests.acceptance.checker import Comeback, comebacks, complaints
from tests.acceptance.witness import START, TOLD, Line, Witness


def verdict(witness: Witness, ledger: Ledger, customers: Customers, plan: Plan) -> dict[str, Any]:
    """How many orders were tried, accepted, told, lost and doubled; how soon work went on."""
    lines = witness.lines()
    told = Counter(line.run for line in lines if line.what == TOLD)
    return {
        "attempted": customers.attempted,
        "acknowledged": len(customers.promises),
        "ended as promised": len(told),
        "lost or stuck": len(customers.promises.keys() - told.keys()),
        "doubled endings": sum(times > 1 for times in told.values()),
        "attempts begun": sum(line.what == START for line in lines),
        "complaints": complaints(lines, customers.promises),
        "problems": [repr(each) for each in customers.problems],
        "hits": ledger.kills,
        "hits by kind": dict(ledger.hits),
        "what victims held": dict(ledger.held),
        "other faults": dict(ledger.others),
        "take-over": take_over(lines, ledger),
        "up to at work again": up_to_work(lines, ledger),
        "seed": plan.seed,
    }


def take_over(lines: Sequence[Line], ledger: Ledger) -> dict[str, dict[str, float]]:
    """The time from a fault to the next start of each branch that it cut off, by kind.

    Branches that were cut off while a server or the store was away, too, are counted apart.
    """
    kinds: dict[str, list[float]] = defaultdict(list)
    for each in comebacks(lines):
        beside = ledger.was_out(each.killed_at, each.killed_at + each.after_s)
        kinds[each.kind + (", beside an outage" if beside else "")].append(each.after_s)
        if is_sudden(each) and not beside:
            kinds["all killed"].append(each.after_s)
    return {kind: spread(seconds) for kind, seconds in sorted(kinds.items())}


def is_sudden(comeback: Comeback) -> bool:
    """Whether the process of an attempt was killed, and not stopped."""
    return "stopped" not in comeback.kind


def up_to_work(lines: Sequence[Line], ledger: Ledger) -> dict[str, dict[str, float]]:
    """The time from the end of an outage to the next start of an attempt, by kind of outage."""
    starts = [line.at for line in lines if line.what == START]
    kinds: dict[str, list[float]] = defaultdict(list)
    for _, up, what in ledger.outages:
        if later := [at - up for at in starts if at > up]:
            kinds[what].append(min(later))
    return {kind: spread(seconds) for kind, seconds in sorted(kinds.items())}


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Count, median, 95th percentile and maximum."""
    found = sorted(seconds)
    at = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    ranks = {name: max(math.ceil(share * len(found)), 1) - 1 for name, share in at.items()}
    return {"count": len(found)} | {name: round(found[at], 2) for name, at in ranks.items()}


def keep(report: dict[str, Any], path: str | None) -> None:
    """Print the report; and keep it as one more line of a file, if one is named."""
    text = json.dumps(report)
    print(f"\nchaos: {text}")  # noqa: T201 - the run's figures
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
