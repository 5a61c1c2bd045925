"""Whether RabbitMQ can be reached, asked before anything is written that needs it."""

from urllib.parse import urlsplit

import pika
from pika.exceptions import AMQPError

from orchestration.errors import BrokerError
from orchestration.runtime.broker import parameters

PATIENCE_S = 3.0


def require_broker(url: str) -> None:
    """Connect once.

    Args:
        url: `amqp://` or `amqps://`.

    Raises:
        BrokerError: The server is away or refuses; the message has no password in it.
    """
    wanted = parameters(url, "orchestrate")
    wanted.socket_timeout = wanted.stack_timeout = PATIENCE_S
    wanted.blocked_connection_timeout = PATIENCE_S
    try:
        pika.BlockingConnection(wanted).close()
    except (AMQPError, OSError) as error:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}:{wanted.port}{parts.path}"
        raise BrokerError(
            f"cannot use RabbitMQ at {place} ({reason(error)}): start it, correct RABBITMQ_URL,"
            " or unset it to work without a broker"
        ) from None


def reason(error: BaseException) -> str:
    """What a failed connection says, in one line."""
    inner = getattr(error, "exceptions", None) or error.args
    text = "; ".join(str(getattr(each, "exception", each)) for each in inner)
    return text or type(error).__name__
