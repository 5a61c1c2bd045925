"""Why RabbitMQ cannot be used: the meaning of its and the system's errors, with their cures."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError, IncompatibleProtocolError, ProbableAuthenticationError

from orchestration.bus.address import Address, causes_of, reason_of
from orchestration.bus.tls import cure_of
from orchestration.errors import UnreachableError

# What an attempt to connect may raise; pika's timeout is not an `AMQPError`.
NO_CONNECTION = (AMQPError, AMQPConnectorException, OSError)

START = (
    "start the server (`systemctl start rabbitmq-server`; `rabbitmqctl status` tells), or correct"
    " RABBITMQ_URL; unset it to work without a broker"
)
UNKNOWN_HOST = "correct the host in RABBITMQ_URL (or RABBITMQ_HOST): its name is not known here"
SILENT = (
    "look whether that is a RabbitMQ server and whether it stands still (`rabbitmqctl status`);"
    " correct host and port in RABBITMQ_URL"
)

KINDS: dict[str, tuple[type[BaseException], ...]] = {
    "login": (ProbableAuthenticationError,),
    "certificate": (ssl.SSLCertVerificationError,),
    "protocol": (ssl.SSLError, IncompatibleProtocolError),
    "host": (socket.gaierror,),
    "refused": (ConnectionRefusedError,),
}
ENCRYPTION = frozenset({"certificate", "protocol"})
CURES = {
    "host": UNKNOWN_HOST,
    "refused": START,
    "silent": SILENT,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no connection.

    Attributes:
        kind: `refused`, `host`, `silent`, `login`, `vhost`, `certificate` or `protocol`.
        what: One line for people, without any password.
        cure: The next thing to do.
    """

    kind: str
    what: str
    cure: str


def trouble_of(error: BaseException, address: Address) -> Trouble:
    """The meaning of a failed attempt to connect."""
    what = reason_of(error)
    if "NOT_ALLOWED" in what:
        return Trouble("vhost", what, _vhost(what, address))
    found = list(_chain(error))
    kind = next(
        (kind for kind, types in KINDS.items() if any(isinstance(each, types) for each in found)),
        "silent",
    )
    if kind == "login":
        return Trouble(kind, what, _login(address))
    if kind in ENCRYPTION:
        return Trouble(kind, what, cure_of(found, encrypted=address.encrypted))
    return Trouble(kind, what, CURES[kind])


def unreachable(error: BaseException, address: Address) -> UnreachableError:
    """The same as our own error."""
    found = trouble_of(error, address)
    return UnreachableError(address.place, found.kind, found.what, found.cure)


def _login(address: Address) -> str:
    user = address.user or "its user"
    return (
        f"correct user and password in RABBITMQ_URL (or RABBITMQ_USER and RABBITMQ_PASS):"
        f" `rabbitmqctl authenticate_user {user} PASSWORD` tries them; guest may only log in on"
        " the server's own machine"
    )


def _vhost(what: str, address: Address) -> str:
    vhost, user = address.vhost, address.user or "USER"
    permit = f"`rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'`"
    if "not found" in what:
        return f"`rabbitmqctl add_vhost {vhost}` and {permit}, or correct it in RABBITMQ_URL"
    return f"{permit}, or correct the vhost or the user in RABBITMQ_URL"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and all errors inside it."""
    yield error
    for each in causes_of(error):
        yield from _chain(each)
