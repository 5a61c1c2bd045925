"""A form made from a JSON Schema, and the parameters that were filled in there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from orchestration.errors import Fault, RejectedError
from orchestration.views.commands import bounds_of, resolved

PREFIX = "p."
PRESENT = "has."
WAYS = {"lines": "one a line", "json": "JSON"}
TITLES = {"integer": "a whole number", "number": "a number"}


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as a field of a form.

    Attributes:
        kind: `check`, `choice`, `choices`, `lines`, `number`, `text` or `json`.
        value: The field's first content: a text, or several.
        hint: What the schema says about the parameter.
        optional: Whether the field may be left empty, which means null.
        problems: Why the value was refused.
    """

    name: str
    kind: str
    value: str | Sequence[str]
    options: Sequence[str]
    hint: str
    optional: bool
    attributes: Mapping[str, str]
    problems: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Its name in the form."""
        return PREFIX + self.name

    @property
    def id(self) -> str:
        """Its name in the page."""
        return f"field-{self.name}"

    @property
    def told_by(self) -> str:
        """The ids of the elements that describe it: its hint, and why it was refused."""
        return f"{self.id}-hint {self.id}-problem" if self.problems else f"{self.id}-hint"


def fields_of(
    schema: Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
    filled: FormData | None = None,
    faults: Sequence[Fault] = (),
) -> list[Field]:
    """The fields of a form.

    Args:
        schema: The schema of the parameters.
        values: Their present values; None: their defaults.
        filled: What was filled in before, and refused.
        faults: Why it was refused.
    """
    required = schema.get("required", ())
    found = []
    for name, given in schema.get("properties", {}).items():
        kind, part, optional = kind_of(resolved(given, schema), schema)
        now = (values or {}).get(name, given.get("default"))
        shown = as_filled(filled, name) if filled is not None else as_text(kind, now)
        found.append(
            Field(
                name=name,
                kind=kind,
                value=shown if kind in {"choices", "lines"} or not isinstance(shown, list) else "",
                options=options_of(kind, part, schema),
                hint=hint_of(kind, given, part, is_needed=name in required and not optional),
                optional=optional,
                attributes=attributes_of(kind, part, is_needed=name in required),
                problems=[told(each) for each in faults if each.path[:1] == (name,)],
            )
        )
    return found


def told(fault: Fault) -> str:
    """What is wrong with a field, to be shown beside it: without its name and its content."""
    places = [f"item {each + 1}" if isinstance(each, int) else each for each in fault.path[1:]]
    return f"{', '.join(places)}: {fault.text}" if places else fault.text


def apart(error: Exception, fields: Sequence[Field]) -> list[str]:
    """What is wrong with a form as a whole, to be shown above it: every fault of no field."""
    faults = error.faults if isinstance(error, RejectedError) else ()
    if not faults:
        return [str(error)]
    names = {field.name for field in fields}
    return [each.text for each in faults if not each.path or each.path[0] not in names]


def kind_of(
    part: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any], bool]:
    """The kind of a schema's field, its schema without null, and whether it may be null."""
    either = part.get("anyOf", ())
    others = [resolved(each, schema) for each in either if each.get("type") != "null"]
    optional = len(others) < len(either)
    if either:
        if len(others) != 1:
            return "json", part, optional
        part = {**others[0], **{k: v for k, v in part.items() if k != "anyOf"}}
    if "enum" in part:
        return "choice", part, optional
    if part.get("type") == "array":
        items = resolved(part.get("items", {}), schema)
        if "enum" in items:
            return "choices", part, optional
        return ("lines" if items.get("type") == "string" else "json"), part, optional
    kinds = {"boolean": "check", "integer": "number", "number": "number", "string": "text"}
    return kinds.get(part.get("type", ""), "json"), part, optional


