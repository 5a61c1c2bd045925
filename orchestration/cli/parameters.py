"""Reads `-p key=value` and `--json FILE` as the parameters that the workflow's model accepts."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from typing import IO, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from orchestration.errors import RejectedError

LISTS = (list, tuple, set, frozenset, Sequence, AbstractSet)
TIMES = {"date-time", "duration", "time"}  # formats of texts that may be given in seconds, too
KINDS: Mapping[type, set[str]] = {
    str: {"string"}, bool: {"boolean"}, int: {"integer", "number"}, float: {"number"},
    list: {"array"}, dict: {"object"}, type(None): {"null"},
}  # fmt: skip


def read(model: type[BaseModel], pairs: Sequence[str], file: IO[bytes] | None) -> dict[str, Any]:
    """The parameters that were given; a pair wins over the file.

    Raises:
        RejectedError: Pairs or the file are no parameters of this workflow.
    """
    return gather(pairs, file, partial(parse, model))


def read_by_schema(
    schema: Mapping[str, Any], pairs: Sequence[str], file: IO[bytes] | None
) -> dict[str, Any]:
    """The same as `read`, by the JSON Schema of the parameters that a server sent.

    Raises:
        RejectedError: Pairs or the file are no parameters of this workflow.
    """
    return gather(pairs, file, partial(parse_by_schema, schema.get("properties", {})))


def gather(
    pairs: Sequence[str], file: IO[bytes] | None, parse: Callable[[str, str], Any]
) -> dict[str, Any]:
    """The parameters of the file and of the pairs, each of whose texts is parsed for its key.

    Raises:
        RejectedError: Pairs or the file are no parameters; names every such pair.
    """
    given = from_file(file) if file is not None else {}
    seen: set[str] = set()
    problems: list[str] = []
    for pair in pairs:
        try:
            key, text = halves(pair, seen)
            given[key] = parse(key, text)
        except RejectedError as error:
            problems += error.problems
    if problems:
        raise RejectedError("; ".join(problems), problems)
    return given


def halves(pair: str, seen: set[str]) -> tuple[str, str]:
    """Key and text of a pair; adds the key to those seen.

    Raises:
        RejectedError: The pair has no key and `=`, or its key was seen before.
    """
    key, equals, text = pair.partition("=")
    if not equals or not key:
        raise RejectedError(f"-p {pair}: write key=value")
    if key in seen:
        raise RejectedError(f"-p {key} is given twice: give a list as {key}=A,B")
    seen.add(key)
    return key, text


def parse(model: type[BaseModel], key: str, text: str) -> Any:
    """One value: the first reading of the text that the model accepts for this key.

    Raises:
        RejectedError: The model has no such field.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    require(key, fields)
    readings = ways(text, lists=takes_list(fields[key].annotation))
    return next((each for each in readings if fits(model, key, each)), readings[0])


def parse_by_schema(properties: Mapping[str, Mapping[str, Any]], key: str, text: str) -> Any:
    """One value: the first reading of the text whose type the schema allows for this key.

    Raises:
        RejectedError: The schema has no such property.
    """
    require(key, properties)
    types = types_of(properties[key])
    readings = ways(text, lists="array" in types)
    return next((each for each in readings if kinds_of(each) & types), readings[0])


def require(key: str, known: Collection[str]) -> None:
    """Require that a key is one of those known.

    Raises:
        RejectedError: It is not; names those that are.
    """
    if key not in known:
        names = ", ".join(sorted(known)) or "none"
        raise RejectedError(f"unknown parameter {key!r}; this workflow takes: {names}")


def types_of(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema names; a reference counts as an object or an enumeration."""
    if "$ref" in schema:
        return {"object", "string"}
    found = schema.get("type", [])
    types = {found} if isinstance(found, str) else set(found)
    if schema.get("format") in TIMES:
        types.add("number")
    for way in schema.get("anyOf", ()):
        types |= types_of(way)
    return types


def kinds_of(value: Any) -> set[str]:
    """The JSON types of a value; `1e5` is an integer, too."""
    if isinstance(value, float) and value.is_integer():
        return KINDS[int]
    return KINDS[type(value)]


def ways(text: str, *, lists: bool) -> list[Any]:
    """The possible readings of a text: JSON, a list by commas if one is wanted, the text itself."""
    readings: list[Any] = []
    with suppress(ValueError):
        readings.append(loads(text))
    if lists:
        readings.append([part.strip() for part in text.split(",")] if text.strip() else [])
    return [*readings, text]


def fits(model: type[BaseModel], key: str, value: Any) -> bool:
    """Whether the model accepts a value for this key, whatever other keys are missing."""
    try:
        model.model_validate({key: value})
    except ValidationError as error:
        return all(problem["loc"][:1] != (key,) for problem in error.errors())
    return True


def takes_list(annotation: Any) -> bool:
    """Whether a type is a list of some kind, or allows one."""
    origin = get_origin(annotation) or annotation
    if (
        isinstance(origin, type)
        and issubclass(origin, LISTS)
        and not issubclass(origin, str | bytes)
    ):
        return True
    return any(takes_list(each) for each in get_args(annotation) if not isinstance(each, str))


def from_file(file: IO[bytes]) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        RejectedError: It holds something else.
    """
    name = getattr(file, "name", "the file")
    try:
        value = loads(file.read().decode())
    except ValueError as error:
        raise RejectedError(f"--json {name}: {error}; write one JSON object") from None
    if not isinstance(value, Mapping):
        raise RejectedError(f'--json {name}: write one JSON object, {{"key": value}}')
    return dict(value)


def loads(text: str) -> Any:
    """The value of a JSON text; NaN and its like are refused.

    Raises:
        ValueError: The text is no JSON.
    """
    return json.loads(text, parse_constant=refuse)


def refuse(name: str) -> Callable[[], None]:
    """NaN and its like are no JSON.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{name} is no JSON number")
