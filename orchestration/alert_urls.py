"""The addresses of ALERT_URLS: a comma-separated list whose items may contain commas too."""

import re
from urllib.parse import urlsplit

SCHEME = re.compile(r"[a-zA-Z][\w+.-]*")
NEXT = re.compile(r",\s*(?=[a-zA-Z][\w+.-]*://)")
WEB = ("http", "https")


def split(urls: str) -> tuple[str, ...]:
    """The addresses of a list; only a comma before a scheme separates two of them."""
    return tuple(filter(None, map(str.strip, NEXT.split(urls.strip().rstrip(",")))))


def check(urls: str) -> None:
    """Refuse a list with an invalid address; the error repeats no address, as each is secret.

    Raises:
        ValueError: An address is invalid; says what to write instead.
    """
    for number, url in enumerate(split(urls), 1):
        scheme, mark, rest = url.partition("://")
        if not (SCHEME.fullmatch(scheme) and mark and rest):
            raise ValueError(f"address {number} is none: write https://host/path, commas between")
        if scheme in WEB and not has_host(url):
            raise ValueError(f"address {number} names no host: write https://host/path")


def has_host(url: str) -> bool:
    """Whether an address can be parsed, and names a host."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
