"""The checker proves itself: it is content with a true story, and sees each kind of lie."""

from dataclasses import replace

import pytest

from tests.acceptance.checker import Promise, comebacks, complaints
from tests.acceptance.witness import END, FAIL, KILLED, RESUMED, START, TOLD, Line

CHAIN = Promise("completed", {"first": (), "second": ("first",)}, {"second": 2})
UNDONE = Promise(
    "failed", {"first": (), "second": ("first",), "last": ("second",)}, {}, ("first", "second"),
    frozenset({"last"}),
)  # fmt: skip


def line(what: str, step: str = "-", branch: int = 0, attempt: int = 1, pid: int = 7) -> Line:
    return Line(what, "run", step, branch, attempt, pid)


def kill(pid: int) -> Line:
    return Line(KILLED, pid=pid)


TRUE_STORY = [
    line(START, "first"),
    line(FAIL, "first"),
    line(START, "first", attempt=2),
    line(END, "first", attempt=2),
    line(START, "second", 0),
    line(START, "second", 1, pid=8),
    line(END, "second", 1, pid=8),
    kill(8),
    line(START, "second", 1, attempt=2),
    kill(7),
    line(START, "second", 0, attempt=2, pid=9),
    line(START, "second", 1, attempt=3, pid=9),
    line(END, "second", 1, attempt=3, pid=9),
    line(END, "second", 0, attempt=2, pid=9),
    line(TOLD, "completed"),
]
UNDOING = [
    line(START, "first"),
    line(END, "first"),
    line(START, "second"),
    line(END, "second"),
    line(START, "last"),
    line(FAIL, "last"),
    line(START, "undo.second"),
    line(END, "undo.second"),
    line(START, "undo.first"),
    line(END, "undo.first"),
    line(TOLD, "failed"),
]


def test_a_true_story_is_believed() -> None:
    assert complaints(TRUE_STORY, {"run": CHAIN}) == []
    assert complaints(UNDOING, {"run": UNDONE}) == []
    assert complaints([*TRUE_STORY, kill(8), kill(7)], {"run": CHAIN}) == [], "numbers come again"


def without(story: list[Line], at: int) -> list[Line]:
    return story[:at] + story[at + 1 :]


def inserted(story: list[Line], at: int, *more: Line) -> list[Line]:
    return [*story[:at], *more, *story[at:]]


LIES = {
    "was told nothing": (TRUE_STORY[:-1], CHAIN),
    "not completed": ([*TRUE_STORY[:-1], line(TOLD, "failed")], CHAIN),
    "told ['completed', 'completed']": ([*TRUE_STORY, TRUE_STORY[-1]], CHAIN),
    "second[0] never ended": (without(TRUE_STORY, 13), CHAIN),
    "first: was never accepted": ([replace(TRUE_STORY[0], run="first"), *TRUE_STORY], CHAIN),
    "first started after second, which needs it": (
        inserted(TRUE_STORY, 5, line(START, "first", attempt=3), line(END, "first", attempt=3)),
        CHAIN,
    ),
    "started before first[0] had ended": (without(TRUE_STORY, 3), CHAIN),
    "started after its client was told": (
        [*TRUE_STORY, kill(9), line(START, "second", attempt=3)],
        CHAIN,
    ),
    "started again though attempt 1 had ended": (without(TRUE_STORY, 7), CHAIN),
    "started again though attempt 2 had ended": (
        inserted(TRUE_STORY, 14, kill(7), line(START, "second", 0, attempt=3)),
        CHAIN,
    ),
    "started again though attempt 1 still acted": (without(TRUE_STORY, 9), CHAIN),
    "attempt number 1 was used again": (
        [replace(each, attempt=1) if each.attempt == 2 else each for each in TRUE_STORY],
        CHAIN,
    ),
    "had an end without its start": (
        [each for each in TRUE_STORY if (each.what, each.branch) != (START, 1)],
        CHAIN,
    ),
    "first[0] was never undone": (without(without(UNDOING, 9), 8), UNDONE),
    "undo.second started after undo.first, which needs it": (
        [*UNDOING[:6], *UNDOING[8:10], *UNDOING[6:8], UNDOING[10]],
        UNDONE,
    ),
    "last started after undo.second, which needs it": (
        inserted(UNDOING, 8, line(START, "last", attempt=2), line(FAIL, "last", attempt=2)),
        UNDONE,
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_doctored_story_is_seen_through(lie: str) -> None:
    story, promise = LIES[lie]
    found = complaints(story, {"run": promise})
    assert any(lie in each for each in found), found


def test_recovery_is_measured_from_the_kill_to_the_next_start() -> None:
    story = [replace(each, at=float(at)) for at, each in enumerate(TRUE_STORY)]
    found = comebacks(story)
    assert [each.after_s for each in found] == [1.0, 2.0]
    assert [each.killed_at for each in found] == [9.0, 9.0]


RESUMED_STORY = [
    line(START, "first"),
    kill(7),
    line(START, "first", attempt=2, pid=8),
    Line(RESUMED, pid=7),
    line(END, "first"),
    line(END, "first", attempt=2, pid=8),
    line(START, "second", 0, pid=8),
    line(START, "second", 1, pid=8),
    line(END, "second", 0, pid=8),
    line(END, "second", 1, pid=8),
    line(TOLD, "completed"),
]


def test_who_was_stopped_may_end_what_others_have_taken_over_but_nothing_may_come_of_it() -> None:
    assert complaints(RESUMED_STORY, {"run": CHAIN}) == []
    counted = inserted(RESUMED_STORY, 8, line(START, "second", 0, attempt=2, pid=9))
    assert "started again" in complaints(counted, {"run": CHAIN})[0]
