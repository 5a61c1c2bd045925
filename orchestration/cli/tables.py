"""Any JSON value as tables that people can read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestration.text import counted

COLOURS = {
    "completed": "green", "running": "cyan", "failed": "red", "cancelled": "red",
    "waiting": "yellow", "paused": "yellow", "undoing": "yellow", "alive": "green", "dead": "red",
    "silent": "red",
}  # fmt: skip
INDENT = 2
MOST_IN_LINE = 12
LARGE = 1_000
WIDEST = 60
UNBROKEN = frozenset({"id", "workflow", "run", "run id", "last run"})  # people copy these
NOTHING = "-"
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)[.\d]*\+00:00")


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> RenderableType:
    """A table of objects, one a line."""
    if not rows:
        return Text("nothing to show", style="dim")
    table = plain_table([column.replace("_", " ") for column in columns])
    for row in rows:
        table.add_row(*(in_column(column, row.get(column)) for column in columns))
    return table


def in_column(column: str, value: Any) -> Text:
    """A value in a listing: progress in percent, any other value as `cell` has it."""
    return Text(f"{value:.0%}") if column == "progress" else cell(value)


def document(value: Any) -> RenderableType:
    """A JSON value: simple fields first, then nested values, each under its name."""
    if isinstance(value, Mapping):
        return fields(value)
    if is_listing(value):
        return listing(value, list(value[0]))
    if isinstance(value, list) and not all(map(is_simple, value)):
        return Group(*(document(each) for each in value))
    return cell(value)


def fields(value: Mapping[str, Any]) -> RenderableType:
    """An object."""
    if (matrix := as_matrix(value)) is not None:
        return matrix
    parts: list[RenderableType] = []
    simple = {key: each for key, each in value.items() if is_simple(each)}
    if simple:
        grid = Table.grid(padding=(0, 2))
        for key, each in simple.items():
            grid.add_row(Text(key, style="dim"), cell(each))
        parts.append(grid)
    for key, each in value.items():
        if key not in simple:
            parts += [
                Text(key, style="bold"),
                Padding(document(each), (0, 0, 0, INDENT), expand=False),
            ]
    return Group(*parts)


def as_matrix(value: Mapping[str, Any]) -> Table | None:
    """Objects with the same keys side by side: a line for each key, a column for each object.

    Nested values stand under their names; the plain fields come last, where they stay on screen.
    """
    if len(value) < 1 or not all(isinstance(each, Mapping) and each for each in value.values()):
        return None
    if len({tuple(sorted(each)) for each in value.values()}) > 1:
        return None
    flat = {name: flatten(each) for name, each in value.items()}
    groups: dict[str, dict[str, None]] = {}
    for line in dict.fromkeys(key for each in flat.values() for key in each):
        parent, _, name = line.rpartition(".")
        groups.setdefault(parent, {})[name] = None
    table = plain_table(["", *flat])
    for parent in sorted(groups, key=lambda each: each == ""):
        if parent:
            table.add_row(Text(parent.replace(".", " · "), style="bold"))
        for name in groups[parent]:
            line = f"{parent}.{name}" if parent else name
            shown = Text(" " * INDENT * bool(parent) + name, style="dim")
            table.add_row(shown, *(cell(each.get(line)) for each in flat.values()))
    return table


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, each in value.items():
        if isinstance(each, Mapping) and each:
            flat.update(flatten(each, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = each
    return flat


def is_simple(value: Any) -> bool:
    """Whether a value fits into one line."""
    if isinstance(value, list):
        return all(isinstance(each, str | int | float | None) for each in value)
    return not isinstance(value, Mapping) or not value


def is_listing(value: Any) -> bool:
    """Whether a value is a list of flat objects with the same keys."""
    if not isinstance(value, list) or not value:
        return False
    rows = [each for each in value if isinstance(each, Mapping) and each]
    same = len(rows) == len(value) and len({tuple(row) for row in rows}) == 1
    return same and all(is_simple(each) for row in rows for each in row.values())


def cell(value: Any) -> Text:
    """A value in one line."""
    match value:
        case _ if value in (None, [], {}):
            return Text(NOTHING, style="dim")
        case bool():
            return Text("yes" if value else "no")
        case int() | float():
            return Text(number(value))
        case list() if all(map(is_simple, value)):
            more = f" … {len(value)} in all" if len(value) > MOST_IN_LINE else ""
            return Text(", ".join(cell(each).plain for each in value[:MOST_IN_LINE]) + more)
        case list() | Mapping():
            return Text(counted(len(value), "entry", "entries"), style="dim")
        case _:
            return Text(words(str(value)), style=COLOURS.get(str(value), ""))


def words(text: str) -> str:
    """A text in one line; an ISO moment without its fraction and its zone, which is UTC."""
    if moment := MOMENT.fullmatch(text):
        return f"{moment[1]} {moment[2]}"
    return " ".join(text.split())


def number(value: float) -> str:
    """A number with the digits that matter."""
    if isinstance(value, int):
        return str(value)
    return f"{value:,.2f}" if abs(value) >= LARGE else f"{value:.4g}"


def plain_table(columns: Sequence[str]) -> Table:
    """An empty table without lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", max_width=WIDEST, no_wrap=column in UNBROKEN)
    return table
