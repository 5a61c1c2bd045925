"""What a queue is bounded by, and what waits in it."""

from orchestration.circuit import Circuit
from orchestration.circuit import CircuitState as C
from orchestration.ports import Session, Store
from orchestration.store import (
    agents,
    circuits,
    control,
    pauses,
    queues,
    sending,
    steps,
    stops,
    workers,
)
from orchestration.store.queues import Queue
from tests.store.rows import MINUTE, NOW, add_run, add_step, taken
from tests.store.test_agents_and_workers import worker


def test_a_queue_is_seen_whole(store: Store) -> None:
    def operation(session: Session) -> None:
        control.ensure(session, "store")
        control.set_transport(session, "list")
        agents.declare(session, "warehouse", 3, [])
        pauses.add(session, "warehouse", "ann", NOW)
        circuits.save(session, "warehouse", Circuit(C.OPEN, 3, MINUTE, NOW))
        workers.join(session, worker(warehouse=4), NOW)
        for branch in range(4):
            new = add_step(session, branch)
            if branch:
                sending.mark_sent(session, new, "publisher", NOW, 0)
            if branch > 2:
                steps.claim(session, taken(new))
        found = queues.look(session, "warehouse", "w1")
        assert found == Queue(
            limit=3,
            paused=True,
            circuit=C.OPEN,
            since=NOW,
            slots=4,
            queued=2,
            running=1,
            ready=0.0,
            sent=0.0,
            listed=True,
            stopped=False,
            transport="list",
        )
        assert found.busy == 3
        assert not found.is_open

    store.write(operation)


def test_a_queue_that_nobody_knows_has_neither_limit_nor_slots(store: Store) -> None:
    found = store.read(lambda s: queues.look(s, "nobody"))
    assert (found.limit, found.slots, found.busy) == (None, 0, 0)
    assert (found.ready, found.sent, found.transport) == (None, None, "")
    assert found.is_open
    assert not found.listed


def test_a_branch_is_outranked_by_what_is_sent_anywhere_and_what_is_ready_there(
    store: Store,
) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        add_step(session, 0, rank=5.0)
        sent = add_step(session, 1, rank=3.0, agent="office")
        sending.mark_sent(session, sent, "publisher", NOW, 0)
        workers.join(session, worker("one", warehouse=1), NOW)
        workers.join(session, worker("both", office=1, warehouse=1), NOW)
        assert queues.look(session, "warehouse", "one").outranks(6.0)
        assert not queues.look(session, "warehouse", "one").outranks(5.0)
        assert queues.look(session, "warehouse", "both").outranks(5.0)
        assert not queues.look(session, "warehouse", "both").outranks(3.0)
        assert not queues.look(session, "elsewhere", "one").outranks(6.0)

    store.write(operation)


def test_an_emergency_stop_is_seen_at_the_same_look(store: Store) -> None:
    def operation(session: Session) -> None:
        control.ensure(session, "store")
        stops.add(session, "ann", "fire", NOW)
        assert queues.look(session, "warehouse").stopped

    store.write(operation)
