"""An agent's messages for the exchange, checked before any of them is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pika

from orchestration.bus.channel import Outgoing
from orchestration.errors import RejectedError
from orchestration.messages import (
    AGENT_NAME,
    LARGEST_BODY,
    LONGEST_ID,
    MessagePriority,
    MessageType,
    compose,
    routing_key,
)

PERSISTENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message as its sender describes it.

    Attributes:
        key: The routing key; None: made from its type and recipient.
    """

    recipient: str
    message_type: str | MessageType
    payload: Mapping[str, Any]
    message_id: str
    correlation_id: str | None = None
    priority: int | Enum = MessagePriority.NORMAL
    reply_to: str | None = None
    key: str | None = None


def seal(letter: Letter, sender: str, user: str | None, at: datetime) -> Outgoing:
    """The message on the wire.

    Args:
        letter: The message.
        sender: The agent that sends it.
        user: The user it is logged in as, which the broker checks; None: left out.
        at: The time of the message.

    Raises:
        RejectedError: A field is wrong, the payload is not JSON, or the whole is too large.
    """
    kind = kind_of(letter.message_type)
    check_name("recipient", letter.recipient)
    if not 0 < len(letter.message_id) <= LONGEST_ID:
        raise RejectedError(f"message_id: use 1 to {LONGEST_ID} characters")
    if not isinstance(letter.payload, Mapping):
        raise RejectedError("payload: it must be a dict")
    try:
        text = compose(
            letter.message_id,
            kind,
            letter.recipient,
            letter.payload,
            at=at,
            sender=sender,
            correlation_id=letter.correlation_id,
            priority=priority_of(letter.priority),
            reply_to=letter.reply_to,
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise RejectedError(f"payload: it is not JSON: {error}") from None
    body = text.encode()
    if len(body) > LARGEST_BODY:
        raise RejectedError(f"the message has {len(body)} bytes, the most are {LARGEST_BODY}")
    key = letter.key or routing_key(kind, letter.recipient)
    wanted = kind is MessageType.COMMAND
    return Outgoing(key, body, properties_of(letter, kind, user), wanted)


def properties_of(letter: Letter, kind: MessageType, user: str | None) -> pika.BasicProperties:
    """The AMQP properties of a message."""
    return pika.BasicProperties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=letter.message_id if letter.message_id.isascii() else None,
        type=kind.value,
        user_id=user,
    )


def kind_of(message_type: str | Enum) -> MessageType:
    """The type of a message, by its name.

    Raises:
        RejectedError: There is no such type.
    """
    name = message_type.value if isinstance(message_type, Enum) else message_type
    try:
        return MessageType(name)
    except ValueError:
        known = ", ".join(kind.value for kind in MessageType)
        raise RejectedError(f"message_type {name!r} is unknown; known: {known}") from None


def priority_of(priority: int | Enum) -> MessagePriority:
    """A priority, by its number or by any enum of these numbers.

    Raises:
        RejectedError: There is no such priority.
    """
    number = priority.value if isinstance(priority, Enum) else priority
    try:
        return MessagePriority(number)
    except ValueError:
        raise RejectedError(f"priority {number!r}: use 1 (low) to 4 (critical)") from None


def check_name(what: str, name: object) -> None:
    """Make sure that a name can be routed.

    Raises:
        RejectedError: It cannot.
    """
    if not isinstance(name, str) or not AGENT_NAME.fullmatch(name):
        raise RejectedError(f"{what} {name!r}: use 1 to 100 letters, digits, '_' or '-'")
