"""Approvals over the bus: off by default, of few and checked users, never for their own runs."""

import json
import re
from typing import Any

import pytest

from orchestration import settings
from orchestration.bus import topology
from orchestration.engine.by import By
from orchestration.runtime.door import Delivery, Door
from orchestration.settings import Settings
from orchestration.state import RunStatus
from orchestration.store import dead_letters
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, Fleet, step, workflow

R = RunStatus
GUARDED = workflow("guarded", step("plan"), step("pay", "plan", approval=HOUR))
OURS = workflow("approve_workflow", step("plan"))
ON = settings.load({"APPROVERS": "ann, bob", "USER_AGENTS": "bob=buyer"})

Json = dict[str, Any]


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(GUARDED)


def waiting(fleet: Fleet, sender: str = "starter") -> str:
    """A run that waits for a person."""
    run_id = fleet.start("guarded", sender=sender)
    fleet.work_off(fleet.worker())
    assert fleet.status(run_id) is R.WAITING
    return run_id


def say(
    fleet: Fleet,
    command: str,
    parameters: Json,
    *,
    user: str | None = "ann",
    rules: Settings = ON,
    queue: str = topology.QUEUE,
    **more: Any,
) -> None:
    """Deliver a command, published by a user."""
    envelope = {
        "id": "verdict-1",
        "message_type": "command",
        "sender": "desk",
        "recipient": "orchestration_agent",
        "payload": {"command_type": command, "parameters": parameters},
    }
    body = json.dumps({**envelope, **more}).encode()
    delivery = Delivery(queue, 1, "command.orchestration", body, user=user)
    operation = Door(fleet.app, rules).read(delivery)
    assert callable(operation)
    fleet.client.commit(operation)


def approval(fleet: Fleet, run_id: str, **more: Any) -> Json:
    """The parameters of an approval of what waits now."""
    shown = fleet.client.shown(run_id, "pay")
    return {"workflow_id": run_id, "step": "pay", "shown": shown, "reason": "it is right", **more}


def answers(fleet: Fleet) -> list[Json]:
    """The payloads of what the desk is told."""
    bodies = fleet.read(
        lambda s: s.all("SELECT body FROM outbox WHERE body IS NOT NULL ORDER BY id")
    )
    told = [json.loads(body) for (body,) in bodies]
    return [each["payload"] for each in told if each["recipient"] == "desk"]


def audited(fleet: Fleet) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = fleet.read(
        lambda s: s.all("SELECT actor, action FROM audit ORDER BY id")
    )
    return rows


def refused(fleet: Fleet) -> str:
    """Why the one message was refused, which its sender is told."""
    (letter,) = fleet.read(lambda s: dead_letters.newest(s, 10))
    (told,) = answers(fleet)
    assert told["error_type"] == letter.reason == "command_rejected"
    assert told["error_message"] == letter.detail
    assert told["original_message_id"] == "verdict-1"
    assert audited(fleet) == []
    return str(letter.detail)


def test_a_listed_user_approves_and_the_audit_names_him(fleet: Fleet) -> None:
    run_id = waiting(fleet)
    say(fleet, "approve_workflow", approval(fleet, run_id))
    assert fleet.status(run_id) is R.RUNNING
    assert answers(fleet) == [
        {
            "command_received": True,
            "workflow_id": run_id,
            "command_type": "approve_workflow",
            "status": "pending",
            "original_message_id": "verdict-1",
        }
    ]
    assert audited(fleet) == [("bus:ann: it is right", "approve")]


def test_a_listed_user_rejects_without_having_been_shown_anything(fleet: Fleet) -> None:
    run_id = waiting(fleet)
    say(fleet, "reject_workflow", {"workflow_id": run_id, "step": "pay", "reason": "too much"})
    assert fleet.status(run_id) is R.CANCELLED
    assert [each["status"] for each in answers(fleet)] == ["cancelled"]
    assert audited(fleet) == [("bus:ann: too much", "reject")]


@pytest.mark.parametrize("verb", ["approve_workflow", "reject_workflow"])
@pytest.mark.parametrize(
    ("user", "rules", "problem"),
    [
        ("eve", ON, "counts only from a user in APPROVERS.*'eve' is none"),
        (None, ON, "counts only from a user in APPROVERS.*without user_id"),
        ("ann", settings.load({}), "approvals over the bus are off: .*APPROVERS"),
    ],
)
def test_nobody_else_answers(
    fleet: Fleet, verb: str, user: str | None, rules: Settings, problem: str
) -> None:
    run_id = waiting(fleet)
    say(fleet, verb, approval(fleet, run_id), user=user, rules=rules)
    assert fleet.status(run_id) is R.WAITING
    assert re.search(problem, refused(fleet))