def options_of(kind: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The values that can be chosen."""
    if kind == "choices":
        part = resolved(part["items"], schema)
    return [str(each) for each in part.get("enum", ())]


def hint_of(
    kind: str, given: Mapping[str, Any], part: Mapping[str, Any], *, is_needed: bool
) -> str:
    """The hint about a field, in one line."""
    notes = [str(part["description"])] if "description" in part else []
    notes += filter(None, [bounds_of(part)])
    notes += filter(None, [WAYS.get(kind)])
    if "pattern" in part and not notes:
        notes.append(f"matches {part['pattern']}")
    if given.get("default") is not None:
        notes.append(f"default {in_words(kind, given['default'])}")
    return " · ".join([*notes, *(["required"] if is_needed else [])])


def in_words(kind: str, value: Any) -> str:
    """A value as people write it."""
    match as_text(kind, value):
        case list() as texts:
            return ", ".join(texts) or "none"
        case text if kind == "check":
            return "yes" if text else "no"
        case text if kind == "number" and isinstance(value, int | float):
            return f"{value:,}".removesuffix(".0")
        case text:
            return text or "empty"


def attributes_of(kind: str, part: Mapping[str, Any], *, is_needed: bool) -> dict[str, str]:
    """The attributes by which the browser itself checks a field."""
    found = {"required": "required"} if is_needed and kind in {"number", "text"} else {}
    if kind == "number":
        found["step"] = "1" if part.get("type") == "integer" else "any"
        bounds = {"min": "minimum", "max": "maximum"}
        found |= {name: f"{part[key]}" for name, key in bounds.items() if key in part}
    if kind == "text":
        lengths = {"minlength": "minLength", "maxlength": "maxLength"}
        found |= {name: f"{part[key]}" for name, key in lengths.items() if key in part}
    return found


def as_text(kind: str, value: Any) -> str | list[str]:
    """A value as it stands in its field."""
    if kind in {"choices", "lines"}:
        return [str(each) for each in value] if isinstance(value, list | tuple) else []
    if kind == "json":
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    if kind == "check":
        return "on" if value else ""
    text = "" if value is None else str(value)
    return text.removesuffix(".0") if kind == "number" else text


def as_filled(filled: FormData, name: str) -> str | list[str]:
    """What was filled in under a name."""
    texts = [str(each) for each in filled.getlist(PREFIX + name)]
    return texts[0] if len(texts) == 1 else texts


def values_of(schema: Mapping[str, Any], filled: FormData) -> dict[str, Any]:
    """The parameters that were filled in; an empty field is left out, or null.

    Raises:
        RejectedError: A field holds no number, or no JSON, where it should.
    """
    values, faults = {}, []
    for field in fields_of(schema):
        texts = [str(each) for each in filled.getlist(field.key)]
        if not texts and PRESENT + field.name not in filled:
            continue
        try:
            value = read(field, texts)
        except (ValueError, RecursionError):
            what = TITLES.get(number_type(schema, field.name), "JSON")
            faults.append(Fault((field.name,), f"{texts[0]!r} is not {what}"))
            continue
        if value is not None:
            values[field.name] = value
        elif field.optional:
            values[field.name] = None
    if faults:
        raise RejectedError("; ".join(map(str, faults)), faults=faults)
    return values


def read(field: Field, texts: Sequence[str]) -> Any:
    """The value in a field; None: the field is empty.

    Raises:
        ValueError: The text is no number, or no JSON.
        RecursionError: It is JSON that is nested too deeply.
    """
    text = texts[0].strip() if texts else ""
    match field.kind:
        case "check":
            return bool(texts)
        case "choices":
            return list(texts)
        case "lines":
            found = [each.strip() for each in text.replace(",", "\n").splitlines()]
            lines = [each for each in found if each]
            return lines or (None if field.optional else [])
        case "number":
            return number(text) if text else None
        case "json":
            return json.loads(text) if text else None
        case _:
            return text if text or not field.optional else None


def number(text: str) -> float:
    """The number in a text, an integer if it is written as one.

    Raises:
        ValueError: The text is no number.
    """
    try:
        return int(text)
    except ValueError:
        return float(text)


def number_type(schema: Mapping[str, Any], name: str) -> str:
    """The JSON type of a parameter, apart from null."""
    _, part, _ = kind_of(resolved(schema["properties"][name], schema), schema)
    return str(part.get("type", ""))
