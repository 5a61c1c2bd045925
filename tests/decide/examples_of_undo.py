"""What follows while a run is undoing: from steps with an undo, and from the undos themselves."""

from datetime import timedelta

from orchestration.decide import facts
from orchestration.decide.effects import Move, MoveAll, Open, Settle
from tests.decide.example import UNDOABLE, Example, R, S, run

OF_UNDO = [
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
