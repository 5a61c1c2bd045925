"""The management API's address may be another server's: that is told, and costs no password."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestration.bus.address import Address
from orchestration.bus.management import Management
from orchestration.errors import BrokerError

HOST = "127.0.0.1"


@contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[str | None]]]:
    """A web server with one empty answer: its address, and the logins that it was shown."""
    shown: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}", shown
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_sends_us_elsewhere_gives_our_password_to_nobody() -> None:
    with (
        answering(200) as (other, seen_there),
        answering(302, Location=f"{other}/api/queues/x") as (api, seen),
        pytest.raises(BrokerError, match="302"),
    ):
        Management(Address("amqp://guest:hunter22@127.0.0.1:1/x"), api).queues()
    assert len(seen) == 1
    assert seen_there == []
