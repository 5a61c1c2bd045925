"""The frame around every action."""

import logging
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestration import Agent, App, Context, Step, Workflow, logs
from orchestration.engine.submit import prepare
from orchestration.errors import PermanentError, StoreError
from orchestration.state import RunStatus, StepStatus
from orchestration.testbed import Fleet
from tests.clock import FakeClock
from tests.integration.workshop import AGENT, Anvil, MoodyStore, Workshop

SECOND = timedelta(seconds=1)


def test_a_message_that_comes_twice_leaves_the_first_one_its_claim(
    workshop: Workshop, anvil: Anvil
) -> None:
    run = workshop.start()
    again = workshop.shelf.sent[0]
    working = workshop.work()
    first = anvil.wait()
    settled = threading.Event()
    assert workshop.frame.work(again, settled.set)
    assert settled.is_set()
    workshop.tick(4 * SECOND)
    assert workshop.branch(run).status is StepStatus.RUNNING
    assert not first.cancelled
    anvil.free.set()
    working.join()
    assert workshop.status(run) is RunStatus.COMPLETED
    assert len(anvil.calls) == 1


def test_a_message_that_comes_twice_lets_nothing_begin_alone_beside_the_first(
    workshop: Workshop, anvil: Anvil
) -> None:
    run = workshop.start({"pieces": [1, 2]})
    again, poison = workshop.shelf.sent
    first = workshop.work()
    anvil.wait()
    assert workshop.frame.work(again, lambda: None)
    workshop.shelf.sent = [replace(poison, alone=True)]
    second = workshop.work()
    assert not anvil.busy.acquire(timeout=0.2)
    anvil.free.set()
    for working in (first, second):
        working.join(5)
    assert workshop.status(run) is RunStatus.COMPLETED


def test_a_message_of_the_past_does_nothing(workshop: Workshop, anvil: Anvil) -> None:
    anvil.free.set()
    run = workshop.start()
    old = workshop.shelf.sent[0]
    workshop.work().join()
    assert workshop.status(run) is RunStatus.COMPLETED
    assert workshop.frame.work(old, lambda: None)
    assert len(anvil.calls) == 1


def test_a_draining_worker_leaves_messages_to_others(workshop: Workshop) -> None:
    workshop.start()
    workshop.frame.draining = True
    assert not workshop.frame.work(workshop.shelf.sent[0], pytest.fail)


def test_a_result_is_kept_in_memory_while_the_store_is_away(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.runtime.frame.STORE_PAUSE_S", 0.01)
    workshop = Workshop(anvil.app, clock, moody)
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    moody.error = StoreError("the disk is full")
    anvil.free.set()
    working.join(0.1)
    assert working.is_alive()
    moody.error = None
    working.join(5)
    assert workshop.status(run) is RunStatus.COMPLETED


def test_a_result_that_nobody_can_take_is_given_up_when_the_process_ends(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore
) -> None:
    workshop = Workshop(anvil.app, clock, moody)
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    moody.error = StoreError("the disk is full")
    workshop.frame.stop()
    anvil.free.set()
    working.join(5)
    assert not working.is_alive()
    moody.error = None
    assert workshop.branch(run).status is StepStatus.RUNNING


def test_a_claim_that_the_store_refuses_is_left_to_the_next_message(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore
) -> None:
    workshop = Workshop(anvil.app, clock, moody)
    run = workshop.start()
    moody.error = StoreError("away")
    assert workshop.frame.work(workshop.shelf.sent[0], pytest.fail)
    moody.error = None
    assert not workshop.frame.held()
    assert workshop.branch(run).status is StepStatus.QUEUED


def test_an_undo_has_a_key_of_its_own_in_each_branch(anvil: Anvil) -> None:
    app = anvil.app
    keys: list[str] = []
    actions = app.agent[AGENT].actions
    assert isinstance(actions, dict)
    actions["melt"] = lambda context: keys.append(context.idempotency_key)
    anvil.free.set()
    fleet = Fleet(app)
    fleet.fail_next(AGENT, "forge", ConnectionError("first"))
    handle = fleet.start("order", {"pieces": [1, 2, 3]})
    fleet.fail_next(AGENT, "forge", PermanentError("no iron"))
    fleet.advance(5 * SECOND)
    assert handle.phase() is RunStatus.FAILED
    assert keys == [f"{handle.workflow_id}:undo.forging[{branch}]" for branch in (2, 1)]
    fleet.close()


def test_lines_of_an_action_say_who_asked_for_it() -> None:
    seen: list[dict[str, object]] = []

    def log(_context: Context) -> None:
        seen.append(logs.subject(logging.makeLogRecord({})))

    steps = [Step("first", "smith", "log"), Step("second", "smith", "log", needs=["first"])]
    flow = Workflow("order", steps=steps)
    fleet = Fleet(App(agents=[Agent("smith", actions={"log": log})], workflows=[flow]))
    command = prepare(fleet.app, "order", {}, sender="asker", run_hex="0" * 12)
    fleet.engine.submit(replace(command, correlation_id="message-7"))
    fleet.start("order")
    about = {"workflow_id": command.run_id, "attempt": 1, "correlation_id": "message-7"}
    assert seen[:2] == [{**about, "step": "first"}, {**about, "step": "second"}]
    assert "correlation_id" not in seen[2]
    fleet.close()
