"""Makes foreign texts fit for a terminal: they move no cursor, ring no bell, and hide nothing."""

import re
from collections.abc import Mapping
from typing import Any

STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
SHOWN_AS = "\N{REPLACEMENT CHARACTER}"


def adding(name: str) -> str:
    """How an extra is added. No index has the package, but pip finds the one that is installed."""
    return (
        f"install the extra {name}: pip install 'fleet-orchestration[{name}]',"
        f" in a clone pip install -e '.[{name}]'"
    )


def counted(number: int, noun: str, several: str = "") -> str:
    """A number and what it counts: `1 step`, `2 steps`; `several` is a plural that takes no s."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"


def printable(text: str) -> str:
    """A text with a mark in place of each character that would control the terminal.

    Line breaks and tabs stay; characters that change the direction of writing do not.
    """
    return STEERING.sub(SHOWN_AS, text)


def all_printable(value: Any) -> Any:
    """A JSON value with every text in it `printable`, names included."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(name)): all_printable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [all_printable(each) for each in value]
    return value


def escaped(json_text: str) -> str:
    """The same JSON, with characters that would control the terminal escaped."""
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)
