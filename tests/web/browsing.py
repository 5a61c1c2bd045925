"""A client of the application in this process, without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import ASGIApp

HERE = ("127.0.0.1", 50_000)
ELSEWHERE = ("192.0.2.7", 50_000)


class Browser:
    """Asks the application, and keeps its cookies.

    Args:
        portal: The event loop in which the application runs.
        client: The HTTP client.
    """

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self._client = client

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, url, **more))

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        return self.request("POST", url, **more)

    def delete(self, url: str, **more: Any) -> httpx.Response:
        return self.request("DELETE", url, **more)


@contextmanager
def browsing(app: ASGIApp, base_url: str, client: tuple[str, int]) -> Iterator[Browser]:
    """A client at an address, until the block ends."""
    transport = httpx.ASGITransport(app, client=client, raise_app_exceptions=False)
    with start_blocking_portal() as portal:
        asking = httpx.AsyncClient(transport=transport, base_url=base_url)
        yield Browser(portal, asking)
        portal.call(asking.aclose)
