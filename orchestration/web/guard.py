"""The guard before every route: where requests may come from, how often, how large and how slow.

All of it is plain ASGI, so that it holds for streams and for bodies that are not read yet.
"""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.web.authentication import SAFE, is_loopback
from orchestration.web.limits import Buckets, Limits
from orchestration.web.problems import Problem

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# A flood from the address of a probe, or through its proxy, must not get the process taken out.
UNCOUNTED = "/health/"
TOO_LARGE = "the body is too large: at most {0} bytes"
TOO_SLOW = "the body did not arrive within {0:.0f} s"
ELSEWHERE = (
    "this host is served without a token, to this machine alone: use http://localhost or"
    " http://127.0.0.1, or set ORCHESTRATION_API_TOKEN"
)
OTHER_SITE = "another site asked the browser for this: do it from a page of this one"


class Guard:
    """Refuses what no route should see, and gives every answer its security headers.

    Args:
        app: What is guarded.
        limits: The bounds.
        monotonic: Seconds that never jump.
        is_open: Whether no token is needed: then the Host header must name this machine.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, monotonic: Callable[[], float], *, is_open: bool
    ) -> None:
        self._app = app
        self._limits = limits
        self._is_open = is_open
        self._requests = Buckets(limits.rate, limits.burst, monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = Answer(send)
        if problem := self._against(scope):
            await problem.response()(scope, receive, answer.send)
            return
        body = Body(receive, self._limits)
        await self._app(scope, body.receive, answer.send)

    def _against(self, scope: Scope) -> Problem | None:
        """Why a request is refused before it is read."""
        headers = Headers(scope=scope)
        caller = scope["client"][0] if scope.get("client") else "unknown"
        if not scope["path"].startswith(UNCOUNTED) and (wait := self._requests.take(caller)):
            after = {"Retry-After": f"{max(wait, 1):.0f}"}
            return Problem(429, "too many requests came from here: wait", headers=after)
        if self._is_open and not is_loopback(name_of(headers.get("host", ""))):
            return Problem(421, ELSEWHERE)
        if scope["method"] not in SAFE and is_foreign(headers):
            return Problem(403, OTHER_SITE)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.body:
            return Problem(413, TOO_LARGE.format(self._limits.body))
        return None


class Body:
    """A request's body, as long as it is neither too large nor too slow.

    Args:
        receive: Where it comes from.
        limits: The bounds.
    """

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._size = 0
        self._deadline = asyncio.get_running_loop().time() + limits.body_s
        self._whole = False

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            HTTPException: The body is too large, or too slow.
        """
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, TOO_SLOW.format(self._limits.body_s)) from None
        self._size += len(message.get("body", b""))
        if self._size > self._limits.body:
            raise HTTPException(413, TOO_LARGE.format(self._limits.body))
        self._whole = not message.get("more_body", False)
        return message


class Answer:
    """An answer with its security headers.

    Args:
        send: Where it goes.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, message: Message) -> None:
        """Send the next piece."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def is_foreign(headers: Headers) -> bool:
    """Whether a browser asks on behalf of another site."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
