"""With REQUIRE_USER_ID a message counts only from a user who may speak for its sender."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus, settings
from orchestration.errors import ConfigurationError
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow
from tests.bus.orchestra import Orchestra, environment, playing
from tests.bus.peer import EXCHANGE, Peer
from tests.eventually import eventually

LOGGED_IN = "guest"
TRUSTED = "trusted_agent"


@pytest.fixture(scope="module")
def band(bus_vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestra]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        home: Path = tmp_path_factory.mktemp("home")
        environment(monkeypatch, bus_vhost, home)
        monkeypatch.setenv("REQUIRE_USER_ID", "true")
        monkeypatch.setenv("USER_AGENTS", f"{LOGGED_IN}={TRUSTED}, {LOGGED_IN}=other_agent")
        with playing(bus_vhost) as found:
            yield found


def publish(peer: Peer, user: str | None, body: Any, key: str = "command.orchestration") -> None:
    properties = pika.BasicProperties(delivery_mode=2, user_id=user)
    peer.channel.basic_publish(EXCHANGE, key, json.dumps(body).encode(), properties)


def order(sender: str, id_: str, kind: str = "command") -> dict[str, Any]:
    return {
        "id": id_,
        "message_type": kind,
        "sender": sender,
        "recipient": "orchestration_agent",
        "payload": {"command_type": "integrate_real_data"},
    }


def letter(orchestra: Orchestra, id_: str) -> DeadLetterRow:
    def look() -> list[DeadLetterRow]:
        found = orchestra.read(lambda s: dead_letters.newest(s, 100))
        return [each for each in found if each.message_id == id_]

    return eventually(look, within=20, what=f"{id_} is a dead letter")[0]


@pytest.mark.rabbitmq
@pytest.mark.parametrize("sender", [TRUSTED, "other_agent", LOGGED_IN])
def test_a_user_speaks_for_the_agents_of_its_entries_and_of_its_name(
    orchestra: Orchestra, sender: str
) -> None:
    peer = orchestra.peer(sender)
    publish(peer, LOGGED_IN, order(sender, f"good-{sender}"))
    assert peer.final(f"good-{sender}")["status"] == "completed"


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("user", "sender"), [(None, TRUSTED), (LOGGED_IN, "victim"), (None, LOGGED_IN)]
)
@pytest.mark.parametrize("kind", ["command", "heartbeat", "response"])
def test_others_are_dead_letters_and_the_claimed_sender_hears_nothing(
    orchestra: Orchestra, user: str | None, sender: str, kind: str
) -> None:
    peer = orchestra.peer(sender)
    id_ = f"bad-{user}-{sender}-{kind}"
    publish(peer, user, order(sender, id_, kind), f"{kind}.orchestration")
    found = letter(orchestra, id_)
    assert (found.reason, found.sender) == ("user_id", None)
    assert f"={sender} to USER_AGENTS" in found.detail
    publish(peer, LOGGED_IN, order(TRUSTED, f"after-{id_}") | {"reply_to": sender})
    peer.final(f"after-{id_}")
    assert not peer.answers_to(id_, "error"), "what came before the next answer"
    if sender == "victim":
        assert orchestra.known(sender) is None


@pytest.mark.rabbitmq
def test_what_is_no_message_is_not_answered_to_a_sender_who_may_be_a_victim(
    orchestra: Orchestra,
) -> None:
    peer = orchestra.peer("victim")
    for user, sender in (("guest", "victim"), ("guest", TRUSTED)):
        broken = order(sender, f"broken-{sender}") | {"priority": 9, "reply_to": "victim"}
        publish(peer, user, broken)
    assert letter(orchestra, "broken-victim").sender is None
    assert letter(orchestra, f"broken-{TRUSTED}").sender == TRUSTED


@pytest.mark.rabbitmq
def test_an_agent_s_bus_says_who_is_logged_in(orchestra: Orchestra, bus_vhost: str) -> None:
    del bus_vhost

    async def beat() -> None:
        async with AgentMessageBus(TRUSTED) as bus:
            await bus.send_heartbeat()

    asyncio.run(beat())
    eventually(lambda: orchestra.known(TRUSTED), within=20, what="it is known")


def test_the_map_of_users_is_read_from_one_line() -> None:
    found = settings.load({"USER_AGENTS": "a=x, u=v = y ,"})
    assert found.user_agents == {("a", "x"), ("u=v", "y")}
    assert found.vouches(None, "anybody"), "REQUIRE_USER_ID is off"


@pytest.mark.parametrize("value", ["a", "=a", "a=", "a=b,c"])
def test_a_wrong_map_of_users_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="USER_AGENTS: write user=agent"):
        settings.load({"USER_AGENTS": value})
