"""What a queue is bounded by, and what waits in it."""

from orchestration.circuit import Circuit
from orchestration.circuit import CircuitState as C
from orchestration.ports import Session, Store
from orchestration.store import agents, circuits, pauses, queues, steps, workers
from orchestration.store.queues import Queue
from tests.store.rows import MINUTE, NOW, add_run, add_step
from tests.store.test_other_tables import worker


def test_a_queue_is_seen_whole(store: Store) -> None:
    def operation(session: Session) -> None:
        agents.declare(session, "warehouse", 3, [])
        pauses.add(session, "warehouse", "ann", NOW)
        circuits.save(session, "warehouse", Circuit(C.OPEN, 3, MINUTE, NOW))
        workers.join(session, worker(warehouse=4), NOW)
        for branch in range(4):
            new = add_step(session, branch)
            if branch:
                steps.mark_sent(session, new, "publisher", NOW, 0)
            if branch > 2:
                steps.claim(session, new, "w1", NOW, NOW + MINUTE, NOW + MINUTE)
        assert queues.look(session, "warehouse") == Queue(
            limit=3, paused=True, circuit=C.OPEN, since=NOW, slots=4, queued=2, running=1
        )
        assert queues.look(session, "warehouse").busy == 3

    store.write(operation)


def test_a_queue_that_nobody_knows_has_neither_limit_nor_slots(store: Store) -> None:
    found = store.read(lambda s: queues.look(s, "nobody"))
    assert found == Queue(
        limit=None, paused=False, circuit=C.CLOSED, since=None, slots=0, queued=0, running=0
    )


def test_a_branch_is_outranked_by_what_is_sent_anywhere_and_what_is_ready_there(
    store: Store,
) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        add_step(session, 0, rank=5.0)
        sent = add_step(session, 1, rank=3.0, agent="office")
        steps.mark_sent(session, sent, "publisher", NOW, 0)
        served = ["office", "warehouse"]
        assert queues.is_outranked(session, 6.0, "warehouse", ["warehouse"])
        assert not queues.is_outranked(session, 5.0, "warehouse", ["warehouse"])
        assert queues.is_outranked(session, 5.0, "warehouse", served)
        assert not queues.is_outranked(session, 3.0, "warehouse", served)
        assert not queues.is_outranked(session, 6.0, "elsewhere", ["elsewhere"])

    store.write(operation)
