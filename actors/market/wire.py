"""The connection to a vendor: one GET at a time, bounded in time and size, with a hidden key."""

import logging
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from typing_extensions import override

from actors.market.provider import Provider
from orchestration.ports import Clock
from trading.errors import VendorAnswerError, VendorDownError
from trading.vendors.vendor import Answer, Request

LARGEST_MIB = 32
TIMEOUTS_AN_ANSWER = 6
AGENT = "Mozilla/5.0 (compatible; fleet-orchestration)"

# At DEBUG httpcore logs the headers of answers, and a redirect repeats the key in one of them.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class KeyedTransport(httpx.HTTPTransport):
    """Adds the key below everything that logs or raises errors: httpx itself never sees it."""

    def __init__(self, secret: Mapping[str, str], proxy: str | None) -> None:
        super().__init__(proxy=proxy)
        self._secret = secret

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        keyed = httpx.Request(
            request.method,
            request.url.copy_merge_params(self._secret),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(keyed)


class Wire:
    """An open connection to one provider; follows no redirects, which would carry the key away.

    Args:
        provider: The provider to ask.
        clock: Measures how long a whole answer takes.

    Raises:
        VendorKeyError: The provider's key is not set.
    """

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._client = httpx.Client(
            transport=KeyedTransport(provider.secret_query(), _proxy(provider.url)),
            timeout=provider.timeout.total_seconds(),
            headers={"User-Agent": AGENT, "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, request: Request) -> Answer:
        """Send a request and return the answer, whatever its status.

        Raises:
            VendorDownError: There was no answer, or it took too long.
            VendorAnswerError: The answer cannot be read, or the address is invalid.
        """
        name, url = self._provider.name, self._provider.url + request.path
        try:
            with self._client.stream("GET", url, params=dict(request.query)) as response:
                kind = response.headers.get("content-type", "")
                wait = self._retry_after(response.headers.get("retry-after", ""))
                return Answer(response.status_code, kind, self._body(response), wait)
        except httpx.TimeoutException:
            raise VendorDownError(name, "it did not answer in time") from None
        except httpx.ConnectError as error:
            raise VendorDownError(name, f"it cannot be reached: {error}") from None
        except httpx.TransportError:
            raise VendorDownError(name, "the connection broke off") from None
        except httpx.DecodingError:
            raise VendorAnswerError(name, "its answer cannot be unpacked") from None
        except httpx.InvalidURL:
            raise VendorAnswerError(name, "it names an address that cannot be asked") from None

    def _body(self, response: httpx.Response) -> bytes:
        end = self._clock.monotonic() + TIMEOUTS_AN_ANSWER * self._provider.timeout.total_seconds()
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > LARGEST_MIB * 2**20:
                problem = f"its answer is larger than {LARGEST_MIB} MiB"
                raise VendorAnswerError(self._provider.name, problem)
            if self._clock.monotonic() > end:
                raise VendorDownError(self._provider.name, "its answer took too long")
        return bytes(body)

    def _retry_after(self, text: str) -> timedelta | None:
        """Read seconds or a date; None for any other text."""
        try:
            if text.isdecimal():
                return timedelta(seconds=int(text))
            moment = parsedate_to_datetime(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(aware - self._clock.now(), timedelta(0))
        except (ValueError, OverflowError):
            return None


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names: httpx does not ask for a custom transport."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
