"""A run in one picture: its steps, their branches, fractions and times."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestration.state import StepStatus
from orchestration.testbed import Fleet
from orchestration.views import progress
from orchestration.views.error import one_line
from orchestration.views.progress import Picture
from tests.cli.sample import app

S = StepStatus


@pytest.fixture
def bed() -> Iterator[Fleet]:
    found = Fleet(app)
    yield found
    found.close()


def draw(bed: Fleet, run_id: str) -> Picture:
    return bed.engine.store.read(lambda s: progress.picture(s, run_id))


def test_steps_stand_in_the_order_of_the_plan(bed: Fleet) -> None:
    picture = draw(bed, bed.start("job", {"items": ["x", "y"]}).workflow_id)

    working, adding_up = picture.steps
    assert (working.name, working.status, working.done) == ("working", "completed", 2)
    assert [branch.item for branch in working.branches] == ['"x"', '"y"']
    assert (adding_up.fraction, adding_up.ended_at) == (1.0, picture.ended_at)
    assert (picture.status, picture.progress) == ("completed", 1.0)


def test_nothing_is_said_of_what_is_completed(bed: Fleet) -> None:
    run = bed.start("job", {"items": ["x"]})
    working = draw(bed, run.workflow_id).steps[0]
    assert (working.message, [branch.message for branch in working.branches]) == ("", [""])
    assert {each["message"] for each in run.status()["steps"]} == {""}


def test_what_has_not_begun_is_to_come(bed: Fleet) -> None:
    _, booming = draw(bed, bed.start("undone").workflow_id).steps[:2]
    assert booming.status == "failed"
    bed.fail_next("worker", "nothing", ValueError("x"))
    done, booming = draw(bed, bed.start("undone").workflow_id).steps
    assert (done.status, booming.status, booming.fraction) == ("failed", "to come", 0.0)


def test_undo_steps_follow_the_plan(bed: Fleet) -> None:
    names = [step.name for step in draw(bed, bed.start("undone").workflow_id).steps]
    assert names == ["done", "booming", "undo.done"]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([S.COMPLETED, S.RUNNING], "running"),
        ([S.COMPLETED, S.FAILED], "failed"),
        ([S.QUEUED, S.COMPLETED], "queued"),
        ([S.COMPLETED, S.SKIPPED], "completed"),
        ([S.SKIPPED], "skipped"),
        ([], "skipped"),
    ],
)
def test_a_step_has_the_status_of_its_telling_branch(
    statuses: list[StepStatus], status: str
) -> None:
    assert progress.telling(statuses) == status


def test_what_remains_is_in_proportion_once_it_can_be_said() -> None:
    minute = timedelta(minutes=1)
    assert progress.remaining(0.25, minute) == timedelta(minutes=3)
    assert progress.remaining(0.0, minute) is None
    assert progress.remaining(1.0, minute) is None


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (None, None),
        ("a\nb", "a b"),
        ('{"type": "OSError", "message": "a\\nb", "traceback": null}', "OSError: a b"),
        ('{"other": 1}', '{"other": 1}'),
        ("[1]", "[1]"),
    ],
)
def test_an_error_is_one_line(kept: str | None, line: str | None) -> None:
    assert one_line(kept) == line
