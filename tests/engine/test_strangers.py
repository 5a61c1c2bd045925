"""Agents that nobody serves and no setting names: only so many of them count."""

import json
import logging
from typing import Any

import pytest

from orchestration.engine import Engine, emergency, intake, outside, pauses, strangers
from orchestration.engine.by import By
from orchestration.messages import Envelope, parse
from orchestration.store import agents
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, Fleet, step, workflow

ASK_LATER = workflow("later", step("first"), step("asking", "first", agent="partner"))
ASK = workflow("ask", step("asking", agent="partner"))
TRIP = workflow("trip", step("flight"))
MANY = workflow("many", step("asking", agent="partner", for_each="parameters.items"))


@pytest.fixture
def fleet(fleet_of: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(strangers, "MOST", 3)
    found = fleet_of(ASK, ASK_LATER, TRIP, MANY)
    found.worker(queues={"warehouse": 4})
    return found


@pytest.fixture
def engine(fleet: Fleet) -> Engine:
    fleet.client = fleet.engine("ingress", outside=frozenset({"partner"}))
    return fleet.client


def said(sender: str, kind: str = "heartbeat", **payload: Any) -> Envelope:
    known = {"id": "1", "recipient": "orchestration_agent", "sender": sender, "payload": payload}
    return Envelope.model_validate({**known, "message_type": kind})


def beat(engine: Engine, *names: str) -> None:
    for name in names:
        engine.commit(lambda tx, n=name: intake.beat(tx, said(n)))  # type: ignore[misc]


def known(fleet: Fleet) -> list[str]:
    return [row.name for row in fleet.read(agents.everyone)]


def test_beyond_the_limit_only_those_that_are_named_or_known_are_heard(
    fleet: Fleet, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        beat(engine, "a", "b", "c", "d", "e", "partner")
    assert known(fleet) == ["a", "b", "c", "partner", "warehouse"]
    assert len([each for each in caplog.records if "OUTSIDE_AGENTS" in each.message]) == 1
    fleet.clock.advance(MINUTE)
    beat(engine, "a", "f")
    (row,) = [each for each in fleet.read(agents.everyone) if each.name == "a"]
    assert row.last_heartbeat == fleet.clock.now()
    assert "3 messages so far" in caplog.records[-1].message


@pytest.mark.parametrize(
    "handle",
    [
        lambda tx: outside.report(tx, said("d", "status_update", health_status="running")),
        lambda tx: outside.complain(tx, said("d", "error", error_message="x", critical=True)),
        lambda tx: emergency.answered(tx, said("d", "response", command_id="stop:tests:1:d")),
    ],
)
def test_no_other_word_makes_an_agent_known(fleet: Fleet, engine: Engine, handle: Any) -> None:
    beat(engine, "a", "b", "c")
    engine.commit(handle)
    assert "d" not in known(fleet)


def test_who_is_silent_makes_room_and_who_works_or_rests_does_not(
    fleet: Fleet, engine: Engine
) -> None:
    fleet.start("ask")
    beat(engine, "partner", "a", "b")
    engine.commit(lambda tx: pauses.pause(tx, ["b"], By("ann")))
    beat(engine, "c")
    fleet.clock.advance(6 * MINUTE)
    beat(engine, "c", "d")
    assert known(fleet) == ["b", "c", "partner", "warehouse"]


def test_a_stop_is_told_to_those_that_are_named_that_work_or_were_heard_of(
    fleet: Fleet, engine: Engine
) -> None:
    beat(engine, "a")
    fleet.clock.advance(6 * MINUTE)
    beat(engine, "b")
    assert engine.commit(emergency.outside_agents) == ["b", "partner"]
    beat(engine, "orchestration_agent")
    assert engine.commit(emergency.outside_agents) == ["b", "partner"]
    fleet.start("ask")
    unnamed = fleet.engine("other")
    assert unnamed.commit(emergency.outside_agents) == ["b", "partner"]


@pytest.mark.parametrize(
    ("named", "messages"),
    [
        ("{}:asking[1]:1", [None, "half"]),
        ("{}:asking[1]:2", [None, None]),
        ("{}:asking:1", ["half", None]),
        ("of its own", ["half", "half"]),
        (None, ["half", "half"]),
    ],
)
def test_progress_is_that_of_the_branch_whose_command_it_names(
    fleet: Fleet, engine: Engine, named: str | None, messages: list[str | None]
) -> None:
    run_id = fleet.start("many", {"items": ["a", "b"]})
    told = {"workflow_id": run_id, "step": "asking", "progress": 0.5, "message": "half"}
    update = said("partner", "status_update", **told)
    about = None if named is None else named.format(run_id)
    named_update = update.model_copy(update={"correlation_id": about})
    engine.commit(lambda tx: outside.report(tx, named_update))
    found = [fleet.row(run_id, "asking", branch).message for branch in (0, 1)]
    assert [each or None for each in found] == messages


@pytest.mark.parametrize(("parameters", "left_out"), [(1_000, []), (600_000, ["first"])])
def test_results_have_the_room_that_parameters_leave_in_a_command(
    fleet: Fleet, parameters: int, left_out: list[str]
) -> None:
    worker = fleet.worker("w2", rules={"outside": frozenset({"partner"})})
    fleet.start("later", {"items": "x" * parameters})
    fleet.work_off(worker, lambda _: "y" * 400_000)
    bodies = [body for (body,) in fleet.read(lambda s: s.all("SELECT body FROM outbox"))]
    (told,) = [parse(body.encode()).payload for body in bodies if '"asking"' in body]
    assert told["results_left_out"] == left_out


def test_what_an_agent_says_moves_no_cursor(fleet: Fleet, engine: Engine) -> None:
    run_id = fleet.start("ask")
    hostile = "disk\x1b[2K full\x9b\r\u202e\nand more"
    row = fleet.row(run_id, "asking")
    envelope = said(
        "partner", "response", command_id=f"{run_id}:asking:{row.attempt}", status="failed"
    )
    envelope.payload["error"] = hostile
    engine.commit(lambda tx: outside.answer(tx, envelope))
    (kept,) = [each.error for each in fleet.attempts(run_id)]
    assert json.loads(str(kept))["message"] == "disk\ufffd[2K full\ufffd\ufffd\ufffd\nand more"


def test_an_agent_is_heard_beside_a_row_of_its_own_that_cannot_be_read(
    fleet: Fleet, engine: Engine
) -> None:
    poisoned, healthy = fleet.start("ask"), fleet.start("ask")
    spoil = "UPDATE steps SET claimed_at = 1e300 WHERE run_id = ?"
    fleet.store.write(lambda s: s.run(spoil, poisoned))
    update = said("partner", "status_update", workflow_id=healthy, step="asking", progress=0.5)
    engine.commit(lambda tx: outside.report(tx, update))
    assert fleet.row(healthy, "asking").fraction == 0.5
    wrong = said("partner", "error", workflow_id=healthy, error_message="no", critical=True)
    engine.commit(lambda tx: outside.complain(tx, wrong))
    assert fleet.run(healthy).status.ended
