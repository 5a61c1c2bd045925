"""The table `counters`: what only ever grows, whatever becomes of the rows that were counted."""

import json
from collections.abc import Iterator

from orchestration.metrics import Cell, Metric, Tally
from orchestration.ports import Session

ADD = (
    "INSERT INTO counters (name, labels, part, value) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (name, labels, part) DO UPDATE SET value = counters.value + EXCLUDED.value"
)


def count(session: Session, metric: Metric, *labels: str) -> None:
    """Count something that is rare enough to be counted where it happens."""
    session.run(ADD, metric.name, json.dumps(labels), "", 1.0)


def add(session: Session, tally: Tally) -> None:
    """Write what was counted elsewhere."""
    for (name, labels, part), value in tally.cells.items():
        session.run(ADD, name, json.dumps(labels), part, value)


def everything(session: Session) -> Iterator[tuple[Cell, float]]:
    """Every counter, by name and labels."""
    rows = session.all("SELECT name, labels, part, value FROM counters ORDER BY name, labels")
    for name, labels, part, value in rows:
        yield (name, tuple(json.loads(labels)), part), value
