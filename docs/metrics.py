"""Writes the table of `docs/metrics.md` from the catalogue in `orchestration.metrics`."""

import re
from pathlib import Path

from orchestration.metrics import CATALOGUE, Metric

PAGE = Path(__file__).with_name("metrics.md")
TABLE = re.compile(r"\| metric \|.*?\n\n", re.DOTALL)


def page() -> str:
    """The page as it is, with the table of today."""
    return TABLE.sub(lambda _: table(), PAGE.read_text("utf-8"), count=1)


def table() -> str:
    """Every metric, in the order in which it is told."""
    rows = ["| metric | kind | by | what it tells |", "|---|---|---|---|", *map(row, CATALOGUE)]
    return "\n".join(rows) + "\n\n"


def row(metric: Metric) -> str:
    """One metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels) or ""
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
