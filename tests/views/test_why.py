"""Why a run is not further: each blocker is named, with its cure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.plans import Plan, Step
from orchestration.state import RunStatus, StepStatus
from orchestration.store.agents import AgentRow
from orchestration.store.presence import MemoryLocks
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow
from orchestration.testbed import Fleet
from orchestration.views import facts as views
from orchestration.views import why
from orchestration.views.facts import Away, Facts
from orchestration.views.why import Blocker
from tests.cli.sample import app

R, S = RunStatus, StepStatus
NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
OFFER = "worker.work@1"


def run(status: RunStatus, **more: Any) -> RunRow:
    row = RunRow(
        id="job_1",
        command="job",
        parameters="{}",
        sender="test",
        correlation_id=None,
        priority=2,
        status=status,
        ending=None,
        generation=1,
        progress=0.0,
        created_at=NOW,
        started_at=NOW,
        ended_at=NOW if status.ended else None,
        due_at=None,
        reason=None,
        plan=Plan("job", (Step("working", "worker", "work"),), "working"),
    )
    return replace(row, **more)


def step(status: StepStatus, **more: Any) -> StepRow:
    row = StepRow(
        run_id="job_1",
        step="working",
        branch=0,
        agent="worker",
        offer=OFFER,
        status=status,
        rank=0.0,
        item=None,
        attempt=0,
        failures=0,
        losses=0,
        sends=0,
        owner=None,
        fraction=0.0,
        message="",
        unknown=False,
        error=None,
        opened_at=NOW,
        claimed_at=None,
        ended_at=None,
        due_at=None,
    )
    return row._replace(**more)


def worker(name: str = "w", **more: Any) -> WorkerRow:
    row = WorkerRow(
        id=name,
        host=f"host-{name}",
        pid=7,
        release="1",
        offers=frozenset({OFFER}),
        transport="embedded",
        beat=1,
        beat_at=NOW,
        started_at=NOW,
        draining=False,
        left_at=None,
    )
    return replace(row, **more)


def agent(**more: Any) -> AgentRow:
    row = AgentRow("worker", "running", NOW, None, [], {}, 0, None, "closed", paused=False)
    return replace(row, **more)


def facts(status: RunStatus, *rows: StepRow, **more: Any) -> Facts:
    found: dict[str, Any] = {
        "run": run(status),
        "rows": rows,
        "now": NOW + timedelta(minutes=2),
        "slots": 2,
        "live": frozenset({"w"}),
        "workers": {"w": worker()},
        "agents": {"worker": agent()},
        "busy": {"worker": 0},
        "transport": "embedded",
    }
    return Facts(**{**found, **more})


NOBODY = {"live": frozenset[str](), "dead": frozenset({"w"})}
SPARED = {
    "failures": 10,
    "probe_at": SOON,
    "last_error": '{"type": "Oops", "message": "it broke", "traceback": null}',
}
DEAD = step(S.RUNNING, owner="w", claimed_at=NOW)
OUT = step(S.RUNNING, owner="outside:worker", claimed_at=NOW, due_at=SOON)
SILENT = {"live": frozenset[str](), "silent": frozenset({"w"})}
AWAY = Away("h:5672", "refused", "start it")

CASES: dict[str, tuple[Facts, str, str, str]] = {
    "pending, and nobody there": (
        facts(R.PENDING, **NOBODY),
        "no_worker",
        "no worker is there for it",
        "orchestrate serve",
    ),
    "pending, on RabbitMQ": (
        facts(R.PENDING, **NOBODY, transport="amqp://h:5672/%2F", app="myfleet"),
        "no_worker",
        "no worker is there for it",
        "start one with `dramatiq myfleet`",
    ),
    "pending behind the limit": (
        facts(R.PENDING, holders=["a", "b", "c", "d"]),
        "behind_the_limit",
        "all 2 slots are taken, by a, b, c and 1 more",
        "MAX_CONCURRENT_WORKFLOWS",
    ),
    "pending, and about to start": (facts(R.PENDING), "starting", "a slot is free", "in a moment"),
    "paused": (
        facts(R.PAUSED, step(S.HELD), paused="ann: prices look wrong"),
        "paused",
        "job_1 is paused by ann: prices look wrong",
        "orchestrate workflows resume job_1",
    ),
    "waiting for a person": (
        facts(R.WAITING, step(S.WAITING, deadline=SOON)),
        "approval",
        "step working waits for an approval until 2025-01-01 13:00:00 UTC",
        "orchestrate workflows approve job_1 working",
    ),
    "an open circuit": (
        facts(
            R.RUNNING, step(S.READY), agents={"worker": agent(**SPARED, circuit="open")}, **NOBODY
        ),
        "circuit_open",
        "step working waits, worker failed 10 times in a row (Oops: it broke)",
        "it is tried again at 2025-01-01 13:00:00 UTC; `orchestrate agents resume worker`",
    ),
    "a half open circuit": (
        facts(R.RUNNING, step(S.READY), agents={"worker": agent(failures=11, circuit="half_open")}),
        "circuit_half_open",
        "step working waits, worker failed 11 times in a row (no message)",
        "another step is on its way as a probe; `orchestrate agents resume worker`",
    ),
    "no worker for the queue": (
        facts(R.RUNNING, step(S.READY), workers={"w": worker(offers=frozenset({"x.y@1"}))}),
        "no_worker",
        "no live worker serves worker",
        "orchestrate serve",
    ),
    "no worker for the queue, on RabbitMQ": (
        facts(R.RUNNING, step(S.QUEUED), **NOBODY, transport="amqp://h:5672/%2F"),
        "no_worker",
        "no live worker serves worker",
        "-Q worker",
    ),
    "no worker has the version": (
        facts(R.RUNNING, step(S.READY, offer="worker.work@2")),
        "no_offer",
        "needs worker.work@2",
        "release that has it",
    ),
    "the agent is paused": (
        facts(R.RUNNING, step(S.READY), agents={"worker": agent(paused=True)}),
        "agent_paused",
        "its agent worker is paused",
        "orchestrate agents resume worker",
    ),
    "the agent is at its limit": (
        facts(
            R.RUNNING,
            step(S.READY),
            agents={"worker": agent(max_concurrent=1)},
            busy={"worker": 1},
        ),
        "agent_busy",
        "worker is at its limit of 1 at once",
        "one of those ends",
    ),
    "the agent is at its rate": (
        facts(
            R.RUNNING,
            step(S.READY),
            agents={"worker": agent(paced_until=NOW + timedelta(minutes=3))},
        ),
        "agent_paced",
        "worker has begun as many attempts as its rate allows",
        "12:03:00 UTC",
    ),
    "ready": (facts(R.RUNNING, step(S.READY)), "ready", "ready for worker", "room"),
    "queued": (
        facts(R.RUNNING, step(S.QUEUED, branch=2, item='"a"')),
        "queued",
        "step working[2] is sent to worker, and not yet claimed by host-w:7",
        "a thread is free",
    ),
    "backing off": (
        facts(
            R.RUNNING,
            step(
                S.BACKOFF, failures=2, due_at=SOON, error='{"type": "OSError", "message": "x\\ny"}'
            ),
        ),
        "backing_off",
        "step working failed 2 times (OSError: x y)",
        "tried again at 2025-01-01 13:00:00 UTC",
    ),
    "running": (
        facts(
            R.RUNNING,
            step(S.RUNNING, owner="w", claimed_at=NOW, fraction=0.5, message="half of it"),
        ),
        "running",
        "runs since 2025-01-01 12:00:00 UTC (2 min 00 s) at worker host-w:7, 50% half of it",
        "orchestrate workflows cancel job_1",
    ),
    "running on a dead worker": (
        facts(R.RUNNING, DEAD, **NOBODY),
        "no_worker",
        "worker host-w:7 died with step working, and no other lives",
        "orchestrate serve",
    ),
    "about to be taken over": (
        facts(
            R.RUNNING,
            DEAD,
            live=frozenset({"v"}),
            dead=frozenset({"w"}),
            workers={"w": worker(), "v": worker("v")},
        ),
        "running",
        "worker host-w:7 died with step working",
        "takes it over",
    ),
    "between two steps": (
        facts(R.RUNNING, step(S.COMPLETED)),
        "going_on",
        "between two steps",
        "in a moment",
    ),
    "running on a worker that ended in good order": (
        facts(R.RUNNING, DEAD, **NOBODY, workers={"w": worker(draining=True)}),
        "no_worker",
        "worker host-w:7 has ended, and left step working unfinished, and no other lives",
        "orchestrate serve",
    ),
    "running on a silent worker": (
        facts(R.RUNNING, DEAD, **SILENT),
        "silent",
        "step working is held by worker host-w:7, silent for 2 min 00 s (it said: 0%)",
        "`kill -CONT 7` on host-w wakes it",
    ),
    "about to be taken from a silent worker": (
        facts(
            R.RUNNING,
            DEAD,
            live=frozenset({"v"}),
            silent=frozenset({"w"}),
            workers={"w": worker(), "v": worker("v")},
        ),
        "silent",
        "silent for 2 min",
        "another worker takes it over",
    ),
    "only a silent worker": (
        facts(R.RUNNING, step(S.READY), **SILENT),
        "no_worker",
        "no live worker serves worker; worker host-w:7, silent for 2 min 00 s",
        "`kill -CONT 7` on host-w wakes it if it was stopped, `kill` ends it, or start one",
    ),
    "only a draining worker": (
        facts(R.RUNNING, step(S.READY), live=frozenset(), workers={"w": worker(draining=True)}),
        "no_worker",
        "worker host-w:7 is draining, and takes nothing new",
        "orchestrate serve",
    ),
    "sent again and again": (
        facts(R.RUNNING, step(S.QUEUED, sends=2, due_at=SOON), idle=frozenset({"w"})),
        "not_arriving",
        "was sent 3 times, and does not arrive at host-w:7, though idle",
        "who else takes from the queue worker",
    ),
    "sent again to those who are busy": (
        facts(R.RUNNING, step(S.QUEUED, sends=2, due_at=SOON)),
        "queued",
        "not yet claimed by host-w:7",
        "a thread is free",
    ),
    "ready while the broker is away": (
        facts(R.RUNNING, step(S.READY), broker=AWAY),
        "broker_away",
        "step working waits, and RabbitMQ at h:5672 cannot be used (refused)",
        "start it",
    ),
    "nobody there, and the broker is away": (
        facts(R.PENDING, **NOBODY, broker=AWAY),
        "broker_away",
        "no worker is there for it, and RabbitMQ at h:5672",
        "start it",
    ),
    "an agent that is not ours, while the broker is away": (
        facts(R.RUNNING, OUT, broker=AWAY),
        "broker_away",
        "step working waits for worker, which is not ours, and RabbitMQ at h:5672",
        "start it",
    ),
    "an agent that is not ours, and was never heard of": (
        facts(R.RUNNING, OUT, agents={}),
        "outside",
        "at 2025-01-01 12:00:00 UTC (2 min 00 s ago), and nothing was heard of it since",
        "start worker, or the step ends at 2025-01-01 13:00:00 UTC",
    ),
    "an agent that is not ours, and works": (
        facts(
            R.RUNNING,
            OUT._replace(fraction=0.5, message="half of it"),
            agents={"worker": agent(last_heartbeat=NOW + timedelta(minutes=1))},
        ),
        "outside",
        "; 50% half of it, last heard of 1 min 00 s ago",
        "if nothing more is heard of it, the step ends at 2025-01-01 13:00:00 UTC",
    ),
    "somebody has the store to himself": (
        facts(R.RUNNING, writer=77),
        "store_locked",
        "process 77 has the store to itself",
        "wait until it lets go",
    ),
    "undo waits for a silent worker": (
        facts(R.UNDOING, acting=[("working", 0, "w")], **SILENT),
        "undo_waits",
        "may still act at worker host-w:7, silent for 2 min",
        "it begins when that process ends; `kill -CONT 7`",
    ),
    "undo waits for an agent that is not ours": (
        facts(R.UNDOING, acting=[("working", 0, "outside:own")]),
        "undo_waits",
        "may still act at own, which is not ours",
        "when that agent answers",
    ),
    "undo waits": (
        facts(R.UNDOING, acting=[("working", 1, "w")]),
        "undo_waits",
        "undo waits for step working[1], which may still act at worker host-w:7",
        "its process ends",
    ),
    "undo waits, and nobody there": (
        facts(R.UNDOING, acting=[("working", 0, "gone")], **NOBODY),
        "no_worker",
        "undo waits for step working at a worker that is forgotten",
        "orchestrate serve",
    ),
    "undoing": (
        facts(R.UNDOING, step(S.RUNNING, step="undo.working", owner="w", claimed_at=NOW)),
        "running",
        "step undo.working runs",
        "let it work",
    ),
    "completed": (
        facts(R.COMPLETED),
        "ended",
        "job_1 completed at 2025-01-01 12:00:00 UTC",
        "orchestrate workflows watch job_1",
    ),
    "failed": (
        facts(R.FAILED, errors=["step working: OSError: x"]),
        "ended",
        "(step working: OSError: x)",
        "orchestrate workflows retry job_1",
    ),
    "undone": (
        facts(R.CANCELLED, step(S.COMPLETED, step="undo.working")),
        "ended",
        "job_1 cancelled",
        "orchestrate workflows fork job_1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_blocker_and_its_cure_are_named(case: str) -> None:
    given, kind, what, cure = CASES[case]
    blocker = why.why(given)
    assert blocker.kind == kind
    assert what in blocker.what
    assert cure in blocker.cure
    assert str(blocker) == f"{blocker.what}: {blocker.cure}"


def test_of_several_the_one_that_needs_a_person_most_is_named() -> None:
    running = step(S.RUNNING, owner="w", claimed_at=NOW)
    waiting = step(S.WAITING, step="asked", due_at=SOON)
    stuck = step(S.READY, step="stuck", agent="other", offer="other.x@1")
    assert why.why(facts(R.RUNNING, waiting, running, busy={"other": 0})).kind == "running"
    assert why.why(facts(R.RUNNING, waiting, running, stuck)).kind == "no_worker"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59.4), "59 s"),
        (timedelta(seconds=61), "1 min 01 s"),
        (timedelta(hours=2, minutes=3), "2 h 03 min"),
    ],
)
def test_a_duration_is_short(length: timedelta, text: str) -> None:
    assert why.span(length) == text


Explain = Callable[[Fleet, str], Blocker]


@pytest.fixture
def locks() -> MemoryLocks:
    found = MemoryLocks()
    found.hold("testbed")
    return found


@pytest.fixture
def explain(locks: MemoryLocks) -> Explain:
    def look(fleet: Fleet, run_id: str) -> Blocker:
        now = fleet.clock.now()
        return why.why(fleet.engine.store.read(lambda s: views.load(s, locks, run_id, 100, now)))

    return look


@pytest.fixture
def bed() -> Any:
    found = Fleet(app)
    yield found
    found.close()


def test_the_facts_are_found_in_the_store(bed: Fleet, locks: MemoryLocks, explain: Explain) -> None:
    asking = bed.start("asking").workflow_id
    assert explain(bed, asking).kind == "approval"
    assert explain(bed, bed.start("shaky").workflow_id).kind == "backing_off"
    assert explain(bed, bed.start("bad").workflow_id).kind == "ended"
    assert explain(bed, bed.start("job").workflow_id).kind == "ended"
    bed.engine.pause(asking, By("test"))
    assert explain(bed, asking).kind == "paused"
    locks.release("testbed")
    bed.engine.resume(asking, By("test"))
    assert isinstance(bed.engine, Engine)
    assert explain(bed, asking).kind in {"approval", "no_worker"}


def test_a_worker_that_has_not_beaten_for_a_while_is_silent() -> None:
    assert not views.is_silent(worker(), NOW + timedelta(seconds=12))
    assert views.is_silent(worker(), NOW + timedelta(seconds=13))
    assert not views.is_silent(worker(left_at=NOW), NOW + timedelta(seconds=13))


def test_a_worker_of_another_run_alone_is_no_help() -> None:
    assert views.works_for(worker(), "job_1")
    assert views.works_for(worker(scope="job_1"), "job_1")
    assert not views.works_for(worker(scope="job_2"), "job_1")
    assert not views.works_for(worker(draining=True), "job_1")
    assert not views.works_for(worker(left_at=NOW), "job_1")
