"""One typed settings object, read from the environment once and checked whole."""

import os
import re
import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from orchestration import alert_urls
from orchestration.errors import ConfigurationError
from orchestration.plans import LONGEST

PREFIX = "ORCHESTRATION_"
TOO_LONG = "must be positive, and at most 10 years"
HOST = re.compile(r"[\w.-]+|\[[\da-fA-F:.]+\]")
PLACE = re.compile(r"([\w.%-]*|\[[\da-fA-F:.%]+\])(:(?P<port>\d{0,5}))?")
MOST_PORTS = 65_535
RATE = re.compile(r"[1-9]\d{0,2}/(second|minute|hour|day)")
BAD_ESCAPE = re.compile(r"%(?![\da-fA-F]{2})")
SHORTEST_SECRET = 8
TLS_FILES = ("RABBITMQ_CA_FILE", "RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE")
PORT, TLS_PORT = 5672, 5671


def _seconds(value: Any) -> Any:
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str | int | float) else value
    except OverflowError:
        raise ValueError(TOO_LONG) from None


def _span(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= LONGEST:
        raise ValueError(TOO_LONG)
    return value


def _names(value: Any) -> Any:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


def _pairs(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    pairs = [each.rpartition("=") for each in _names(value)]
    if not all(user.strip() and agent.strip() for user, _, agent in pairs):
        raise ValueError("write user=agent, and a comma between two of them")
    return frozenset((user.strip(), agent.strip()) for user, _, agent in pairs)


def _parts(url: str) -> SplitResult | None:
    """An address in its parts; None: it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    stray = "@" in parts.path + parts.query or parts.fragment or BAD_ESCAPE.search(url)
    places = map(PLACE.fullmatch, parts.netloc.rpartition("@")[2].split(","))
    fine = all(place and int(place["port"] or 0) <= MOST_PORTS for place in places)
    return parts if fine and not stray else None


def _address(url: str) -> SplitResult:
    """An address in its parts; one that is wrong may hold a password, and is not repeated."""
    if (parts := _parts(url)) is None:
        raise ValueError(
            "is no address: write scheme://user:password@host:port/name, and percent-encode"
            " special characters of the password (# is %23, % is %25, @ is %40, / is %2F)"
        )
    return parts


def _amqp(url: SecretStr) -> SecretStr:
    first, *others = url.get_secret_value().split(";")
    parts = _address(first)
    several = others or "," in parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"amqp", "amqps"} or not parts.hostname or several:
        raise ValueError("expected one amqp://user:password@host:port/vhost")
    if "ssl_options" in parse_qs(parts.query):
        raise ValueError(f"ssl_options would not check the server: set {', '.join(TLS_FILES)}")
    return url


def _redis(url: SecretStr) -> SecretStr:
    parts = _address(url.get_secret_value())
    if not ((parts.scheme in {"redis", "rediss"} and parts.hostname) or parts.scheme == "unix"):
        raise ValueError("expected redis://user:password@host:port/database")
    return url


def _words(value: Any) -> Any:
    """A command as its words, split as a shell would; nothing else of a shell is at work."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _database(url: SecretStr) -> SecretStr:
    check_store(url.get_secret_value())
    return url


def _alert_urls(urls: SecretStr) -> SecretStr:
    alert_urls.check(urls.get_secret_value())
    return urls


def check_store(url: str) -> None:
    """Refuse what is no store's address, and do not repeat it.

    Raises:
        ValueError: What to write instead.
    """
    scheme, path = url.partition(":")[0], url.removeprefix("sqlite:///")
    if scheme == "sqlite" and (path == url or not Path(path).name):
        raise ValueError("names no file: use sqlite:///relative/path or sqlite:////absolute/path")
    if scheme in {"postgres", "postgresql"}:
        _address(url)
    elif scheme != "sqlite":
        raise ValueError("is no store's address: use sqlite:///path or postgresql://…")


def _web(url: str) -> str:
    parts = _parts(url)
    stray = parts is None or parts.username or parts.query or "," in parts.netloc
    if parts is None or stray or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected https://host or https://host/path, and nothing else")
    return url.rstrip("/")


def _rates(value: str) -> str:
    if not all(map(RATE.fullmatch, value.split(","))):
        raise ValueError("expected rates such as 5/minute or 25/day,1/second")
    return value


def _host(value: str) -> str:
    if not HOST.fullmatch(value):
        raise ValueError("expected one host and nothing else; its port goes into RABBITMQ_PORT")
    return value


Seconds = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_span)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Pairs = Annotated[frozenset[tuple[str, str]], BeforeValidator(_pairs)]
AmqpUrl = Annotated[SecretStr, AfterValidator(_amqp)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
AlertUrls = Annotated[SecretStr, AfterValidator(_alert_urls)]
StoreUrl = Annotated[SecretStr, AfterValidator(_database)]
Host = Annotated[str, AfterValidator(_host)]
WebAddress = Annotated[str, AfterValidator(_web)]
Rates = Annotated[str, AfterValidator(_rates)]


class Settings(BaseModel):
    """Everything that the environment decides; each field is the variable of its name in capitals.

    Durations are in seconds there, and `timedelta` here.
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, extra="ignore")

    rabbitmq_url: AmqpUrl | None = None
    cloudamqp_url: AmqpUrl | None = None
    rabbitmq_host: Host | None = None
    rabbitmq_port: int | None = Field(None, ge=1, le=65535)
    rabbitmq_user: str = "guest"
    rabbitmq_pass: SecretStr = SecretStr("guest")
    rabbitmq_vhost: str = "/"
    rabbitmq_management_url: str | None = Field(None, pattern=r"^https?://[^@/]+/?$")
    rabbitmq_ca_file: Path | None = None
    rabbitmq_cert_file: Path | None = None
    rabbitmq_key_file: Path | None = None
    max_concurrent_workflows: int = Field(5, ge=1)
    workflow_timeout: Seconds = timedelta(minutes=15)
    heartbeat_interval: Seconds = timedelta(seconds=15)
    timeout_threshold: Seconds = timedelta(minutes=5)
    max_pending_per_sender: int = Field(10_000, ge=1)
    outside_agents: Names = ()
    agent_circuit_failures: int = Field(10, ge=1)
    agent_circuit_pause: Seconds = timedelta(seconds=30)
    alert_urls: AlertUrls | None = None
    require_user_id: bool = False
    user_agents: Pairs = frozenset()
    retention_days: float = Field(30.0, gt=0, le=LONGEST.days)
    retention_runs: int = Field(100_000, ge=1)
    database_url: StoreUrl | None = None
    market_data_dir: Path | None = None
    redis_url: RedisUrl | None = None
    discovery_queue: str = "discovery"
    discovery_command: Words = ()
    discovery_hook: Words = ()
    market_cache_dir: Path | None = None
    market_timeout: Seconds = timedelta(seconds=10)
    polygon_url: WebAddress = "https://api.polygon.io"
    polygon_api_key: SecretStr | None = None
    polygon_rate: Rates = "5/minute"
    yahoo_url: WebAddress = "https://query1.finance.yahoo.com"
    yahoo_rate: Rates = "60/minute"
    alpha_vantage_url: WebAddress = "https://www.alphavantage.co"
    alpha_vantage_api_key: SecretStr | None = None
    alpha_vantage_rate: Rates = "25/day,1/second"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    port: int | None = Field(None, ge=1, le=65535)
    orchestration_host: str = "127.0.0.1"
    orchestration_url: str | None = None
    orchestration_api_token: SecretStr | None = None
    orchestration_home: Path = Path(".orchestration")
    orchestration_app: str | None = None

    @model_validator(mode="after")
    def _use_every_file(self) -> Self:
        if not self._encrypts:
            return self
        if self.rabbitmq_cert_file is None and self.rabbitmq_key_file is not None:
            raise ValueError("RABBITMQ_KEY_FILE is of no use alone: set RABBITMQ_CERT_FILE too")
        if (self.broker_url or "amqps").partition(":")[0] != "amqps":
            raise ValueError(
                f"{', '.join(TLS_FILES)} need an encrypted connection: let the broker's address"
                " begin with amqps://, or unset them"
            )
        return self

    @property
    def _encrypts(self) -> bool:
        files = (self.rabbitmq_ca_file, self.rabbitmq_cert_file, self.rabbitmq_key_file)
        return any(path is not None for path in files)

    @model_validator(mode="after")
    def _one_way_to_start(self) -> Self:
        if self.discovery_command and self.discovery_hook:
            raise ValueError("DISCOVERY_COMMAND and DISCOVERY_HOOK are both set: unset one")
        return self

    @property
    def broker_url(self) -> str | None:
        """Where RabbitMQ is, password included; None: everything runs embedded."""
        for url in (self.rabbitmq_url, self.cloudamqp_url):
            if url is not None:
                return url.get_secret_value()
        if self.rabbitmq_host is None:
            return None
        user = quote(self.rabbitmq_user, safe="")
        password = quote(self.rabbitmq_pass.get_secret_value(), safe="")
        vhost = quote(self.rabbitmq_vhost, safe="")
        scheme, usual = ("amqps", TLS_PORT) if self._encrypts else ("amqp", PORT)
        port = self.rabbitmq_port or usual
        return f"{scheme}://{user}:{password}@{self.rabbitmq_host}:{port}/{vhost}"

    @property
    def transport(self) -> str:
        """The name of the transport, without user and password: `embedded` or an address."""
        if self.broker_url is None:
            return "embedded"
        parts = urlsplit(self.broker_url)
        vhost = parts.path.removeprefix("/") or "%2F"
        usual = TLS_PORT if parts.scheme == "amqps" else PORT
        return f"{parts.scheme}://{parts.hostname}:{parts.port or usual}/{vhost}"

    @property
    def app(self) -> str:
        """The module whose `app` is the fleet."""
        return self.orchestration_app or "actors"

    @property
    def retention(self) -> timedelta:
        """How long ended runs are kept."""
        return timedelta(days=self.retention_days)

    def vouches(self, user: str | None, sender: str) -> bool:
        """Whether a message may name a sender, by the user that the broker has checked."""
        known = user == sender or (user, sender) in self.user_agents
        return known or not self.require_user_id

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """Where alerts go besides the log."""
        return alert_urls.split(self.alert_urls.get_secret_value()) if self.alert_urls else ()

    def masked(self, body: bytes) -> bytes:
        """A body without any configured secret in it."""
        for secret in self._secrets():
            body = body.replace(secret, b"***")
        return body

    def _secrets(self) -> list[bytes]:
        values = [getattr(self, name) for name in type(self).model_fields]
        urls = (self.rabbitmq_url, self.cloudamqp_url, self.database_url, self.redis_url)
        found = [urlsplit(url.get_secret_value()).password for url in urls if url is not None]
        found += [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
        found += self.alert_addresses
        return [text.encode() for text in found if text and len(text) >= SHORTEST_SECRET]

    @property
    def store_url(self) -> str:
        """Where the store is, password included."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.orchestration_home / 'orchestration.db'}"


def load(environ: Mapping[str, str] = os.environ) -> Settings:  # noqa: TID251 - the one place
    """The settings that an environment asks for.

    Args:
        environ: Variables by name; a secret may also be given as `NAME_FILE`, a path to read.

    Raises:
        ConfigurationError: A value is wrong, or an `ORCHESTRATION_*` is unknown; all are named.
    """
    values = {name: value for name, value in environ.items() if value}
    values.update(_from_files(values))
    names = {name.upper() for name in Settings.model_fields}
    unknown = [n for n in values if n.startswith(PREFIX) and n.removesuffix("_FILE") not in names]
    if unknown:
        known = ", ".join(sorted(name for name in names if name.startswith(PREFIX)))
        raise ConfigurationError(f"unknown setting {', '.join(sorted(unknown))}; known: {known}")
    if values.get("RABBITMQ_PORT", "").startswith("tcp://"):
        raise ConfigurationError(
            "RABBITMQ_PORT is an address that Kubernetes made from a service named rabbitmq:"
            " set RABBITMQ_PORT=5672, or enableServiceLinks: false in the pod"
        )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_problem, error.errors()))) from None


def origins(environ: Mapping[str, str] = os.environ) -> dict[str, str]:  # noqa: TID251 - as above
    """For each field of the settings where its value comes from: `default` or a variable."""
    found = {}
    for field in Settings.model_fields:
        name = field.upper()
        given = [each for each in (f"{name}_FILE", name) if environ.get(each)]
        found[field] = given[0] if given else "default"
    return found


def _from_files(values: Mapping[str, str]) -> dict[str, str]:
    secrets = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if "Secret" in str(field.annotation) or "Secret" in str(field.metadata)
    }
    found = {}
    for name in secrets:
        if path := values.get(f"{name}_FILE"):
            try:
                found[name] = Path(path).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"{name}_FILE: {error.strerror}: {path}") from None
    return found


def _problem(problem: Mapping[str, Any]) -> str:
    """One wrong value in one line; the value itself may be a secret."""
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
