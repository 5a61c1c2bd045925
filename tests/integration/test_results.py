"""Which results an action may read: those of the steps that finish before its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestration import Agent, App, Context, Step, Workflow
from orchestration.errors import PermanentError, WorkflowFailedError
from orchestration.state import RunStatus
from orchestration.testbed import Fleet

Read = Callable[[Context], Any]


def make(context: Context) -> dict[str, Any]:
    """Make something, once."""
    return {"made": context.step, "again": False}


@contextmanager
def reading(read: Read, needs: list[str], **options: Any) -> Iterator[Fleet]:
    """A fleet whose last step reads, and needs some of the steps before it."""
    steps = [
        Step("first", "smith", "make"),
        Step("second", "smith", "make", needs=["first"]),
        Step("aside", "smith", "make", needs=["first"], **options),
        Step("last", "smith", "read", needs=needs),
    ]
    smith = Agent("smith", actions={"make": make, "read": read})
    app = App(agents=[smith], workflows=[Workflow("job", steps=steps, result="last")])
    fleet = Fleet(app)
    yield fleet
    fleet.close()


def test_what_is_needed_and_what_that_needs_can_be_read() -> None:
    with reading(lambda context: dict(context.results), ["second"]) as fleet:
        found = fleet.start("job").result()
    assert {name: each["made"] for name, each in found.items()} == {
        "first": "first",
        "second": "second",
    }


@pytest.mark.parametrize(
    "read",
    [lambda c: c.results["aside"], lambda c: c.results.get("aside")],
    ids=["by name", "with a default"],
)
def test_what_may_not_have_finished_cannot_be_read_though_it_has(read: Read) -> None:
    with reading(read, ["second"]) as fleet:
        handle = fleet.start("job")
        with pytest.raises(WorkflowFailedError, match="add it to `needs`") as failed:
            handle.result(timeout=0)
        assert "last reads the result of 'aside'" in str(failed.value)
        assert [call.action for call in fleet.calls].count("read") == 1, "no retry could help"


def test_whether_a_step_is_there_can_be_asked() -> None:
    with reading(lambda c: ["aside" in c.results, "first" in c.results], ["first"]) as fleet:
        assert fleet.start("job").result() == [False, True]


def test_a_skipped_step_has_no_result() -> None:
    def read(context: Context) -> Any:
        return context.results["aside"]

    with reading(read, ["aside"], when="results.first.again") as fleet:
        assert fleet.start("job").result() is None


def test_an_undo_reads_what_a_later_step_has_done() -> None:
    seen: list[Any] = []

    def fail(_: Context) -> None:
        raise PermanentError("the last one fails")

    def forget(context: Context) -> None:
        seen.append(dict(context.results))

    smith = Agent("smith", actions={"make": make, "forget": forget, "fail": fail})
    steps = [
        Step("first", "smith", "make", undo="forget"),
        Step("second", "smith", "make", needs=["first"]),
        Step("last", "smith", "fail", needs=["second"]),
    ]
    fleet = Fleet(App(agents=[smith], workflows=[Workflow("job", steps=steps)]))
    assert fleet.start("job").phase() is RunStatus.FAILED
    assert seen[0]["second"]["made"] == "second"
    fleet.close()