@pytest.mark.parametrize("verb", ["approve_workflow", "reject_workflow"])
@pytest.mark.parametrize(
    ("sender", "user", "more"),
    [
        pytest.param("desk", "ann", {}, id="its sender"),
        pytest.param("desk2", "ann", {"reply_to": "desk2"}, id="who gets the answers"),
        pytest.param("buyer", "bob", {}, id="whose agent has started it"),
        pytest.param("ann", "ann", {}, id="who is called as its sender"),
    ],
)
def test_nobody_answers_for_his_own_run(
    fleet: Fleet, verb: str, sender: str, user: str, more: Json
) -> None:
    run_id = waiting(fleet, sender)
    say(fleet, verb, approval(fleet, run_id), user=user, **more)
    assert fleet.status(run_id) is R.WAITING
    letters = fleet.read(lambda s: dead_letters.newest(s, 10))
    assert "somebody else must answer for it" in letters[0].detail
    assert audited(fleet) == []


def test_the_user_who_published_a_command_does_not_approve_its_run(fleet: Fleet) -> None:
    say(fleet, "guarded", {}, user="ann", id="start-1", sender="starter")
    fleet.work_off(fleet.worker())
    (run_id,) = fleet.read(lambda s: s.one("SELECT id FROM runs"))
    assert fleet.status(run_id) is R.WAITING
    say(fleet, "approve_workflow", approval(fleet, run_id), user="ann")
    assert "bus:ann has started" in refused(fleet)
    say(fleet, "approve_workflow", approval(fleet, run_id), user="bob", id="verdict-2")
    assert fleet.status(run_id) is R.RUNNING


def test_an_approval_names_what_was_shown_and_who_asks_is_told(fleet: Fleet) -> None:
    run_id = waiting(fleet)
    say(fleet, "approve_workflow", {"workflow_id": run_id, "step": "pay"})
    assert f"shown={fleet.client.shown(run_id, 'pay')}" in refused(fleet)
    assert fleet.status(run_id) is R.WAITING


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"shown": "f" * 64}, "is not what was shown"),
        ({"step": "plan"}, "step 'plan' does not wait"),
        ({"workflow_id": "guarded_none"}, "guarded_none"),
        ({"workflow_id": 7}, "parameters.workflow_id"),
        ({"step": None}, "parameters.step"),
        ({"reason": "x" * 501}, "parameters.reason"),
        ({"step": "p\0y"}, "parameters.step"),
        ({"who": "ann"}, "parameters.who"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(fleet: Fleet, change: Json, problem: str) -> None:
    run_id = waiting(fleet)
    say(fleet, "approve_workflow", approval(fleet, run_id, **change))
    assert problem in refused(fleet)
    assert fleet.status(run_id) is R.WAITING


def test_it_counts_once_and_is_acknowledged_again_only_where_it_is_sent_again(
    fleet: Fleet,
) -> None:
    run_id = waiting(fleet)
    given = approval(fleet, run_id)
    say(fleet, "approve_workflow", given)
    say(fleet, "approve_workflow", given, queue=topology.INBOX)  # its copy
    assert len(answers(fleet)) == 1
    say(fleet, "approve_workflow", given)
    assert {each["workflow_id"] for each in answers(fleet)} == {run_id}
    assert len(audited(fleet)) == 1
    say(fleet, "reject_workflow", {"workflow_id": run_id, "step": "pay"})
    (letter,) = fleet.read(lambda s: dead_letters.newest(s, 10))
    assert "used the key 'verdict-1' for another command" in letter.detail


def test_nothing_is_approved_during_an_emergency_stop(fleet: Fleet) -> None:
    run_id = waiting(fleet)
    given = approval(fleet, run_id)
    fleet.client.stop_everything(By("tests", "prices look wrong"))
    say(fleet, "approve_workflow", given)
    (letter,) = fleet.read(lambda s: dead_letters.newest(s, 10))
    assert letter.reason == "command_rejected"
    assert ("bus:ann: it is right", "approve") not in audited(fleet)


def test_a_workflow_of_that_name_is_started_as_ever(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(OURS)
    say(fleet, "approve_workflow", {}, user=None)
    assert [each["command_received"] for each in answers(fleet)] == [True]
    assert fleet.read(lambda s: s.one("SELECT command FROM runs")) == ("approve_workflow",)
