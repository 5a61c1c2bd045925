"""The `traceparent` header: the caller's span, which the runs that it starts belong to."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestration.traces import HEADER, tracer


class Traced:
    """Lets a request belong to its caller's trace, if tracing is on.

    Args:
        app: The application that answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        known = scope["type"] == "http" and tracer().on
        with tracer().within(Headers(scope=scope).get(HEADER) if known else None):
            await self._app(scope, receive, send)
