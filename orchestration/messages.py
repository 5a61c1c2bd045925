"""The envelope: the form of every message on the exchange, parsed once at the door."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from orchestration.errors import MalformedMessageError
from orchestration.text import printable

EXCHANGE = "amc_trader_exchange"
QUEUE = "orchestration_queue"
STOP_KEY = "orchestration.emergency_stop"
ORCHESTRATORS = frozenset({"orchestration_agent", "rabbitmq_orchestration_agent", "orchestration"})
LARGEST_BODY = 2**20
DEEPEST = 64
LONGEST_ID = 200
AGENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
LARGE_NUMBER = re.compile(rb"\d[eE]|\d{300}")  # no other number can be too large for a float
DATE_FIRST = re.compile(r"\d{4}-\d\d-\d\d")
NAME_PATTERN = f"^{AGENT_NAME.pattern}$"
NO_NUL_PATTERN = r"^[^\u0000]*$"
REQUIRED = ("id", "message_type", "sender", "recipient", "payload")


class MessageType(StrEnum):
    """What a message is about; it decides, whatever the routing key says."""

    COMMAND = "command"
    RESPONSE = "response"
    STATUS_UPDATE = "status_update"
    HEARTBEAT = "heartbeat"
    ERROR = "error"
    DATA = "data"


NEVER_ANSWERED = frozenset({MessageType.ERROR, MessageType.HEARTBEAT})


class MessagePriority(IntEnum):
    """How urgent a message is."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    CRITICAL = 4


def _agent_name(name: str) -> str:
    if not AGENT_NAME.fullmatch(name):
        raise ValueError("use 1 to 100 letters, digits, '_' or '-'")
    return name


def _utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC this is no date") from None


def _text(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and DATE_FIRST.match(value)):
        raise ValueError("use ISO 8601, such as 2025-09-12T12:00:00Z")
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, MessagePriority) or type(value) is int:
        return value
    raise ValueError("use 1 (low) to 4 (critical)")


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("it has a NUL character")
    return value


AgentName = Annotated[
    str, AfterValidator(_agent_name), Field(json_schema_extra={"pattern": NAME_PATTERN})
]
MessageId = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_ID, json_schema_extra={"pattern": NO_NUL_PATTERN}),
    AfterValidator(_without_nul),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_text),
    AfterValidator(_utc),
]
Priority = Annotated[MessagePriority, BeforeValidator(_whole)]


class Envelope(BaseModel):
    """One message, checked; extra fields are ignored.

    Attributes:
        timestamp: None means now.
        correlation_id: The `id` of the message that this one answers.
    """

    model_config = ConfigDict(frozen=True, strict=False, extra="ignore")

    id: MessageId
    message_type: MessageType
    sender: AgentName
    recipient: str = Field(min_length=1, max_length=200)
    payload: dict[str, Any]
    timestamp: Moment | None = None
    correlation_id: MessageId | None = None
    priority: Priority = MessagePriority.NORMAL
    reply_to: str | None = Field(None, max_length=200)
    routing_key: str | None = Field(None, max_length=255)

    @property
    def answer_to(self) -> str:
        """The agent that gets the answers: `reply_to` if it names an agent, else the sender."""
        wanted = self.reply_to
        if not wanted or wanted in ORCHESTRATORS or not AGENT_NAME.fullmatch(wanted):
            return self.sender
        return wanted


def parse(body: bytes, largest: int = LARGEST_BODY) -> Envelope:
    """The message in a body.

    Args:
        body: JSON in UTF-8.
        largest: The most bytes that are read.

    Raises:
        MalformedMessageError: It is no envelope; the error names the sender where it is readable.
    """
    return checked(decoded(body, largest), body)


