"""Outside agents: what they are sent, and what their messages do."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.store import configuration
from tests.bus.orchestra import Orchestra
from tests.bus.peer import Message, Peer
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def asked(orchestra: Orchestra) -> Callable[[str], tuple[Peer, Peer, str, Message]]:
    """Start a run whose first step an outside agent does; wait for the command it gets."""

    def ask(agent: str, workflow: str = "") -> tuple[Peer, Peer, str, Message]:
        requester = orchestra.peer(f"asks_{agent}")
        peer = orchestra.peer(agent)
        sent = requester.order(workflow or f"ask_{agent}", {})
        return requester, peer, sent, peer.commanded("work")

    return ask


Asked = Callable[..., tuple[Peer, Peer, str, Message]]


def test_an_outside_agent_is_sent_everything_that_the_contract_lists(asked: Asked) -> None:
    requester, peer, sent, command = asked("own_agent")
    run_id = requester.run_of(sent)
    assert command["id"] == f"{run_id}:asking:1"
    assert command["sender"] == "orchestration_agent"
    assert command["routing_key"] == "command.own_agent"
    payload = dict(command["payload"])
    assert payload.pop("deadline") > command["timestamp"]
    assert payload == {
        "command_id": f"{run_id}:asking:1",
        "command": "work",
        "parameters": {},
        "item": None,
        "results": {},
        "results_left_out": [],
        "configuration": {},
        "configuration_versions": {},
        "configuration_left_out": [],
        "workflow_id": run_id,
        "step": "asking",
        "attempt": 1,
        "idempotency_key": f"{run_id}:asking",
    }
    answer(peer, command)
    assert requester.final(sent)["status"] == "completed"


def answer(peer: Peer, command: Message, **payload: Any) -> str:
    said = {"status": "completed", "result": {"n": 1}, **payload}
    return peer.say("response", said, correlation_id=command["id"])


def test_an_agent_gets_what_its_step_builds_on_and_may_configure(
    orchestra: Orchestra, asked: Asked
) -> None:
    requester, peer, sent, command = asked("undo_agent", "undoable")
    assert command["payload"]["results"] == {"preparing": {"done": True}}
    assert command["payload"]["configuration"] == {"mode": None}
    answer(peer, command, configuration={"mode": "fast"})
    assert requester.final(sent)["status"] == "completed"
    (kept,) = orchestra.read(configuration.everything)
    assert (kept.name, kept.value, kept.actor) == ("mode", "fast", "undo_agent")


def test_what_somebody_else_has_set_meanwhile_is_not_set_and_fails_the_step(
    orchestra: Orchestra, asked: Asked
) -> None:
    requester, peer, sent, command = asked("undo_agent", "undoable")
    payload = command["payload"]
    assert payload["configuration"] == {"mode": "fast"}
    found = payload["configuration_versions"]["mode"]
    assert (found["version"], found["set_by"][:9]) == (1, "undoable_")
    answer(peer, command, configuration={"mode": "slow"}, configuration_over={"mode": 0})
    (problem,) = requester.final(sent)["error_messages"]
    assert "mode was set by undo_agent meanwhile (v0 became v1): decide again" in problem
    (kept,) = orchestra.read(configuration.everything)
    assert kept.value == "fast"


@pytest.mark.parametrize(
    ("values", "problem"),
    [({"other": 1}, "may not set the configuration 'other'"), ("x", "give values by name")],
)
def test_a_configuration_that_is_refused_fails_its_step_at_once(
    asked: Asked, values: Any, problem: str
) -> None:
    requester, peer, sent, command = asked("undo_agent", "undoable")
    refused = {"status": "completed", "configuration": values}
    peer.say("response", refused, correlation_id=command["id"])
    peer.wait(lambda m: m["message_type"] == "error" and problem in str(m["payload"]))
    assert problem in str(requester.final(sent)["error_messages"])


def test_an_answer_without_correlation_finishes_the_one_open_step(asked: Asked) -> None:
    requester, peer, sent, _ = asked("own_agent")
    peer.say("response", {"command": "work", "status": "completed", "result": "done"})
    assert requester.final(sent)["status"] == "completed"


def test_an_answer_by_command_id_in_the_payload_does(asked: Asked) -> None:
    requester, peer, sent, command = asked("own_agent")
    payload = {"command_id": command["id"], "status": "failed", "error": "no disk"}
    peer.say("response", payload)
    final = requester.final(sent)
    assert final["status"] == "failed"
    assert final["error_messages"] == ["step asking: AgentError: no disk"]


def test_progress_of_an_outside_agent_reaches_the_requester(asked: Asked) -> None:
    requester, peer, sent, command = asked("slow_agent")
    place = {"workflow_id": command["payload"]["workflow_id"], "step": "asking"}
    peer.say("status_update", {**place, "progress": 0.5, "message": "half way"})
    requester.wait(lambda m: told(m).get("progress") == 0.25)
    peer.say("status_update", {**place, "progress": 10**400})
    requester.wait(lambda m: told(m).get("progress") == 0.5)
    answer(peer, command)
    assert requester.final(sent)["status"] == "completed"


def told(message: Message) -> Message:
    return dict(message["payload"].get("progress_update", {}))


def test_a_late_and_a_repeated_answer_change_nothing(orchestra: Orchestra, asked: Asked) -> None:
    requester, peer, sent, command = asked("own_agent")
    answer(peer, command)
    final = requester.final(sent)
    heard = len(requester.heard)
    answer(peer, command, status="failed", error="too late")
    answer(peer, command, result={"n": 2})
    before = peer.say("heartbeat", {"status": "after"})
    assert before
    eventually(lambda: orchestra.known("own_agent").status == "after", within=10)  # type: ignore[union-attr]
    requester.listen(0.3)
    assert len(requester.heard) == heard
    assert orchestra.status(final["workflow_id"])["status"] == "completed"
    assert orchestra.dead("own_agent") == []


@pytest.mark.parametrize(
    ("name", "fields", "payload"),
    [
        ("lost_1", {"correlation_id": "nobody:knows:1"}, {"status": "completed"}),
        ("lost_2", {"correlation_id": "x" * 200}, {"status": "completed"}),
        ("lost_3", {}, {"status": "completed", "command_id": "9" * 9_000}),
        ("lost_4", {}, {"status": "completed", "command_id": "a:b[" + "9" * 30 + "]:1"}),
        ("lost_5", {}, {"status": "completed", "command_id": "a:b:" + "9" * 30}),
        ("lost_6", {}, {"status": "completed", "command": "work"}),
        ("lost_7", {}, {"status": "completed"}),
        ("lost_8", {}, {"status": "completed", "command_id": "a\0b:c:1"}),
    ],
)
def test_an_answer_that_fits_nothing_is_a_dead_letter_and_its_sender_is_told(
    orchestra: Orchestra, name: str, fields: Message, payload: Message
) -> None:
    peer = orchestra.peer(name)
    sent = peer.say("response", payload, **fields)
    error = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert error["error_type"] == "unmatched_response"
    assert error["original_message_id"] == sent
    assert [letter.reason for letter in orchestra.dead(name)] == ["unmatched_response"]


def test_nobody_answers_for_another_agent(orchestra: Orchestra, asked: Asked) -> None:
    requester, peer, sent, command = asked("own_agent")
    stranger = orchestra.peer("stranger_1")
    answer(stranger, command)
    assert stranger.wait(lambda m: m["message_type"] == "error")
    answer(peer, command, result="mine")
    assert requester.final(sent)["status"] == "completed"


def test_a_critical_error_fails_the_one_step_of_its_sender(asked: Asked) -> None:
    requester, peer, sent, _ = asked("own_agent")
    peer.say("error", {"error_type": "DiskFull", "error_message": "no space", "critical": True})
    final = requester.final(sent)
    assert final["status"] == "failed"
    assert final["error_messages"] == ["step asking: DiskFull: no space"]


def test_a_critical_error_of_the_requester_fails_its_run(asked: Asked) -> None:
    requester, _, sent, command = asked("own_agent")
    run_id = command["payload"]["workflow_id"]
    payload = {"error_type": "x", "error_message": "stop it", "critical": True}
    requester.say("error", {**payload, "workflow_id": run_id})
    final = requester.final(sent)
    assert final["status"] == "failed"
    assert final["error_messages"] == ["critical error of asks_own_agent: stop it"]


def test_a_critical_error_of_a_stranger_only_counts(orchestra: Orchestra, asked: Asked) -> None:
    requester, peer, sent, command = asked("own_agent")
    stranger = orchestra.peer("stranger_2")
    for run_id in (command["payload"]["workflow_id"], "no_such_run", "a\0b", 7):
        payload = {"error_type": "x", "error_message": "boo", "critical": True}
        stranger.say("error", {**payload, "workflow_id": run_id})
    eventually(
        lambda: (known := orchestra.known("stranger_2")) and known.error_count == 4, within=10
    )
    answer(peer, command)
    assert requester.final(sent)["status"] == "completed"


def test_a_heartbeat_registers_an_agent(orchestra: Orchestra) -> None:
    peer = orchestra.peer("newcomer_1")
    peer.say("heartbeat", {"status": "running", "capabilities": ["sings"], "metrics": {"cpu": 1}})
    peer.say("heartbeat", {"status": "busy"})
    eventually(
        lambda: (known := orchestra.known("newcomer_1")) and known.status == "busy", within=10
    )
    known = orchestra.known("newcomer_1")
    assert known is not None
    assert known.last_heartbeat is not None
    assert (known.capabilities, known.metrics) == (["sings"], {"cpu": 1})


def test_what_else_an_agent_says_leaves_its_metrics_alone(orchestra: Orchestra) -> None:
    peer = orchestra.peer("newcomer_2")
    peer.say("heartbeat", {"status": "running", "metrics": {"cpu": 2}})
    eventually(lambda: orchestra.known("newcomer_2"), within=10)
    peer.say("status_update", {"health_status": "tired"})
    eventually(
        lambda: (known := orchestra.known("newcomer_2")) and known.status == "tired", within=10
    )
    known = orchestra.known("newcomer_2")
    assert known is not None
    assert known.metrics == {"cpu": 2}


def test_a_silent_agent_is_an_error_of_its_step(orchestra: Orchestra) -> None:
    requester = orchestra.peer("asks_absent")
    final = requester.final(requester.order("ask_absent_agent", {}), within=30)
    assert final["status"] == "failed"
    assert "no result and no progress in time" in final["error_messages"][0]
    assert ": nothing was heard of " in final["error_messages"][0]


def test_data_are_kept_and_go_where_the_routes_say(orchestra: Orchestra) -> None:
    source, a, b = (orchestra.peer(name) for name in ("source_1", "guest_a", "guest_b"))
    source.say("data", {"data_type": "discovery_results", "data": {"n": 1}})
    source.say("data", {"data_type": "market_data", "data": {"n": 2}})
    source.say("data", {"data_type": "market_data", "data": {"n": 3, "for_discovery": True}})
    source.say("data", {"data_type": "backtest_results", "data": {"n": 4}})
    a.wait(lambda m: m["payload"]["data"]["n"] == 4)
    b.wait(lambda m: m["payload"]["data"]["n"] == 1)
    seen = [(m["payload"]["data_type"], m["payload"]["data"]["n"]) for m in a.heard]
    assert seen == [("discovery_results", 1), ("market_data", 3), ("backtest_complete", 4)]
    assert len(b.heard) == 1
    sql = "SELECT COUNT(*) FROM data_messages WHERE sender = 'source_1'"
    assert orchestra.read(lambda s: s.one(sql)) == (4,)


def test_data_without_a_type_are_refused(orchestra: Orchestra) -> None:
    peer = orchestra.peer("source_2")
    peer.say("data", {"data": {}})
    error = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert error["error_type"] == "wrong_field"


def test_a_cancelled_run_tells_its_agent_and_waits_for_it_before_it_undoes(
    orchestra: Orchestra, asked: Asked
) -> None:
    requester, peer, sent, command = asked("undo_agent", "undoable")
    run_id = command["payload"]["workflow_id"]
    payload = {"error_type": "x", "error_message": "stop", "critical": True}
    requester.say("error", {**payload, "workflow_id": run_id})
    order = peer.commanded("cancel")
    assert order["id"] == f"{command['id']}:cancel"
    assert order["payload"]["parameters"] == {
        "command_id": command["id"],
        "workflow_id": run_id,
        "step": "asking",
    }
    requester.listen(0.5)
    assert orchestra.status(run_id)["status"] == "undoing"
    peer.say("response", {"command": "cancel", "status": "completed"}, correlation_id=order["id"])
    assert requester.final(sent)["status"] == "failed"
    dead = orchestra.dead("undo_agent")
    assert "unmatched_response" not in {letter.reason for letter in dead}
