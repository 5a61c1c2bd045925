"""The envelope: what is read, what is refused, and its published schema."""

import json
import re
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestration.errors import MalformedMessageError
from orchestration.messages import (
    Envelope,
    MessagePriority,
    MessageType,
    compose,
    decoded,
    is_for_others,
    parse,
    schema,
    validate_message,
)

TEXT = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True)
MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - without a zone it is UTC
    timezones=st.one_of(st.none(), st.timezones()),
).map(lambda at: at.isoformat())
GOOD = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=200),
        "message_type": st.sampled_from([kind.value for kind in MessageType]),
        "sender": NAMES,
        "recipient": st.text(min_size=1, max_size=200),
        "payload": st.dictionaries(TEXT, JSON, max_size=4),
    },
    optional={
        "timestamp": st.none() | MOMENTS,
        "correlation_id": st.none() | st.text(min_size=1, max_size=200),
        "priority": st.sampled_from([1, 2, 3, 4]),
        "reply_to": st.none() | st.text(max_size=200),
        "routing_key": st.none() | st.text(max_size=255),
        "something_else": JSON,
    },
)
FIELDS = st.sampled_from([*Envelope.model_fields, "unknown"])


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_reading_raises_nothing_but_what_it_says(body: bytes) -> None:
    with suppress(MalformedMessageError):
        parse(body)


@given(GOOD, FIELDS, JSON)
def test_the_schema_and_the_model_agree(good: dict[str, Any], field: str, value: Any) -> None:
    for envelope in (good, {**good, field: value}):
        assert fits(schema(), envelope, schema()) == is_read(envelope)


@given(GOOD, FIELDS)
def test_they_agree_where_a_field_is_missing(good: dict[str, Any], field: str) -> None:
    left = {name: value for name, value in good.items() if name != field}
    assert fits(schema(), left, schema()) == is_read(left)


def is_read(envelope: dict[str, Any]) -> bool:
    try:
        Envelope.model_validate(envelope)
    except ValidationError:
        return False
    return True


def fits(part: dict[str, Any], value: Any, whole: dict[str, Any]) -> bool:
    """Whether a value fits a JSON Schema, as far as ours goes; an unknown keyword is an error."""
    if "$ref" in part:
        return fits(whole["$defs"][part["$ref"].rpartition("/")[2]], value, whole)
    return all(
        CHECKS[keyword](wanted, value, whole)
        for keyword, wanted in part.items()
        if keyword not in {"$schema", "$defs", "title", "description", "default"}
    )


TYPES: dict[str, Any] = {"string": str, "object": dict, "null": type(None), "integer": int}
CHECKS: dict[str, Any] = {
    "type": lambda wanted, value, _: (
        isinstance(value, TYPES[wanted]) and not (wanted == "integer" and isinstance(value, bool))
    ),
    "enum": lambda wanted, value, _: value in wanted,
    "anyOf": lambda wanted, value, whole: any(fits(each, value, whole) for each in wanted),
    "required": lambda wanted, value, _: all(name in value for name in wanted),
    "properties": lambda wanted, value, whole: all(
        fits(part, value[name], whole) for name, part in wanted.items() if name in value
    ),
    "additionalProperties": lambda wanted, _value, _whole: wanted is True,
    "minLength": lambda wanted, value, _: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda wanted, value, _: not isinstance(value, str) or len(value) <= wanted,
    "pattern": lambda wanted, value, _: (
        not isinstance(value, str)
        or re.search(wanted.replace("$", r"\Z").replace("\\u0000", "\0"), value) is not None
    ),
    "format": lambda wanted, value, _: wanted == "date-time" and is_moment(value),
}


def is_moment(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return False
    return at.year > 1


@given(st.dictionaries(st.sampled_from([*Envelope.model_fields]), JSON))
def test_a_message_is_valid_if_no_required_field_is_missing(message: dict[str, Any]) -> None:
    required_fields = ["id", "message_type", "sender", "recipient", "payload"]
    assert validate_message(message) == all(field in message for field in required_fields)


@given(GOOD)
def test_what_is_composed_is_read(good: dict[str, Any]) -> None:
    assume(good["sender"])
    kind = MessageType(good["message_type"])
    at = datetime.fromisoformat("2025-09-12T12:00:00+00:00")
    text = compose(
        good["id"].replace("\0", "-"),
        kind,
        good["sender"],
        {"n": 1},
        at=at,
        sender=good["sender"],
        priority=MessagePriority.LOW,
        reply_to=good["sender"],
    )
    found = parse(text.encode())
    assert (found.message_type, found.timestamp, found.priority) == (kind, at, 1)
    assert found.answer_to == good["sender"]


def test_the_guide_s_example_is_read() -> None:
    body = """{"id": "unique_message_id", "message_type": "command", "sender": "management_agent",
      "recipient": "orchestration_agent", "payload": {"command_type": "restart_discovery_system",
      "parameters": {"strategy": "hybrid_v1"}}, "timestamp": "2025-09-12T12:00:00Z",
      "correlation_id": "optional_correlation_id", "priority": 3,
      "routing_key": "command.orchestration"}"""
    found = parse(body.encode())
    assert not is_for_others(decoded(body.encode()))
    assert found.priority is MessagePriority.HIGH


def test_a_message_for_somebody_else_is_known_by_its_recipient_alone() -> None:
    assert is_for_others({"recipient": "agent_1"})
    for recipient in ("", None, ["agent_1"], "orchestration"):
        assert not is_for_others({"recipient": recipient})
    assert not is_for_others({})


@pytest.mark.parametrize("moment", [1_700_000_000, "1700000000", "noon", True, [], ""])
def test_a_moment_is_iso_8601(moment: object) -> None:
    assert not is_read({**EMPTY, "timestamp": moment})


EMPTY = {"id": "1", "message_type": "data", "sender": "a", "recipient": "b", "payload": {}}
