"""Why a run is not further: each blocker is named, with its cure."""

from datetime import timedelta

import pytest

from orchestration.views import why
from orchestration.views.blocker import span
from orchestration.views.facts import Facts
from tests.views.standing import (
    AWAY,
    DEAD,
    NOBODY,
    NOW,
    OUT,
    SILENT,
    SOON,
    SPARED,
    R,
    S,
    agent,
    facts,
    step,
    worker,
)

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
    "pending behind a limit of one": (
        facts(R.PENDING, holders=["a"], slots=1),
        "behind_the_limit",
        "the only slot is taken, by a",
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
        (
            "step working waits, the circuit of agent worker is open until 2025-01-01 13:00:00 UTC,"
            " since 10 attempts in a row failed (the last with Oops: it broke)"
        ),
        "one step tries it then; `orchestrate agents resume worker` closes it now",
    ),
    "a half open circuit": (
        facts(R.RUNNING, step(S.READY), agents={"worker": agent(failures=11, circuit="half_open")}),
        "circuit_half_open",
        (
            "step working waits, the circuit of agent worker is half open,"
            " since 11 attempts in a row failed (the last with no message)"
        ),
        "one step tries it, and closes it if it succeeds; `orchestrate agents resume worker`",
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
        "step working waits, agent worker is paused",
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
    "sent to one who is idle": (
        facts(R.RUNNING, step(S.QUEUED, due_at=SOON), idle=frozenset({"w"})),
        "queued",
        "not yet claimed by host-w:7",
        "it starts in a moment, or is sent again at 2025-01-01 13:00:00 UTC",
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
    "an outside agent, while the broker is away": (
        facts(R.RUNNING, OUT, broker=AWAY),
        "broker_away",
        "step working waits for the outside agent worker, and RabbitMQ at h:5672",
        "start it",
    ),
    "an outside agent, and was never heard of": (
        facts(R.RUNNING, OUT, agents={}),
        "outside",
        "at 2025-01-01 12:00:00 UTC (2 min 00 s ago), and nothing was heard of it since",
        "start worker, or the step ends at 2025-01-01 13:00:00 UTC",
    ),
    "an outside agent, and works": (
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
    "undo waits for an outside agent": (
        facts(R.UNDOING, acting=[("working", 0, "outside:own")]),
        "undo_waits",
        "may still act at the outside agent own",
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
    assert span(length) == text
