"""Where RabbitMQ is, and how to log in: from the settings, or from a config dict."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pika
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from orchestration import settings
from orchestration.bus.tls import BY_THE_SYSTEM, Tls, tls_of
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.settings.broker import PORTS, place_of

HEARTBEAT_S = 5
BLOCKED_TIMEOUT_S = 60


class RabbitmqConfig(BaseModel):
    """The keys that a `rabbitmq` config dict may have."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    host: str = Field("localhost", min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    username: str = "guest"
    password: SecretStr = SecretStr("guest")
    virtual_host: str = Field("/", min_length=1)
    heartbeat: int = Field(HEARTBEAT_S, ge=0, le=65535)
    blocked_connection_timeout: float = Field(BLOCKED_TIMEOUT_S, gt=0)
    ssl_options: pika.SSLOptions | ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A server, a vhost and a login; agents with equal addresses share a connection.

    Attributes:
        url: `amqp://` or `amqps://`, password included.
        ssl_options: How to check the server, and the certificate to show; None: as `tls` says.
        tls: The files for that, where the address is `amqps://`.
        prefix: Precedes the names of the exchange and of all queues; each rehearsal has its own.
    """

    url: str = field(repr=False)
    ssl_options: pika.SSLOptions | None = None
    tls: Tls = BY_THE_SYSTEM
    prefix: str = ""

    @property
    def place(self) -> str:
        """The address without user and password; `Settings.transport` is the same."""
        return place_of(self.url)

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.url.startswith("amqps:")

    @property
    def user(self) -> str | None:
        """The user that we log in as; the server can check a message's `user_id` against it."""
        login = pika.URLParameters(self.url).credentials
        return login.username if isinstance(login, pika.PlainCredentials) else None

    @property
    def vhost(self) -> str:
        """The virtual host, as the server names it."""
        return str(pika.URLParameters(self.url).virtual_host)

    def parameters(self, name: str) -> pika.URLParameters:
        """How to connect.

        Args:
            name: The connection's name on the server.

        Raises:
            ConfigurationError: A setting in the URL's query is unknown, or a file of `tls` wrong.
        """
        found = parameters(self.url, name)
        if self.ssl_options is not None:
            found.ssl_options = self.ssl_options
        elif self.encrypted:
            found.ssl_options = self.tls.options()
        return found


def parameters(url: str, name: str) -> pika.URLParameters:
    """How to connect to RabbitMQ.

    Args:
        url: `amqp://` or `amqps://`; settings in its query win over ours.
        name: The connection's name on the server.

    Raises:
        ConfigurationError: A setting in the URL's query is unknown or wrong.
    """
    try:
        found = pika.URLParameters(url)
    except (ValueError, SyntaxError):
        raise ConfigurationError(
            "RABBITMQ_URL: what follows the `?` is no setting of a connection"
        ) from None
    query = urlsplit(url).query
    if "heartbeat" not in query:
        found.heartbeat = HEARTBEAT_S
    if "blocked_connection_timeout" not in query:
        found.blocked_connection_timeout = BLOCKED_TIMEOUT_S
    found.client_properties = {"connection_name": name}
    return found


def address_of(config: Mapping[str, Any] | Address | None) -> Address:
    """The address that a config dict describes; without one that of the settings.

    Args:
        config: `host`, `port`, `username`, `password`, `virtual_host`, `heartbeat`,
            `blocked_connection_timeout`, `ssl_options`; what is missing has its default. Or the
            address itself.

    Raises:
        ConfigurationError: A key is unknown or its value wrong; all are named.
    """
    if isinstance(config, Address):
        return config
    if config is None and (address := address_in(settings.load())) is not None:
        return address
    try:
        found = RabbitmqConfig.model_validate(dict(config or {}))
    except ValidationError as error:
        problems = "; ".join(described(each) for each in error.errors(include_url=False))
        known = ", ".join(RabbitmqConfig.model_fields)
        raise ConfigurationError(f"rabbitmq config: {problems}; known keys: {known}") from None
    return _address(found)


def address_in(found: Settings) -> Address | None:
    """The address that the settings describe; None: everything runs embedded.

    Raises:
        ConfigurationError: A file for an encrypted connection is wrong.
    """
    if found.broker_url is None:
        return None
    address = Address(found.broker_url, tls=tls_of(found))
    if address.encrypted:
        address.tls.options()
    return address


def described(problem: Mapping[str, Any]) -> str:
    """One wrong key in one line; the value itself may be a secret."""
    name = ".".join(str(part) for part in problem["loc"])
    unknown = problem["type"] == "extra_forbidden"
    return f"unknown key {name!r}" if unknown else f"{name}: {problem['msg']}"


def reason_of(error: BaseException) -> str:
    """The reason of a failed connection, in one line: the innermost of pika's nested errors."""
    if causes := causes_of(error):
        return reason_of(causes[-1])
    return " ".join(str(error).split()) or type(error).__name__


def causes_of(error: BaseException) -> list[BaseException]:
    """The errors inside an error: pika nests them in its own attributes and arguments."""
    inner = [
        *getattr(error, "exceptions", ()),
        getattr(error, "exception", None),
        error.__cause__,
        *error.args,
    ]
    return [each for each in inner if isinstance(each, BaseException)]


def _address(found: RabbitmqConfig) -> Address:
    options, host = found.ssl_options, found.host
    if isinstance(options, ssl.SSLContext):
        options = pika.SSLOptions(options, host)
    scheme = "amqp" if options is None else "amqps"
    port = found.port or PORTS[scheme]
    login = f"{quote(found.username, safe='')}:{quote(found.password.get_secret_value(), safe='')}"
    place = f"[{host}]" if ":" in host else host
    query = urlencode(
        {
            "heartbeat": found.heartbeat,
            "blocked_connection_timeout": found.blocked_connection_timeout,
        }
    )
    vhost = quote(found.virtual_host, safe="")
    return Address(f"{scheme}://{login}@{place}:{port}/{vhost}?{query}", options)
