"""The table `counters`: counts that only grow, though the counted rows may be deleted."""

import json
from collections.abc import Iterator

from orchestration.metrics import Cell, Metric, Tally
from orchestration.ports import Session

ADD = (
    "INSERT INTO counters (name, labels, part, value) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (name, labels, part) DO UPDATE SET value = counters.value + EXCLUDED.value"
)


def count(session: Session, metric: Metric, *labels: str) -> None:
    """Add one to a counter: for events that are rare enough to be counted where they happen."""
    session.run(ADD, metric.name, json.dumps(labels), "", 1.0)


def add(session: Session, tally: Tally) -> None:
    """Add a tally, counted elsewhere, to the counters."""
    for (name, labels, part), value in tally.cells.items():
        session.run(ADD, name, json.dumps(labels), part, value)


def everything(session: Session) -> Iterator[tuple[Cell, float]]:
    """Every counter, by name and labels."""
    rows = session.all("SELECT name, labels, part, value FROM counters ORDER BY name, labels")
    for name, labels, part, value in rows:
        yield (name, tuple(json.loads(labels)), part), value
