"""Every setting, typed and checked together."""

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from orchestration import alert_urls
from orchestration.plans import LONGEST
from orchestration.settings.broker import PORTS, place_of
from orchestration.settings.fields import (
    TLS_FILES,
    AlertUrls,
    AmqpUrl,
    Bind,
    Host,
    Names,
    Pairs,
    Rates,
    RedisUrl,
    Seconds,
    StoreUrl,
    Token,
    WebAddress,
    Words,
)

SHORTEST_SECRET = 8
SHORTEST_WORD = 4
MASK = b"***"
PUBLIC = "guest"  # RabbitMQ's own password, which everybody knows


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
    rabbitmq_queue_type: Literal["classic", "quorum"] = "classic"
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
    approvers: Names = ()
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
    otel_exporter_otlp_endpoint: WebAddress | None = None
    otel_service_name: str = "fleet-orchestration"
    port: int | None = Field(None, ge=1, le=65535)
    orchestration_host: Bind | None = None
    orchestration_url: WebAddress | None = None
    orchestration_api_token: Token | None = None
    orchestration_trusted_proxies: Names = ()
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
        scheme = "amqps" if self._encrypts else "amqp"
        port = self.rabbitmq_port or PORTS[scheme]
        return f"{scheme}://{user}:{password}@{self.rabbitmq_host}:{port}/{vhost}"

    @property
    def transport(self) -> str:
        """The name of the transport, without user and password: `embedded` or an address."""
        return "embedded" if self.broker_url is None else place_of(self.broker_url)

    @property
    def web_host(self) -> str:
        """The address that the HTTP part binds: every one where a platform gives the port."""
        return self.orchestration_host or ("127.0.0.1" if self.port is None else "0.0.0.0")  # noqa: S104 - never without a token

    @property
    def app(self) -> str:
        """The module whose `app` is the fleet."""
        return self.orchestration_app or "actors"

    @property
    def retention(self) -> timedelta:
        """How long ended runs are kept."""
        return timedelta(days=self.retention_days)

    def vouches(self, user: str | None, sender: str) -> bool:
        """Whether a message of a user, whom the broker has authenticated, may name a sender."""
        known = user == sender or (user, sender) in self.user_agents
        return known or not self.require_user_id

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """Where alerts go besides the log."""
        return alert_urls.split(self.alert_urls.get_secret_value()) if self.alert_urls else ()

    def masked(self, body: bytes) -> bytes:
        """A body without any configured secret in it; a short secret is masked as a whole word."""
        for secret in self._secrets:
            body = body.replace(secret, MASK)
        return body if self._words is None else self._words.sub(MASK, body)

    def mask(self, text: str) -> str:
        """A text without any configured secret in it."""
        return self.masked(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    @cached_property
    def _secrets(self) -> list[bytes]:
        """Every form of every secret that is long enough, the longest first."""
        return forms_of(form for form in self._known if len(form) >= SHORTEST_SECRET)

    @cached_property
    def _words(self) -> re.Pattern[bytes] | None:
        """The shorter secrets, as words; None: there are none."""
        short = (x for x in self._known if SHORTEST_WORD <= len(x) < SHORTEST_SECRET)
        forms = forms_of(form for form in short if form != PUBLIC)
        return (
            re.compile(rb"(?<!\w)(?:%b)(?!\w)" % b"|".join(map(re.escape, forms)))
            if forms
            else None
        )

    @property
    def _known(self) -> set[str]:
        """Every secret, as it is set and as it is decoded."""
        values = [getattr(self, name) for name in type(self).model_fields]
        urls = (self.rabbitmq_url, self.cloudamqp_url, self.database_url, self.redis_url)
        found = [urlsplit(url.get_secret_value()).password for url in urls if url is not None]
        found += [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
        found += self.alert_addresses
        return {form for text in found if text for form in (text, unquote(text))}

    @property
    def store_url(self) -> str:
        """Where the store is, password included."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.orchestration_home / 'orchestration.db'}"


def forms_of(secrets: Iterable[str]) -> list[bytes]:
    """How secrets are written in text and in JSON, the longest first."""
    forms = set(secrets)
    escaped = {json.dumps(form, ensure_ascii=a)[1:-1] for form in forms for a in (True, False)}
    forms |= escaped | {form.replace("/", "\\/") for form in escaped}
    return sorted((form.encode() for form in forms), key=len, reverse=True)
