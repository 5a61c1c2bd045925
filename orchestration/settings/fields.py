"""What a setting may look like: types, each with a check whose problem names the cure."""

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from orchestration import alert_urls
from orchestration.plans import LONGEST
from orchestration.rate import parse_rates

TOO_LONG = "must be positive, and at most 10 years"
HOST = re.compile(r"[\w.-]+|\[[\da-fA-F:.]+\]")
PLACE = re.compile(r"([\w.%-]*|\[[\da-fA-F:.%]+\])(:(?P<port>\d{0,5}))?")
MOST_PORTS = 65_535
SHORTEST_TOKEN = 16
TLS_FILES = ("RABBITMQ_CA_FILE", "RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE")
BAD_ESCAPE = re.compile(r"%(?![\da-fA-F]{2})")


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
    """The parts of an address; None: it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    stray = "@" in parts.path + parts.query or parts.fragment or BAD_ESCAPE.search(url)
    places = map(PLACE.fullmatch, parts.netloc.rpartition("@")[2].split(","))
    fine = all(place and int(place["port"] or 0) <= MOST_PORTS for place in places)
    return parts if fine and not stray else None


def _address(url: str) -> SplitResult:
    """The parts of an address; an error does not repeat it, since it may hold a password."""
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
    """The words of a command, split as a shell would; nothing else is done as in a shell."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _database(url: SecretStr) -> SecretStr:
    check_store(url.get_secret_value())
    return url


def _alert_urls(urls: SecretStr) -> SecretStr:
    alert_urls.check(urls.get_secret_value())
    return urls


def check_store(url: str) -> None:
    """Refuse a text that is no store's address; the error does not repeat it.

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
    parse_rates(value)
    return value


def _host(value: str) -> str:
    if not HOST.fullmatch(value):
        raise ValueError("expected one host and nothing else; its port goes into RABBITMQ_PORT")
    return value


def _bind(value: str) -> str:
    if not HOST.fullmatch(value):
        raise ValueError("expected one address, such as 127.0.0.1; its port goes into PORT")
    return value.strip("[]")


def _token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_TOKEN:
        raise ValueError(
            f"must have at least {SHORTEST_TOKEN} characters, that nobody guesses it:"
            " `openssl rand -hex 32` makes one"
        )
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
Bind = Annotated[str, AfterValidator(_bind)]
WebAddress = Annotated[str, AfterValidator(_web)]
Token = Annotated[SecretStr, AfterValidator(_token)]
Rates = Annotated[str, AfterValidator(_rates)]
