"""What a verb prints: one JSON value, or tables for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from orchestration.text import all_printable, escaped

UNBOUNDED = 10_000


def emit(form: str, value: Any, columns: Sequence[str] = ()) -> None:
    """Print a value.

    Args:
        form: `json` or `table`.
        value: Any JSON value; for a listing a list of objects.
        columns: What a listing shows of each object, in this order.
    """
    if form == "json":
        click.echo(as_json(value))
        return
    value = all_printable(value)
    tables = import_module("orchestration.cli.tables")
    console = import_module("rich.console").Console(
        width=None if sys.stdout.isatty() else UNBOUNDED, markup=False, emoji=False
    )
    with console.capture() as captured:
        console.print(tables.listing(value, columns) if columns else tables.document(value))
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def as_json(value: Any) -> str:
    """JSON for programs."""
    return escaped(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def without(value: Any, keys: frozenset[str]) -> Any:
    """A JSON value without some keys, wherever they stand in it."""
    if isinstance(value, Mapping):
        return {key: without(each, keys) for key, each in value.items() if key not in keys}
    if isinstance(value, list):
        return [without(each, keys) for each in value]
    return value
