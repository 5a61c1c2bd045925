"""Turns the value that an action returned into the JSON value that is stored."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from orchestration.errors import PermanentError

PLAIN = frozenset({str, int, float, bool, type(None)})
CURE = (
    "return a dict, a list, text, a number, true, false or None; pydantic models, dataclasses,"
    " dates, sets and tuples are turned into those"
)


def as_json(value: Any, who: str) -> Any:
    """The JSON value of what an action returned.

    Args:
        value: What the action returned.
        who: The action, for people.

    Raises:
        PermanentError: It has no JSON value: a retry would return the same.
    """
    if (found := read_once(value)) is not None:
        raise PermanentError(
            f"{who} returned {kind_of(found)}, which can be read once and is no value: return a"
            " list of what it yields, or its text"
        )
    try:
        return to_jsonable_python(value, fallback=refuse)
    except (ValueError, TypeError, RecursionError) as error:
        raise PermanentError(f"{who} returned what is no JSON value ({error}): {CURE}") from None


def read_once(value: Any) -> Iterator[Any] | None:
    """A generator, an open file or their like anywhere in a value; None: there is none.

    If it were turned into a list, one that was read before would silently be empty.
    """
    seen, left = set[int](), [value]
    while left:
        each = left.pop()
        if isinstance(each, Iterator):
            return each
        if id(each) not in seen:
            seen.add(id(each))
            parts = inside(each)
            if not PLAIN.issuperset(map(type, parts)):  # fast for a list of numbers
                left += [part for part in parts if type(part) not in PLAIN]
    return None


def inside(value: Any) -> Collection[Any]:
    """The values that a value is made of."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, BaseModel):
        return [*vars(value).values(), *(value.model_extra or {}).values()]
    if isinstance(value, list | tuple | set | frozenset | deque):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value)]
    return ()


def refuse(value: Any) -> NoReturn:
    """Refuse a value that has no JSON form.

    Raises:
        TypeError: Always.
    """
    raise TypeError(f"there is {kind_of(value)} in it")


def kind_of(value: Any) -> str:
    """What kind of thing a value is, with the article."""
    name = type(value).__name__
    return f"an {name}" if name[:1] in "AEIOUaeiou" else f"a {name}"