def decoded(body: bytes, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """The JSON object in a body, not validated yet.

    Raises:
        MalformedMessageError: The body is too large, or no JSON object.
    """
    if len(body) > largest:
        raise MalformedMessageError("too_large", f"the body has {len(body)} bytes, most {largest}")
    try:
        value = from_json(body.decode(), allow_inf_nan=False)
    except UnicodeDecodeError as error:
        raise MalformedMessageError("bad_encoding", f"the body is no UTF-8: {error}") from None
    except ValueError as error:
        reason = "too_deep" if "recursion" in str(error) else "bad_json"
        raise MalformedMessageError(reason, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedMessageError("not_an_object", "the body is no JSON object")
    return value


def checked(value: dict[str, Any], body: bytes) -> Envelope:
    """A validated message.

    Args:
        value: The JSON object.
        body: The text that it was read from.

    Raises:
        MalformedMessageError: It is no envelope; the error names the sender where it is readable.
    """
    if may_be_deeper(body, DEEPEST) and is_deeper(value, DEEPEST):
        message = f"the body nests deeper than {DEEPEST} levels"
        raise MalformedMessageError("too_deep", message, **readable(value))
    if LARGE_NUMBER.search(body) and has_infinity(value):
        message = "the body has a number that is too large"
        raise MalformedMessageError("bad_json", message, **readable(value))
    try:
        return Envelope.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else "envelope"
        unknown = place == "message_type" and first["type"] == "enum"
        reason = "unknown_type" if unknown else "wrong_field"
        message = f"{place}: {first['msg']}"
        raise MalformedMessageError(reason, message, **readable(value)) from None


def is_for_others(value: Mapping[str, Any]) -> bool:
    """Whether a message, as yet unchecked, is for an agent: most copies that we get are."""
    recipient = value.get("recipient")
    return isinstance(recipient, str) and recipient != "" and recipient not in ORCHESTRATORS


def compose(  # noqa: PLR0913 - an envelope has that many parts
    id_: str,
    kind: MessageType,
    recipient: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    sender: str = "orchestration_agent",
    correlation_id: str | None = None,
    priority: int = MessagePriority.NORMAL,
    reply_to: str | None = None,
) -> str:
    """An envelope as JSON text, with the routing key that leads to its recipient."""
    envelope = {
        "id": id_ if len(id_) <= LONGEST_ID else hashlib.sha256(id_.encode()).hexdigest(),
        "message_type": kind.value,
        "sender": sender,
        "recipient": recipient,
        "payload": payload,
        "timestamp": at.isoformat(timespec="milliseconds"),
        "correlation_id": correlation_id,
        "priority": int(priority),
        "reply_to": reply_to,
        "routing_key": routing_key(kind, recipient),
    }
    return json.dumps(envelope, allow_nan=False)


def routing_key(kind: MessageType, recipient: str) -> str:
    """The routing key of a message, by its type and recipient."""
    first = "status" if kind is MessageType.STATUS_UPDATE else kind.value
    return f"{first}.{'orchestration' if recipient in ORCHESTRATORS else recipient}"


def validate_message(message: Mapping[str, Any]) -> bool:
    """Whether a message has every field that is required."""
    return all(name in message for name in REQUIRED)


def may_be_deeper(body: bytes, levels: int) -> bool:
    """Whether JSON text has so many brackets that it may nest deeper: a quick check."""
    return body.count(b"{") + body.count(b"[") > levels


def is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested deeper than so many levels."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def has_infinity(value: Any) -> bool:
    """Whether a value, of bounded depth, has a number too large for a float."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return any(map(has_infinity, inner))
    return isinstance(value, float) and math.isinf(value)


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A value, of bounded depth, with each of its texts changed, names of fields included."""
    if isinstance(value, dict):
        return {change(name): with_texts(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_texts(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def schema() -> dict[str, Any]:
    """The JSON Schema of an envelope, for agents in other languages."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Envelope.model_json_schema(mode="validation"),
    }


def plain(value: Any, longest: int) -> str:
    """A value of a payload as text without NUL and terminal controls, cut to a length."""
    return printable(str(value).replace("\0", ""))[:longest]


def readable(value: Mapping[str, Any]) -> dict[str, Any]:
    """The sender and the id of a malformed message, as far as they can be read."""
    sender, message_id = value.get("sender"), value.get("id")
    named = isinstance(sender, str) and AGENT_NAME.fullmatch(sender) is not None
    identified = isinstance(message_id, str) and 0 < len(message_id) <= LONGEST_ID
    identified = identified and "\0" not in str(message_id)
    return {
        "sender": sender if named else None,
        "message_id": message_id if identified else None,
        "answerable": value.get("message_type") not in list(NEVER_ANSWERED),
    }
