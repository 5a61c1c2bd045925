"""What the sender of a command gets back, in a plain pika program that follows only the guide."""

import pytest

from tests.bus.orchestra import Orchestra
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq
PROGRESS = {
    "workflow_id",
    "command_type",
    "progress",
    "current_step",
    "status",
    "timestamp",
    "details",
}


def test_acknowledgement_first_then_progress_then_one_final_answer(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_1")
    sent = peer.order("restart_discovery_system", {"force_stop": True, "strategy": "hybrid_v1"})
    final = peer.final(sent)
    run_id = peer.run_of(sent)
    first, *between, last = [m for m in peer.heard if m["correlation_id"] == sent]
    assert first["message_type"] == "response"
    assert first["payload"] == {
        "command_received": True,
        "workflow_id": run_id,
        "command_type": "restart_discovery_system",
        "status": "pending",
        "original_message_id": sent,
    }
    assert {m["message_type"] for m in between} == {"status_update"}
    assert last["payload"] == final
    assert final["status"] == "completed"
    assert final["result"] == {"done": True}
    assert final["error_messages"] == []
    peer.listen(0.5)
    assert peer.heard[-1] == last


def test_progress_has_exactly_the_fields_of_the_guide_and_never_falls(
    orchestra: Orchestra,
) -> None:
    peer = orchestra.peer("management_2")
    sent = peer.order("restart_discovery_system", {})
    peer.final(sent)
    payloads = [m["payload"] for m in peer.heard if m["message_type"] == "status_update"]
    updates = [payload["progress_update"] for payload in payloads]
    assert all(payload.keys() == {"progress_update"} for payload in payloads)
    assert all(update.keys() == PROGRESS for update in updates)
    detail_names = {"steps_completed", "steps_failed", "error_messages"}
    assert all(update["details"].keys() == detail_names for update in updates)
    fractions = [update["progress"] for update in updates]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert updates[-1]["status"] == "completed"
    assert updates[-1]["details"]["steps_completed"] == [
        "stopping_rq_workers",
        "clearing_job_queue",
        "restarting_discovery_service",
    ]


def test_every_message_is_an_envelope_to_the_sender(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_3")
    peer.final(peer.order("integrate_real_data", {}))
    for message in peer.heard:
        assert message["sender"] == "orchestration_agent"
        assert message["recipient"] == "management_3"
        key = {"response": "response", "status_update": "status"}[message["message_type"]]
        assert message["routing_key"] == f"{key}.management_3"


def test_a_failed_run_says_why(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_4")
    final = peer.final(peer.order("fail", {}))
    assert final["status"] == "failed"
    assert final["result"] is None
    assert final["error_messages"] == ["step refusing: PermanentError: this never works"]


def test_a_repeated_command_is_acknowledged_again_and_starts_nothing(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_5")
    sent = peer.order("integrate_real_data", {}, id="the-same")
    peer.final(sent)
    peer.listen(0.3)
    assert len(peer.answers_to(sent)) == 2, "one acknowledgement, one final answer"
    peer.order("integrate_real_data", {}, id="the-same")
    peer.wait(lambda _: len(peer.answers_to(sent)) == 3)
    peer.listen(0.5)
    answers = [m["payload"] for m in peer.answers_to(sent)]
    assert len(answers) == 3
    assert answers[2]["command_received"]
    assert {answer["workflow_id"] for answer in answers} == {answers[0]["workflow_id"]}


def test_the_same_id_with_another_body_is_refused(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_6")
    sent = peer.order("integrate_real_data", {}, id="taken")
    peer.final(sent)
    peer.order("fail", {}, id="taken")
    error = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert error["error_type"] == "command_rejected"
    assert error["original_message_id"] == "taken"


@pytest.mark.parametrize(
    ("name", "payload", "part"),
    [
        ("refused_1", {"command_type": "no_such_thing"}, "unknown command 'no_such_thing'"),
        (
            "refused_2",
            {"command_type": "integrate_real_data", "parameters": {"primary_source": 1}},
            "primary_source",
        ),
        ("refused_3", {"command_type": 7}, "command_type"),
        ("refused_4", {"parameters": {}}, "command_type"),
        ("refused_5", {"command_type": "fail", "parameters": [1]}, "parameters"),
        ("refused_6", {"command_type": "fail", "idempotency_key": "k" * 201}, "idempotency_key"),
    ],
)
def test_a_refused_command_gets_one_error(
    orchestra: Orchestra, name: str, payload: dict[str, object], part: str
) -> None:
    peer = orchestra.peer(name)
    sent = peer.say("command", payload)
    error = peer.wait(lambda m: m["message_type"] == "error")
    assert error["correlation_id"] == sent
    assert error["payload"].keys() == {"error_type", "error_message", "original_message_id"}
    assert error["payload"]["error_type"] == "command_rejected"
    assert error["payload"]["original_message_id"] == sent
    assert part in error["payload"]["error_message"]
    peer.listen(0.3)
    assert len(peer.heard) == 1
    assert [letter.message_id for letter in orchestra.dead(name)] == [sent]


def test_an_idempotency_key_replaces_the_id(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_7")
    payload = {"command_type": "integrate_real_data", "idempotency_key": "mine"}
    first, second = peer.say("command", payload), peer.say("command", payload)
    assert first != second
    assert peer.run_of(first) == peer.run_of(second)


def test_a_key_and_an_id_of_the_same_text_are_two_commands(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_9")
    payload = {"command_type": "integrate_real_data"}
    texts = [f"{prefix}same" for prefix in ("", "key:", "id:", "id:key:")]
    sent = [peer.say("command", payload, id=text) for text in texts]
    sent += [peer.say("command", {**payload, "idempotency_key": text}) for text in texts]
    assert len({peer.run_of(each) for each in sent}) == 2 * len(texts)
    other = {"command_type": "fail", "idempotency_key": "same"}
    peer.say("command", other)
    error = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert "management_9 used the key 'same' for another command" in error["error_message"]


@pytest.mark.parametrize("recipient", ["rabbitmq_orchestration_agent", "orchestration"])
def test_the_orchestrator_answers_to_its_other_names(orchestra: Orchestra, recipient: str) -> None:
    peer = orchestra.peer(f"calls_{recipient}")
    assert peer.final(peer.order("integrate_real_data", {}, recipient=recipient))


def test_what_is_meant_for_others_starts_nothing(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_8")
    peer.order("integrate_real_data", {}, recipient="somebody_else")
    peer.final(peer.order("integrate_real_data", {}))
    assert len([m for m in peer.heard if "command_received" in m["payload"]]) == 1


@pytest.mark.parametrize(
    ("reply_to", "told"), [("elsewhere", "elsewhere"), ("amq.gen-x.y", "asks_2")]
)
def test_answers_go_where_they_can_be_routed(
    orchestra: Orchestra, reply_to: str, told: str
) -> None:
    asks, elsewhere = orchestra.peer("asks_2"), orchestra.peer("elsewhere")
    sent = asks.order("integrate_real_data", {}, reply_to=reply_to)
    answered = {"asks_2": asks, "elsewhere": elsewhere}[told]
    assert answered.final(sent)["status"] == "completed"


def test_nothing_is_said_of_a_run_after_its_end(orchestra: Orchestra) -> None:
    peer = orchestra.peer("management_9")
    sent = peer.order("integrate_real_data", {})
    run_id = peer.run_of(sent)
    peer.final(sent)
    told = len(peer.heard)
    payload = {"error_type": "late", "error_message": "too late", "critical": True}
    peer.say("error", {**payload, "workflow_id": run_id})
    eventually(
        lambda: (known := orchestra.known("management_9")) and known.error_count == 1, within=10
    )
    peer.listen(0.3)
    assert len(peer.heard) == told
    assert orchestra.status(run_id)["error_messages"] == []
