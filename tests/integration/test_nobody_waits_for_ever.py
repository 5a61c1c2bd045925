"""What hangs, raises oddly or was cut off stops nobody else."""

import asyncio
import threading
from dataclasses import replace

import pytest

from orchestration import Agent, App, Context, Retry, Step, Workflow
from orchestration.errors import StoreInUseError
from orchestration.runtime import frame as frames
from orchestration.runtime.gate import Gate
from orchestration.runtime.watchdog import Watchdog
from orchestration.state import RunStatus
from orchestration.testbed import Fleet
from tests.integration.workshop import Anvil, Workshop


def passes(gate: Gate, who: str, *, alone: bool = False) -> bool:
    """Whether somebody comes in, within a time that is long for a machine."""
    entered = threading.Event()

    def enter() -> None:
        with gate.entered(who, alone=alone):
            entered.set()

    threading.Thread(target=enter, daemon=True).start()
    return entered.wait(5)


def test_one_who_never_comes_out_keeps_nobody_out_for_ever() -> None:
    gate = Gate(patience_s=0.01)
    with gate.entered("hangs", alone=False):
        assert passes(gate, "alone", alone=True)
        assert passes(gate, "third")


def test_one_who_is_excused_is_not_waited_for() -> None:
    gate = Gate(patience_s=3600)
    with gate.entered("lost", alone=False):
        gate.excuse("lost")
        assert passes(gate, "alone", alone=True)
    with gate.entered("hangs alone", alone=True):
        gate.excuse("hangs alone")
        assert passes(gate, "third")


class Unprintable(Exception):  # noqa: N818 - named for what it is
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Unprintable(), SystemExit(3)])
def test_whatever_an_action_raises_is_one_failure(error: BaseException) -> None:
    def act(_context: Context) -> None:
        raise error

    once = Step("only", "smith", "act", retry=Retry(attempts=1))
    app = App(
        agents=[Agent("smith", actions={"act": act})], workflows=[Workflow("w", steps=[once])]
    )
    fleet = Fleet(app)
    run = fleet.start("w")
    assert run.phase() is RunStatus.FAILED
    assert type(error).__name__ in run.status()["error_messages"][0]
    assert len(fleet.calls) == 1


def test_a_message_that_comes_while_cut_off_is_settled_and_left_to_its_row(
    workshop: Workshop,
) -> None:
    run_id = workshop.start()
    settled: list[str] = []
    workshop.frame.beaten_at = workshop.clock.monotonic() - 60
    assert workshop.frame.work(workshop.shelf.sent.pop(), lambda: settled.append(run_id))
    assert settled == [run_id]
    assert workshop.status(run_id) is RunStatus.RUNNING


def test_who_is_cut_off_takes_no_message_that_others_could_have(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "MOMENT_S", 0.001)
    frame, now = workshop.frame, workshop.clock.monotonic()
    assert not frame.waits_in_vain()
    frame.beaten_at = now - 60
    assert frame.waits_in_vain()
    frame.draining = True
    assert not frame.waits_in_vain(), "it takes nothing at all, and goes"


def test_a_worker_that_has_left_claims_nothing(workshop: Workshop, anvil: Anvil) -> None:
    workshop.start()
    workshop.engine.depart(workshop.me)
    assert workshop.engine.claim(workshop.shelf.sent.pop()) is None
    assert anvil.calls == []


def test_going_in_good_order_hands_over_what_was_not_finished(workshop: Workshop) -> None:
    workshop.start()
    assert workshop.engine.claim(workshop.shelf.sent.pop()) is not None
    other = workshop.beside()
    workshop.engine.depart(workshop.me)
    other.engine.refill()
    assert other.engine.claim(other.shelf.sent.pop()) is not None


def test_a_worker_on_another_transport_that_is_dead_is_no_reason_to_refuse(
    workshop: Workshop,
) -> None:
    other = workshop.beside()
    stranger = replace(workshop.worker, id="stranger", transport="elsewhere")
    with pytest.raises(StoreInUseError):
        other.engine.join(stranger, workshop.app)
    workshop.locks.release(workshop.me)
    workshop.locks.release(other.me)
    dead = workshop.beside().sweeper.dead()
    assert dead == {workshop.me, other.me}


def test_half_of_the_threads_lost_ends_a_process() -> None:
    class Threads:
        worker_threads = 4
        workers = (threading.current_thread(),) * 4

    lost = 1
    dog = Watchdog(lambda: lost, orphan=False)
    assert dog.why_end() is None
    dog.watch(Threads())  # type: ignore[arg-type] # as much of a worker as it looks at
    assert dog.why_end() is None
    lost = 2
    assert dog.why_end() == "half of its threads work on attempts that are no longer theirs"
    dog.rest()
    assert dog.why_end() is None
