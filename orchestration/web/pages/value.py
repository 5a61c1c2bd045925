"""A JSON value as people read it: lists of facts, tables and texts, never too much at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_ROWS = 40
MOST_COLUMNS = 12
MOST_FACTS = 60
MOST_DEPTH = 5
LONGEST_TEXT = 2_000
LONGEST_CELL = 200


@dataclass(frozen=True, slots=True)
class Text:
    """A single value; `kind` is `text`, `number` or `nothing`."""

    text: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Objects that are alike, one a row; each cell is a value of its own."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values; `long` says which are better folded away."""

    facts: tuple[tuple[str, "Shown", bool], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Items:
    """Values one after the other."""

    items: tuple["Shown", ...]
    left_out: int


Shown = Text | Table | Facts | Items


def shown(value: Any, depth: int = 0) -> Shown:
    """A value; items that are too many are left out and counted."""
    if isinstance(value, Mapping) and value and depth < MOST_DEPTH:
        return facts_of(value, depth)
    if isinstance(value, list) and value and depth < MOST_DEPTH:
        return list_of(value, depth)
    return cell(value, LONGEST_TEXT)


def facts_of(value: Mapping[str, Any], depth: int) -> Shown:
    """An object: a table if all its values are objects that are alike."""
    if len(value) > 1 and are_alike(list(value.values())):
        return table_of([{"": name, **each} for name, each in value.items()])
    facts = [(str(name), shown(each, depth + 1)) for name, each in list(value.items())[:MOST_FACTS]]
    return Facts(
        tuple((name, each, is_long(each, depth)) for name, each in facts), len(value) - len(facts)
    )


def list_of(value: Sequence[Any], depth: int) -> Shown:
    """A list: a table if its items are objects that are alike, one line if they are short."""
    if are_alike(value):
        return table_of(value)
    if all(not isinstance(each, Mapping | list) for each in value) and len(value) <= MOST_ROWS:
        return Text(", ".join(cell(each, LONGEST_CELL).text for each in value))
    items = tuple(shown(each, depth + 1) for each in value[:MOST_ROWS])
    return Items(items, len(value) - len(items))


def are_alike(values: Sequence[Any]) -> bool:
    """Whether all are objects with nearly the same, short fields."""
    if not all(isinstance(each, Mapping) and each for each in values):
        return False
    names = {name for each in values[:MOST_ROWS] for name in each}
    fewest = min(len(each) for each in values[:MOST_ROWS])
    nested = any(
        isinstance(v, Mapping | list) and v for e in values[:MOST_ROWS] for v in e.values()
    )
    return len(names) <= min(MOST_COLUMNS, fewest + 2) and not nested


def table_of(values: Sequence[Mapping[str, Any]]) -> Table:
    """Objects as the rows of a table."""
    some = values[:MOST_ROWS]
    columns = tuple(dict.fromkeys(str(name) for each in some for name in each))
    rows = tuple(tuple(cell(each.get(n), LONGEST_CELL) for n in columns) for each in some)
    return Table(columns, rows, len(values) - len(some))


def cell(value: Any, longest: int) -> Text:
    """A single value, or a short word for a nested one."""
    match value:
        case None:
            return Text("—", "nothing")
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}", "number")
        case float():
            return Text(f"{value:,.6g}", "number")
        case str():
            text = value
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return Text(text if len(text) <= longest else f"{text[:longest]}…")


def is_long(value: Shown, depth: int) -> bool:
    """Whether a value, at this depth in another one, is better folded away at first."""
    match value:
        case Facts() | Items() if depth > 0:
            return True
        case Table():
            return len(value.rows) > 8  # noqa: PLR2004 - what fits beside its neighbours
        case Items():
            return True
        case Facts():
            return len(value.facts) > 8  # noqa: PLR2004 - as above
        case Text():
            return len(value.text) > 400  # noqa: PLR2004 - as above
