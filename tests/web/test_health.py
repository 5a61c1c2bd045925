"""Whether the process is ready: anybody may ask as often as he likes, and it costs one look."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import anyio
import httpx
import pytest

from orchestration import settings
from orchestration.web import health
from orchestration.web.application import create_app
from orchestration.web.console import Console
from tests.web.browsing import ELSEWHERE
from tests.web.conftest import Browse

READY = "/health/ready"


class Broker:
    """A broker that hangs up on whoever comes.

    Attributes:
        url: Where it is.
        guests: How many came.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.url = f"amqp://127.0.0.1:{listener.getsockname()[1]}"
        self.guests = 0

    def serve(self) -> None:
        """Hang up on everybody until the listener is shut."""
        while True:
            try:
                guest, _ = self._listener.accept()
            except OSError:
                return
            self.guests += 1
            guest.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Broker(listener)
        thread = threading.Thread(target=found.serve)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def behind(console: Console, environ: dict[str, str], broker: Broker) -> Console:
    """A console whose broker hangs up."""
    return replace(console, settings=settings.load({**environ, "RABBITMQ_URL": broker.url}))


def test_who_asks_at_the_same_time_is_told_of_the_same_look(
    behind: Console, broker: Broker
) -> None:
    told: list[httpx.Response] = []

    async def ask_all() -> None:
        transport = httpx.ASGITransport(create_app(behind), client=ELSEWHERE)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
            anyio.create_task_group() as group,
        ):

            async def ask() -> None:
                told.append(await client.get(READY))

            for _ in range(20):
                group.start_soon(ask)

    anyio.run(ask_all)
    problem = {"status": "unready", "broker": "RabbitMQ cannot be used"}
    assert [(each.status_code, each.json()) for each in told] == [(503, problem)] * 20
    assert broker.guests == 1


def test_what_was_seen_is_looked_at_again_once_it_is_old(
    behind: Console, broker: Broker, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    http = browse(settings=behind.settings)
    for _ in range(3):
        assert http.get(READY).status_code == 503
    assert broker.guests == 3


def test_a_probe_is_answered_however_much_else_comes_from_its_address(
    console: Console, browse: Browse
) -> None:
    http = browse(limits=replace(console.limits, rate=0.1, burst=1.0))
    codes = [http.get("/orchestration/whoami").status_code for _ in range(2)]
    assert codes == [200, 429]
    assert {http.get(path).status_code for path in (READY, "/health/live")} == {200}
