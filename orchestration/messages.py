"""The envelope: what every message on the exchange looks like, parsed once at the door."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from orchestration.errors import MalformedMessageError

EXCHANGE = "amc_trader_exchange"
ORCHESTRATORS = frozenset({"orchestration_agent", "rabbitmq_orchestration_agent", "orchestration"})
LARGEST_BODY = 2**20
DEEPEST = 64
LONGEST_ID = 200
AGENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
REQUIRED = ("id", "message_type", "sender", "recipient", "payload")


class MessageType(StrEnum):
    """What a message is about; it decides, whatever the routing key says."""

    COMMAND = "command"
    RESPONSE = "response"
    STATUS_UPDATE = "status_update"
    HEARTBEAT = "heartbeat"
    ERROR = "error"
    DATA = "data"


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
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


AgentName = Annotated[str, AfterValidator(_agent_name)]
Moment = Annotated[datetime, AfterValidator(_utc)]


class Envelope(BaseModel):
    """One message, checked; extra fields are ignored.

    Attributes:
        timestamp: None means now.
        correlation_id: The `id` of the message that this one answers.
    """

    model_config = ConfigDict(frozen=True, strict=False, extra="ignore")

    id: str = Field(min_length=1, max_length=LONGEST_ID)
    message_type: MessageType
    sender: AgentName
    recipient: str = Field(min_length=1, max_length=200)
    payload: dict[str, Any]
    timestamp: Moment | None = None
    correlation_id: str | None = Field(None, max_length=200)
    priority: MessagePriority = MessagePriority.NORMAL
    reply_to: str | None = Field(None, max_length=200)
    routing_key: str | None = Field(None, max_length=255)

    @property
    def is_for_us(self) -> bool:
        """Whether the orchestrator is meant."""
        return self.recipient in ORCHESTRATORS


def parse(body: bytes, largest: int = LARGEST_BODY) -> Envelope:
    """The message in a body.

    Args:
        body: JSON in UTF-8.
        largest: The most bytes that are read.

    Raises:
        MalformedMessageError: It is no envelope; the error names the sender where it is readable.
    """
    if len(body) > largest:
        raise MalformedMessageError("too_large", f"the body has {len(body)} bytes, most {largest}")
    try:
        value = from_json(body.decode(), allow_inf_nan=False)
    except UnicodeDecodeError as error:
        raise MalformedMessageError("bad_encoding", f"the body is no UTF-8: {error}") from None
    except ValueError as error:
        raise MalformedMessageError("bad_json", f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedMessageError("not_an_object", "the body is no JSON object")
    if is_deeper(value, DEEPEST):
        raise MalformedMessageError("too_deep", f"the body nests deeper than {DEEPEST} levels")
    try:
        return Envelope.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else "envelope"
        unknown = place == "message_type" and first["type"] == "enum"
        reason = "unknown_type" if unknown else "wrong_field"
        message = f"{place}: {first['msg']}"
        raise MalformedMessageError(reason, message, **_readable(value)) from None


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
    """The key on which a message to somebody is published."""
    first = "status" if kind is MessageType.STATUS_UPDATE else kind.value
    return f"{first}.{'orchestration' if recipient in ORCHESTRATORS else recipient}"


def validate_message(message: Mapping[str, Any]) -> bool:
    """Whether a message has every field that is required."""
    return all(name in message for name in REQUIRED)


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


def _readable(value: Mapping[str, Any]) -> dict[str, str | None]:
    """Who sent a message that is not a good one, and under which id, as far as can be said."""
    sender, message_id = value.get("sender"), value.get("id")
    named = isinstance(sender, str) and AGENT_NAME.fullmatch(sender) is not None
    identified = isinstance(message_id, str) and 0 < len(message_id) <= LONGEST_ID
    return {
        "sender": sender if named else None,
        "message_id": message_id if identified else None,
    }
