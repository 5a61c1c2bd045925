"""What actions use of the fleet: configuration, shared values, data for others."""

from typing import Any

import pytest

from orchestration import Agent, App, Context, PermanentError, Step, Workflow
from orchestration.state import RunStatus
from orchestration.store import configuration
from orchestration.testbed import Fleet


def switch(context: Context) -> dict[str, Any]:
    before = context.configuration.get("source"), context.configuration.version("source")
    context.configuration.set("source", {"name": "polygon", "symbols": ("IBM",)})
    context.emit("switched", {"to": "polygon"})
    calls = context.shared.update("calls.switch", lambda old: (old or 0) + 1)
    assert context.shared.get("calls.switch") == calls
    assert context.shared.under("calls.") == {"calls.switch": calls}
    return {"before": before, "now": context.configuration.get("source"), "calls": calls}


def fail(context: Context) -> None:
    context.configuration.set("source", "nowhere")
    raise PermanentError("it did not work")


def overreach(context: Context) -> None:
    context.configuration.set("trading_mode", "live")


def mumble(context: Context) -> None:
    context.emit("noise", {"value": object()})


def halve(context: Context) -> None:
    context.configuration.set("source", {"name": "half \ud800"})
    context.emit("halved", {"name": "half \ud800"})


def cry(context: Context) -> None:
    raise PermanentError(f"{context.workflow_id} is half \ud800")


ACTIONS = {
    "switch": switch, "fail": fail, "overreach": overreach, "mumble": mumble, "halve": halve,
    "cry": cry,
}  # fmt: skip


@pytest.fixture
def orchestration_app() -> App:
    return App(
        agents=[Agent("operator", actions=ACTIONS)],
        workflows=[
            Workflow(name, steps=[Step("doing", "operator", name, configures=["source"])])
            for name in ACTIONS
        ],
    )


def test_an_action_reads_sets_and_gives_away(fleet: Fleet) -> None:
    now = {"name": "polygon", "symbols": ["IBM"]}
    assert fleet.start("switch").result() == {"before": [None, 0], "now": now, "calls": 1}
    again = fleet.start("switch").result()
    assert again == {"before": [now, 1], "now": now, "calls": 2}
    (kept,) = fleet.engine.store.read(configuration.everything)
    assert (kept.value, kept.version, kept.actor) == (now, 2, "operator")
    kinds = fleet.engine.store.read(lambda s: s.all("SELECT data_type FROM data_messages"))
    assert kinds == [("switched",), ("switched",)]


def test_half_a_character_becomes_a_question_mark(fleet: Fleet) -> None:
    """JSON can say a lone surrogate, and UTF-8 cannot."""
    fleet.start("halve").result()
    (kept,) = fleet.engine.store.read(configuration.everything)
    assert kept.value == {"name": "half ?"}
    (data,) = fleet.engine.store.read(lambda s: s.all("SELECT body FROM data_messages"))
    assert "half ?" in data[0]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("cry", "is half ?"),
        ("fail", "it did not work"),
        ("overreach", "declare configures=['trading_mode']"),
        ("mumble", "this is not JSON"),
    ],
)
def test_what_fails_sets_nothing(fleet: Fleet, command: str, problem: str) -> None:
    handle = fleet.start(command)
    assert handle.phase() is RunStatus.FAILED
    assert problem in handle.status()["error_messages"][0]
    assert fleet.engine.store.read(configuration.everything) == []
