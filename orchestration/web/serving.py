"""The HTTP server: a thread of this process, bounded, and ended in good order."""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.web.application import create_app
from orchestration.web.authentication import is_loopback
from orchestration.web.console import Console
from orchestration.web.limits import Limits

PORT = 8080
GRACE_S = 5
END_S = 15.0
BACKLOG = 512
log = logging.getLogger(__name__)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with limits on the time for a request's head, and for a client to read its answer.

    Attributes:
        limits: The limits.
    """

    limits = Limits()
    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader = self.loop.call_later(self.limits.send_s, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        super().resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for timer in filter(None, (self._head, self._reader)):
            timer.cancel()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(self.limits.head_s, self.transport.close)


def require_token(settings: Settings) -> None:
    """Refuse to serve other machines without a token.

    Raises:
        ConfigurationError: There is no token, and other machines can reach the address.
    """
    if is_loopback(settings.web_host) or settings.orchestration_api_token is not None:
        return
    raise ConfigurationError(
        f"{settings.web_host} can be reached from elsewhere: set ORCHESTRATION_API_TOKEN (or"
        " ORCHESTRATION_API_TOKEN_FILE), or ORCHESTRATION_HOST=127.0.0.1"
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigurationError: Another process has the port, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "the port is taken" if taken else error.strerror or error
        raise ConfigurationError(
            f"cannot listen at {host}:{port} ({why}): set PORT, --port or ORCHESTRATION_HOST"
        ) from None
    # The event loop sets it only for sockets of a named protocol; without it, an answer in two
    # pieces waits 40 ms for the client to acknowledge the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def listening(console: Console, listener: socket.socket) -> Iterator[str]:
    """Serve HTTP in a thread until the block ends; yields the address."""
    proxies = list(console.settings.orchestration_trusted_proxies)
    app = create_app(console)
    config = uvicorn.Config(
        app,
        http=type("Protocol", (BoundedProtocol,), {"limits": console.limits}),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        limit_concurrency=console.limits.connections,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
    )
    thread.start()
    host, port = listener.getsockname()[:2]
    try:
        yield f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    finally:
        app.state.broadcast.close()
        server.should_exit = True
        thread.join(END_S)
        listener.close()
