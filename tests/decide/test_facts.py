"""One example for each thing that a fact can mean."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from orchestration.decide import ANSWERS, decide, facts
from orchestration.decide.effects import Effect, Move, MoveAll, Open, Resolve, Settle
from orchestration.decide.facts import Fact
from orchestration.errors import IllegalTransitionError
from orchestration.plans import Plan, Retry, Step
from orchestration.state import ENDED, Run, RunStatus, StepStatus

R, S = RunStatus, StepStatus
Tallies = dict[str, dict[StepStatus, int]]
PAUSE = timedelta(seconds=3)

PLAN = Plan(
    "flow",
    (
        Step("first", "agent", "act", retry=Retry(attempts=3, delay=PAUSE)),
        Step("extra", "agent", "act", required=False),
        Step("second", "agent", "act", needs=["first", "extra"], approval=timedelta(hours=1)),
    ),
    "second",
)
UNDOABLE = Plan("flow", (Step("first", "agent", "act", undo="undo_it"),), "first")


def run(
    status: RunStatus, tallies: Tallies, plan: Plan = PLAN, ending: RunStatus | None = None
) -> Run:
    return Run("run", plan, status, ending=ending, tallies=tallies)


@dataclass(frozen=True)
class Example:
    """A run and a fact, and the run and the effects that follow."""

    meaning: str
    before: Run
    fact: Fact
    status: RunStatus
    tallies: Tallies
    effects: tuple[Effect, ...] = ()


EXAMPLES = [
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
        "a step opens as many branches as it has items",
        run(R.RUNNING, {"extra": {S.READY: 1}}),
        facts.Resolved("first", 3),
        R.RUNNING,
        {"extra": {S.READY: 1}, "first": {S.READY: 3}},
        (Open("first", 0, 3, S.READY),),
    ),
    Example(
        "a step of a run without a slot is held",
        run(R.PAUSED, {"extra": {S.RUNNING: 1}}),
        facts.Resolved("first", 1),
        R.PAUSED,
        {"extra": {S.RUNNING: 1}, "first": {S.HELD: 1}},
        (Open("first", 0, 1, S.HELD),),
    ),
    Example(
        "a fan-out over nothing is finished, and what needs it begins",
        run(R.RUNNING, {"extra": {S.COMPLETED: 1}}),
        facts.Resolved("first", 0),
        R.RUNNING,
        {"extra": {S.COMPLETED: 1}, "first": {}},
        (Open("first", 0, 0, S.READY), Resolve("second")),
    ),
    Example(
        "an unwanted step is skipped, and what needs it begins",
        run(R.RUNNING, {"extra": {S.COMPLETED: 1}}),
        facts.Resolved("first", 0, wanted=False),
        R.RUNNING,
        {"extra": {S.COMPLETED: 1}, "first": {S.SKIPPED: 1}},
        (Open("first", 0, 1, S.SKIPPED), Resolve("second")),
    ),
    Example(
        "a step that needs a person waits, and frees the slot when nothing else runs",
        run(R.RUNNING, {"first": {S.COMPLETED: 1}, "extra": {S.COMPLETED: 1}}),
        facts.Resolved("second", 1),
        R.WAITING,
        {"first": {S.COMPLETED: 1}, "extra": {S.COMPLETED: 1}, "second": {S.WAITING: 1}},
        (Open("second", 0, 1, S.WAITING),),
    ),
    Example(
        "a path that leads nowhere fails the run and cancels the rest",
        run(R.RUNNING, {"extra": {S.READY: 1}}),
        facts.Unresolvable("first"),
        R.FAILED,
        {"extra": {S.CANCELLED: 1}},
        (MoveAll("extra", S.READY, S.CANCELLED),),
    ),
    Example(
        "the first of two branches ends nothing",
        run(R.RUNNING, {"first": {S.RUNNING: 2}, "extra": {S.COMPLETED: 1}}),
        facts.Completed("first", 1),
        R.RUNNING,
        {"first": {S.RUNNING: 1, S.COMPLETED: 1}, "extra": {S.COMPLETED: 1}},
        (Move("first", 1, S.RUNNING, S.COMPLETED),),
    ),
    Example(
        "the last branch begins what needed its step",
        run(R.RUNNING, {"first": {S.RUNNING: 1, S.COMPLETED: 1}, "extra": {S.FAILED: 1}}),
        facts.Completed("first", 0),
        R.RUNNING,
        {"first": {S.COMPLETED: 2}, "extra": {S.FAILED: 1}},
        (Move("first", 0, S.RUNNING, S.COMPLETED), Resolve("second")),
    ),
    Example(
        "the last step ends the run",
        run(
            R.RUNNING, {"first": {S.COMPLETED: 1}, "extra": {S.FAILED: 1}, "second": {S.RUNNING: 1}}
        ),
        facts.Completed("second", 0),
        R.COMPLETED,
        {"first": {S.COMPLETED: 1}, "extra": {S.FAILED: 1}, "second": {S.COMPLETED: 1}},
        (Move("second", 0, S.RUNNING, S.COMPLETED),),
    ),
    Example(
        "a failure is tried again after a pause",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.Failed("first", 0, failures=2),
        R.RUNNING,
        {"first": {S.BACKOFF: 1}},
        (Move("first", 0, S.RUNNING, S.BACKOFF, pause=2 * PAUSE),),
    ),
    Example(
        "the last try fails the run and cancels the rest",
        run(R.RUNNING, {"first": {S.RUNNING: 2, S.READY: 1}}),
        facts.Failed("first", 0, failures=3),
        R.FAILED,
        {"first": {S.FAILED: 1, S.CANCELLED: 2}},
        (
            Move("first", 0, S.RUNNING, S.FAILED),
            MoveAll("first", S.READY, S.CANCELLED),
            MoveAll("first", S.RUNNING, S.CANCELLED),
        ),
    ),
    Example(
        "what no retry can help fails at once",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.Failed("first", 0, failures=1, retryable=False),
        R.FAILED,
        {"first": {S.FAILED: 1}},
        (Move("first", 0, S.RUNNING, S.FAILED),),
    ),
    Example(
        "what no worker takes in time fails, without another try",
        run(R.RUNNING, {"first": {S.READY: 2}}),
        facts.StartTimedOut("first", 1),
        R.FAILED,
        {"first": {S.FAILED: 1, S.CANCELLED: 1}},
        (Move("first", 1, S.READY, S.FAILED), MoveAll("first", S.READY, S.CANCELLED)),
    ),
    Example(
        "an optional step that no worker takes in time is gone on without",
        run(R.RUNNING, {"first": {S.COMPLETED: 1}, "extra": {S.READY: 1}, "second": {S.READY: 1}}),
        facts.StartTimedOut("extra", 0),
        R.RUNNING,
        {"first": {S.COMPLETED: 1}, "extra": {S.FAILED: 1}, "second": {S.READY: 1}},
        (Move("extra", 0, S.READY, S.FAILED),),
    ),
    Example(
        "an optional step fails, and the run goes on",
        run(R.RUNNING, {"first": {S.COMPLETED: 1}, "extra": {S.RUNNING: 1}}),
        facts.Failed("extra", 0, failures=1),
        R.RUNNING,
        {"first": {S.COMPLETED: 1}, "extra": {S.FAILED: 1}},
        (Move("extra", 0, S.RUNNING, S.FAILED), Resolve("second")),
    ),
    Example(
        "what lost two workers runs again",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.Lost("first", 0, losses=2),
        R.RUNNING,
        {"first": {S.READY: 1}},
        (Move("first", 0, S.RUNNING, S.READY),),
    ),
    Example(
        "what took three workers with it has failed, whatever tries are left",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.Lost("first", 0, losses=3),
        R.FAILED,
        {"first": {S.FAILED: 1}},
        (Move("first", 0, S.RUNNING, S.FAILED),),
    ),
    Example(
        "what was handed over runs again",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}),
        facts.HandedOver("first", 0),
        R.RUNNING,
        {"first": {S.READY: 1}},
        (Move("first", 0, S.RUNNING, S.READY),),
    ),
    Example(
        "what a paused run gets back is held",
        run(R.PAUSED, {"first": {S.RUNNING: 1}}),
        facts.HandedOver("first", 0),
        R.PAUSED,
        {"first": {S.HELD: 1}},
        (Move("first", 0, S.RUNNING, S.HELD),),
    ),
    Example(
        "after the pause the next try may begin",
        run(R.RUNNING, {"first": {S.BACKOFF: 1}}),
        facts.BackoffOver("first", 0),
        R.RUNNING,
        {"first": {S.READY: 1}},
        (Move("first", 0, S.BACKOFF, S.READY),),
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
        "what has an undo is undone before the run ends",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}, UNDOABLE),
        facts.CancelRequested(),
        R.UNDOING,
        {"first": {S.CANCELLED: 1}},
        (MoveAll("first", S.RUNNING, S.CANCELLED), Settle()),
    ),
    Example(
        "an undoing run is on its way already",
        run(R.UNDOING, {"first": {S.COMPLETED: 1}}, UNDOABLE, R.FAILED),
        facts.CancelRequested(),
        R.UNDOING,
        {"first": {S.COMPLETED: 1}},
    ),
    Example(
        "a second path that leads nowhere changes nothing in an undoing run",
        run(R.UNDOING, {"first": {S.COMPLETED: 1}}, UNDOABLE, R.FAILED),
        facts.Unresolvable("first"),
        R.UNDOING,
        {"first": {S.COMPLETED: 1}},
    ),
    Example(
        "an undoing run opens no step any more",
        run(R.UNDOING, {}, UNDOABLE, R.FAILED),
        facts.Resolved("first", 2),
        R.UNDOING,
        {},
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
    Example(
        "an attempt that has stopped may be what an undo waits for",
        run(R.UNDOING, {"first": {S.CANCELLED: 1}}, UNDOABLE, R.FAILED),
        facts.AttemptSettled(),
        R.UNDOING,
        {"first": {S.CANCELLED: 1}},
        (Settle(),),
    ),
    Example(
        "the latest branch is undone first",
        run(R.UNDOING, {"first": {S.COMPLETED: 2}}, UNDOABLE, R.FAILED),
        facts.Settled((("first", 1), ("first", 0))),
        R.UNDOING,
        {"first": {S.COMPLETED: 2}, "undo.first": {S.READY: 1}},
        (Open("undo.first", 1, 1, S.READY),),
    ),
    Example(
        "no second undo begins beside the first",
        run(
            R.UNDOING, {"first": {S.COMPLETED: 2}, "undo.first": {S.BACKOFF: 1}}, UNDOABLE, R.FAILED
        ),
        facts.Settled((("first", 0),)),
        R.UNDOING,
        {"first": {S.COMPLETED: 2}, "undo.first": {S.BACKOFF: 1}},
    ),
    Example(
        "where nothing is left to undo the run ends as it was going to",
        run(R.UNDOING, {"first": {S.CANCELLED: 1}}, UNDOABLE, R.CANCELLED),
        facts.Settled(()),
        R.CANCELLED,
        {"first": {S.CANCELLED: 1}},
    ),
    Example(
        "a run that is not undoing has nothing to settle",
        run(R.RUNNING, {"first": {S.RUNNING: 1}}, UNDOABLE),
        facts.Settled((("first", 0),)),
        R.RUNNING,
        {"first": {S.RUNNING: 1}},
    ),
    Example(
        "after an undo comes the next one",
        run(R.UNDOING, {"undo.first": {S.RUNNING: 1}}, UNDOABLE, R.FAILED),
        facts.Completed("undo.first", 0),
        R.UNDOING,
        {"undo.first": {S.COMPLETED: 1}},
        (Move("undo.first", 0, S.RUNNING, S.COMPLETED), Settle()),
    ),
    Example(
        "an undo is tried again, more often than its step",
        run(R.UNDOING, {"undo.first": {S.RUNNING: 1}}, UNDOABLE, R.FAILED),
        facts.Failed("undo.first", 0, failures=4),
        R.UNDOING,
        {"undo.first": {S.BACKOFF: 1}},
        (Move("undo.first", 0, S.RUNNING, S.BACKOFF, pause=timedelta(seconds=8)),),
    ),
    Example(
        "an undo that cannot be done ends the run as failed",
        run(R.UNDOING, {"undo.first": {S.RUNNING: 1}}, UNDOABLE, R.CANCELLED),
        facts.Failed("undo.first", 0, failures=5),
        R.FAILED,
        {"undo.first": {S.FAILED: 1}},
        (Move("undo.first", 0, S.RUNNING, S.FAILED),),
    ),
    Example(
        "an undo whose worker was lost runs again",
        run(R.UNDOING, {"undo.first": {S.RUNNING: 1}}, UNDOABLE, R.CANCELLED),
        facts.Lost("undo.first", 0, losses=1),
        R.UNDOING,
        {"undo.first": {S.READY: 1}},
        (Move("undo.first", 0, S.RUNNING, S.READY),),
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.meaning)
def test_what_follows_from_a_fact(example: Example) -> None:
    decision = decide(example.before, example.fact)
    assert decision.run.status is example.status
    assert decision.run.tallies == example.tallies
    assert decision.effects == example.effects


def test_every_fact_has_an_example() -> None:
    assert {type(example.fact) for example in EXAMPLES} == set(ANSWERS)


def test_an_undoing_run_remembers_how_it_will_end() -> None:
    undoing = decide(run(R.RUNNING, {"first": {S.RUNNING: 1}}, UNDOABLE), facts.CancelRequested())
    assert undoing.run.ending is R.CANCELLED
    assert decide(undoing.run, facts.Settled(())).run.ending is None


def test_a_retry_begins_a_generation() -> None:
    assert decide(run(R.FAILED, {}), facts.RetryRequested()).run.generation == 2


LATE = [e.fact for e in EXAMPLES if not isinstance(e.fact, facts.RetryRequested)]


@pytest.mark.parametrize("fact", LATE, ids=lambda fact: type(fact).__name__)
@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_comes_after_the_end_changes_nothing(status: RunStatus, fact: Fact) -> None:
    ended = run(status, {"first": {S.COMPLETED: 1}})
    assert decide(ended, fact).run is ended
    assert decide(ended, fact).effects == ()


@pytest.mark.parametrize(
    ("before", "fact"),
    [
        (run(R.RUNNING, {}), facts.Admitted()),
        (run(R.RUNNING, {"first": {S.READY: 1}}), facts.Completed("first", 0)),
        (run(R.PENDING, {}), facts.ResumeRequested()),
        (run(R.PAUSED, {}), facts.PauseRequested()),
        (run(R.COMPLETED, {}), facts.RetryRequested()),
    ],
)
def test_a_fact_that_contradicts_the_run_is_a_bug_of_the_caller(before: Run, fact: Fact) -> None:
    with pytest.raises(IllegalTransitionError):
        decide(before, fact)
