"""The addresses of ALERT_URLS: a list with commas, of which each item may hold commas too."""

import re
from urllib.parse import urlsplit

SCHEME = re.compile(r"[a-zA-Z][\w+.-]*")
NEXT = re.compile(r",\s*(?=[a-zA-Z][\w+.-]*://)")
WEB = ("http", "https")


def split(urls: str) -> tuple[str, ...]:
    """The addresses of a list; a comma within one is not followed by another one's scheme."""
    return tuple(filter(None, map(str.strip, NEXT.split(urls.strip().rstrip(",")))))


def check(urls: str) -> None:
    """Refuse a list with something else in it; what is in it is not repeated.

    Raises:
        ValueError: What to write instead.
    """
    for number, url in enumerate(split(urls), 1):
        scheme, mark, rest = url.partition("://")
        if not (SCHEME.fullmatch(scheme) and mark and rest):
            raise ValueError(f"address {number} is none: write https://host/path, commas between")
        if scheme in WEB and not has_host(url):
            raise ValueError(f"address {number} names no host: write https://host/path")


def has_host(url: str) -> bool:
    """Whether an address can be read, and says of which host."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
