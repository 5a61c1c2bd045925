"""The commands that can be started, and what their parameters are."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.definitions import NoParameters, Workflow

LARGEST_TOLD = 1e15
REQUIRED = "required"


def described(workflow: Workflow) -> dict[str, Any]:
    """A workflow as it can be started; its description is the first line of its model's text."""
    model = workflow.parameters
    schema = model.model_json_schema(by_alias=True)
    about = "" if model is NoParameters else str(schema.get("description", ""))
    return {
        "command": workflow.name,
        "about": about.partition("\n")[0],
        "priority": workflow.priority,
        "parameters": schema,
        "steps": [
            {"step": step.name, "agents": list(step.agents), "needs": list(step.needs)}
            for step in workflow.steps
        ],
    }


def parameters_of(schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each parameter of a schema, described for people."""
    required = schema.get("required", ())
    return [
        {
            "parameter": name,
            "type": type_of(part, schema),
            "default": REQUIRED if name in required else in_json(part.get("default")),
            "about": about_of(part, schema),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def about_of(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a parameter is for, and what bounds it."""
    either = [resolved(each, schema) for each in part.get("anyOf", ())]
    known = [resolved(part, schema), *(each for each in either if each.get("type") != "null")]
    notes = [str(each["description"]) for each in known[:1] if "description" in each]
    return " · ".join([*notes, *filter(None, map(bounds_of, known))])


def in_json(value: Any) -> str:
    """A value as it is given with `-p`: JSON, but text unquoted if it would not be read as JSON."""
    if isinstance(value, str) and value and not is_json(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def is_json(text: str) -> bool:
    """Whether `-p` would read a text as JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def type_of(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The type of a value in a few words, or the values of its enumeration."""
    part = resolved(part, schema)
    if "enum" in part or "const" in part:
        return " | ".join(map(in_json, part.get("enum", [part.get("const")])))
    if either := part.get("anyOf", part.get("oneOf", ())):
        return " or ".join(dict.fromkeys(type_of(each, schema) for each in either))
    found = str(part.get("type", "anything"))
    if found == "array":
        items = part.get("items", {})
        return f"list of {type_of(items, schema)}" if items else "list"
    return f"{found} ({part['format']})" if "format" in part else found


def resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema, its reference followed."""
    place = part.get("$ref")
    if place is None and len(part.get("allOf", ())) == 1:
        place = part["allOf"][0].get("$ref")
    if place is None:
        return part
    found: Any = schema
    for key in place.removeprefix("#/").split("/"):
        found = found[key]
    return {**found, **{k: v for k, v in part.items() if k not in {"$ref", "allOf"}}}


def bounds_of(part: Mapping[str, Any]) -> str:
    """The bounds of a number, or of a list's length, in words."""
    low, high = part.get("minimum"), part.get("maximum")
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    if low is not None and high is not None and high <= LARGEST_TOLD:
        return f"{low:,.15g} to {high:,.15g}"
    words = {"at least": low, "more than": above, "at most": high, "less than": below}
    found = [
        f"{word} {bound:,.15g}"
        for word, bound in words.items()
        if bound is not None and bound <= LARGEST_TOLD
    ]
    if part.get("maxItems") is not None:
        found.append(f"at most {part['maxItems']:,}")
    return ", ".join(found)
