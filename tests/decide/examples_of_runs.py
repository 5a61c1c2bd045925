"""What follows for a whole run when it is admitted, answered by a person, paused, or ended."""

from orchestration.decide import facts
from orchestration.decide.effects import Move, MoveAll, Resolve
from tests.decide.example import Example, R, S, run

OF_RUNS = [
    Example(
        "an admitted run begins every step that needs nothing",
        run(R.PENDING, {}),
        facts.Admitted(),
        R.RUNNING,
        {},
        (Resolve("first"), Resolve("extra")),
    ),
    Example(
        "an admitted run lets go what was held",
        run(R.PENDING, {"first": {S.HELD: 2}, "extra": {S.COMPLETED: 1}}),
        facts.Admitted(),
        R.RUNNING,
        {"first": {S.READY: 2}, "extra": {S.COMPLETED: 1}},
        (MoveAll("first", S.HELD, S.READY),),
    ),
    Example(
        "a run that only waits for a person gives its slot back at once",
        run(
            R.PENDING,
            {"first": {S.COMPLETED: 1}, "extra": {S.SKIPPED: 1}, "second": {S.WAITING: 1}},
        ),
        facts.Admitted(),
        R.WAITING,
        {"first": {S.COMPLETED: 1}, "extra": {S.SKIPPED: 1}, "second": {S.WAITING: 1}},
    ),
    Example(
        "an approved run asks for a slot again",
        run(R.WAITING, {"second": {S.WAITING: 1}}),
        facts.Approved("second", 0),
        R.PENDING,
        {"second": {S.HELD: 1}},
        (Move("second", 0, S.WAITING, S.HELD),),
    ),
    Example(
        "what is approved in a run that has its slot may go",
        run(R.RUNNING, {"first": {S.RUNNING: 1}, "second": {S.WAITING: 1}}),
        facts.Approved("second", 0),
        R.RUNNING,
        {"first": {S.RUNNING: 1}, "second": {S.READY: 1}},
        (Move("second", 0, S.WAITING, S.READY),),
    ),
    Example(
        "a refusal cancels the run",
        run(R.WAITING, {"second": {S.WAITING: 1}}),
        facts.Rejected("second", 0),
        R.CANCELLED,
        {"second": {S.CANCELLED: 1}},
        (MoveAll("second", S.WAITING, S.CANCELLED),),
    ),
    Example(
        "a cancelled run cancels what runs, too",
        run(R.RUNNING, {"first": {S.COMPLETED: 1, S.RUNNING: 1}}),
        facts.CancelRequested(),
        R.CANCELLED,
        {"first": {S.COMPLETED: 1, S.CANCELLED: 1}},
        (MoveAll("first", S.RUNNING, S.CANCELLED),),
    ),
    Example(
        "a critical error fails the run",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.Condemned(),
        R.FAILED,
        {"first": {S.CANCELLED: 1}},
        (MoveAll("first", S.RUNNING, S.CANCELLED),),
    ),
    Example(
        "a run that ran for too long has failed",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.DeadlineReached(),
        R.FAILED,
        {"first": {S.CANCELLED: 1}},
        (MoveAll("first", S.RUNNING, S.CANCELLED),),
    ),
    Example(
        "waiting does not count against the time of a run",
        run(R.WAITING, {"second": {S.WAITING: 1}}),
        facts.DeadlineReached(),
        R.WAITING,
        {"second": {S.WAITING: 1}},
    ),
    Example(
        "a paused run starts nothing new",
        run(R.RUNNING, {"first": {S.READY: 2, S.RUNNING: 1, S.BACKOFF: 1}}),
        facts.PauseRequested(),
        R.PAUSED,
        {"first": {S.HELD: 2, S.RUNNING: 1, S.BACKOFF: 1}},
        (MoveAll("first", S.READY, S.HELD),),
    ),
    Example(
        "a resumed run asks for a slot again",
        run(R.PAUSED, {"first": {S.HELD: 1}}),
        facts.ResumeRequested(),
        R.PENDING,
        {"first": {S.HELD: 1}},
    ),
    Example(
        "a retried run goes on from what failed; approvals are asked for again",
        run(
            R.FAILED,
            {
                "first": {S.FAILED: 1, S.CANCELLED: 1, S.COMPLETED: 1},
                "extra": {S.FAILED: 1},
                "second": {S.CANCELLED: 1},
            },
        ),
        facts.RetryRequested(),
        R.PENDING,
        {
            "first": {S.HELD: 2, S.COMPLETED: 1},
            "extra": {S.FAILED: 1},
            "second": {S.WAITING: 1},
        },
        (
            MoveAll("first", S.FAILED, S.HELD),
            MoveAll("first", S.CANCELLED, S.HELD),
            MoveAll("second", S.CANCELLED, S.WAITING),
        ),
    ),
]
