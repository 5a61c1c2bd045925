"""Alerts reach webhooks and services whatever those do, and no address is ever shown."""

import logging
import socket
import sys
from collections.abc import Iterator

import pytest

from orchestration.errors import ConfigurationError
from orchestration.runtime import addresses
from orchestration.runtime.addresses import Addresses
from orchestration.runtime.alerter import FIRST_PAUSE, LONGEST_PAUSE, MOST_TRIES
from orchestration.store import alerts
from orchestration.store.alerts import AlertKind
from tests.integration.alarms import alerter, kept, mask, sound, tries
from tests.integration.workshop import Workshop
from tests.webhooks import SECRET, Server, serving

of_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "TRY_S", 3.0)


def test_a_webhook_gets_an_alert_once_as_json(workshop: Workshop, server: Server) -> None:
    telling = alerter(workshop, server.url("works"))
    sound(workshop, "the password is hush-hush")
    sound(workshop, "the password is hush-hush")
    telling.tick()
    telling.tick()
    assert server.heard("works") == [
        {
            "id": 1,
            "kind": "agent_silent",
            "subject": "smith",
            "message": "the password is ***",
            "workflow_id": None,
            "raised_at": "2025-09-12T12:00:00.000+00:00",
            "times": 2,
            "text": "agent_silent: the password is *** (2 times)",
        }
    ]
    assert kept(workshop).due_at is None


def test_one_that_fails_is_tried_again_and_the_others_are_not_told_twice(
    workshop: Workshop, server: Server
) -> None:
    telling = alerter(workshop, server.url("works"), server.url("fails"))
    sound(workshop)
    telling.tick()
    pauses = []
    while (due_at := kept(workshop).due_at) is not None:
        pauses.append(due_at - workshop.clock.now())
        workshop.clock.advance(pauses[-1])
        telling.tick()
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert len(server.heard("fails")) == kept(workshop).tries == MOST_TRIES
    assert len(server.heard("works")) == 1
    assert kept(workshop).problem == "http://127.0.0.1: status 500"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("hangs", "no answer within"),
        ("dribbles", "no answer within"),
        ("redirects", "status 307: it redirects"),
    ],
)
def test_one_that_hangs_or_redirects_holds_nobody_up(
    workshop: Workshop,
    server: Server,
    path: str,
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    telling = alerter(workshop, server.url(path), server.url("works"))
    for subject in ("smith", "baker"):
        sound(workshop, subject=subject)
    telling.tick()
    assert [body["subject"] for body in server.heard("works")] == ["smith", "baker"]
    assert server.heard("elsewhere") == []
    found = workshop.store.read(lambda s: alerts.newest(s, 9))
    assert len(server.heard(path)) == 1
    assert problem in str(found[-1].problem)
    assert SECRET not in caplog.text + repr(found)


def test_a_server_that_is_not_there_is_named_without_its_secrets(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    telling = alerter(workshop, f"http://127.0.0.1:{port}/{SECRET}")
    sound(workshop)
    telling.tick()
    assert kept(workshop).problem == "http://127.0.0.1: ConnectError"
    assert SECRET not in caplog.text


@of_apprise
def test_apprise_tells_the_services_that_it_knows(workshop: Workshop, server: Server) -> None:
    telling = alerter(workshop, f"json://127.0.0.1:{server.server_port}/service/{SECRET}")
    sound(workshop)
    telling.tick()
    (body,) = server.heard("service")
    assert body["message"] == "agent_silent: gone"
    assert body["title"] == "orchestration: agent_silent"
    assert kept(workshop).due_at is None


@of_apprise
def test_a_service_that_refuses_is_tried_again(
    workshop: Workshop, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    telling = alerter(workshop, f"json://127.0.0.1:{server.server_port}/fails/{SECRET}")
    sound(workshop)
    telling.tick()
    assert kept(workshop).problem == "json://…: the service did not take it"
    assert SECRET not in caplog.text


@of_apprise
def test_an_address_that_nothing_knows_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigurationError, match=r"address 2 \(nonsense://…\) is none") as error:
        Addresses(["https://here/x", f"nonsense://{SECRET}"], mask)
    assert SECRET not in str(error.value)
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delitem(sys.modules, "orchestration.runtime.services", raising=False)
    with pytest.raises(ConfigurationError, match=r"fleet-orchestration\[alerts\]") as error:
        Addresses([f"slack://{SECRET}"], mask)
    assert SECRET not in str(error.value)


def test_a_round_ends_in_time_and_the_rest_is_told_later(
    workshop: Workshop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "ROUND_S", 0.0)
    telling = alerter(workshop, server.url("works"))
    for subject in ("smith", "baker"):
        sound(workshop, subject=subject)
    telling.tick()
    assert len(server.heard("works")) == 1
    workshop.clock.advance(FIRST_PAUSE)
    telling.tick()
    assert len(server.heard("works")) == 2


def told(server: Server, path: str) -> list[str]:
    return [body["subject"] for body in server.heard(path)]


def test_an_alert_that_an_address_refuses_keeps_no_other_from_it(
    workshop: Workshop, server: Server
) -> None:
    telling = alerter(workshop, server.url("picky"))
    for subject in ("poison", "smith", "baker"):
        sound(workshop, subject=subject)
    telling.tick()
    assert told(server, "picky") == ["poison", "smith", "baker"]
    assert tries(workshop)["poison"] == 1
    workshop.clock.advance(FIRST_PAUSE)
    telling.tick()
    assert told(server, "picky")[3:] == ["poison"], "the others have it"


def test_an_alert_at_which_an_address_fails_is_tried_after_those_that_were_not(
    workshop: Workshop, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    telling = alerter(workshop, server.url("chokes"))
    for subject in ("poison", "smith", "baker"):
        sound(workshop, subject=subject)
    telling.tick()
    assert tries(workshop) == {"poison": 1, "smith": 0, "baker": 0}
    (left, *_) = workshop.store.read(lambda s: alerts.newest(s, 1))
    assert left.problem == "it was not its turn yet: an address failed, or was slow, before it"
    workshop.clock.advance(FIRST_PAUSE)
    telling.tick()
    assert told(server, "chokes") == ["poison", "smith", "baker", "poison"]
    assert caplog.text.count("alert agent_silent: gone") == 3


def test_an_emergency_stop_is_told_before_what_waits(workshop: Workshop, server: Server) -> None:
    telling = alerter(workshop, server.url("chokes"))
    sound(workshop, subject="poison")
    sound(workshop, subject="fleet", kind=AlertKind.EMERGENCY_STOP)
    telling.tick()
    assert told(server, "chokes") == ["fleet", "poison"]
