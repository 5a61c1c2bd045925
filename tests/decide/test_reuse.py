"""Which finished steps a fork takes over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestration.decide.reuse import Reuse, reuse
from orchestration.plans import Plan, Retry, Step
from orchestration.state import Run, RunStatus, StepStatus

R, S = RunStatus, StepStatus
PLAN = Plan(
    "trip",
    (
        Step("pay", "bank", "pay", needs=["rooms", "guide"]),
        Step("book", "desk", "book", undo="unbook"),
        Step("rooms", "desk", "rooms", needs=["book"], for_each="parameters.rooms.all"),
        Step("guide", "desk", "guide", when="results.book.wanted", needs=["book"]),
        Step("notes", "desk", "notes"),
    ),
    "pay",
)
DONE = {"book": {S.COMPLETED: 1}, "rooms": {S.COMPLETED: 3}, "guide": {S.SKIPPED: 1}}
FAILED = {**DONE, "notes": {S.COMPLETED: 1}, "pay": {S.FAILED: 1}}


def ended(tallies: Mapping[str, Mapping[StepStatus, int]] = FAILED, plan: Plan = PLAN) -> Run:
    return Run("trip_1", plan, R.FAILED, tallies=tallies)


def changed(name: str, **more: object) -> Plan:
    """The plan with one step otherwise."""
    steps = (replace(step, **more) if step.name == name else step for step in PLAN.steps)  # type: ignore[arg-type]
    return replace(PLAN, steps=tuple(steps))


def of(run: Run, plan: Plan = PLAN, *wanted: str, edited: tuple[str, ...] = ()) -> Reuse:
    return reuse(run, plan, wanted, edited)


def test_what_is_finished_is_taken_over_and_what_is_not_runs() -> None:
    assert of(ended()) == Reuse(("book", "rooms", "guide", "notes"), {"pay": "it is not finished"})


def test_what_a_person_names_runs_again_with_all_that_comes_after() -> None:
    found = of(ended(), PLAN, "rooms")
    assert found.reused == ("book", "guide", "notes")
    assert found.again == {"pay": "it is not finished", "rooms": "it is asked for"}
    assert of(ended(), PLAN, "book").again == {
        "pay": "it is not finished",
        "book": "it is asked for",
        "rooms": "it comes after book",
        "guide": "it comes after book",
    }


def test_a_path_that_reads_an_edited_parameter_runs_again() -> None:
    found = of(ended(), PLAN, "guide", edited=("colour", "rooms"))
    assert found.again["rooms"] == "it reads rooms, which is edited"
    assert "book" in found.reused
    assert "rooms" in of(ended(), PLAN, "guide", edited=("colour",)).reused


def test_with_parameters_edited_nothing_is_taken_over_unless_a_step_is_named() -> None:
    found = of(ended(), edited=("colour",))
    assert found.reused == ()
    assert found.again["book"] == "colour is edited"


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED, S.RUNNING])
def test_a_step_with_one_branch_that_is_not_done_runs_again(status: StepStatus) -> None:
    found = of(ended({**FAILED, "rooms": {S.COMPLETED: 2, status: 1}}))
    assert found.again["rooms"] == "it is not finished"


def test_a_fan_out_over_nothing_is_finished() -> None:
    assert "rooms" in of(ended({**FAILED, "rooms": {}})).reused


def test_nothing_that_was_undone_or_comes_after_it_is_taken_over() -> None:
    found = of(ended({**FAILED, "undo.book": {S.COMPLETED: 1}}))
    assert found.reused == ("notes",)
    assert found.again["book"] == "it was undone"


@pytest.mark.parametrize(
    "plan",
    [
        changed("notes", action="other"),
        changed("notes", agent="other"),
        changed("notes", when="parameters.wanted"),
        replace(PLAN, versions={"desk": 2}),
        replace(PLAN, steps=(*PLAN.steps, Step("new", "desk", "new"))),
    ],
)
def test_what_is_declared_otherwise_today_runs(plan: Plan) -> None:
    name = "new" if "new" in plan.step else "notes"
    reason = "it is not finished" if name == "new" else "it is defined otherwise today"
    assert of(ended(), plan).again[name] == reason


def test_how_often_a_step_is_tried_does_not_change_what_it_made() -> None:
    assert "notes" in of(ended(), changed("notes", retry=Retry(attempts=5))).reused


def test_what_was_approved_is_not_taken_over_once_a_parameter_is_edited() -> None:
    asking = changed("book", approval=timedelta(hours=1))
    run = ended(plan=asking)
    found = of(run, asking, "pay", edited=("colour",))
    assert found.reused == ("notes",)
    assert found.again["book"] == "it was approved for another colour"
    assert found.again["rooms"] == "it comes after book"
    assert "book" in of(run, asking, "pay").reused, "what was approved is what is done"


def test_what_nobody_was_asked_about_is_not_taken_over_where_somebody_has_to_be_today() -> None:
    asking = changed("book", approval=timedelta(hours=1))
    assert of(ended(), asking).again["book"] == "it needs an approval today"
    longer = changed("book", approval=timedelta(hours=2))
    assert "book" in of(ended(plan=asking), longer).reused
    assert "book" in of(ended(plan=asking)).reused
