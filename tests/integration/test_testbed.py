"""The fleet in memory that users test with, and its pytest plugin."""

from datetime import timedelta

import pytest

from orchestration.errors import PermanentError
from orchestration.state import RunStatus
from orchestration.testbed import Call, Fleet

pytest_plugins = ["pytester"]
WAREHOUSE = "warehouse_agent"


@pytest.fixture
def orchestration_app() -> object:
    from examples.warehouse import app  # noqa: PLC0415 - as a user's conftest would

    return app


def test_a_run_goes_as_far_as_it_can_without_the_clock(fleet: Fleet) -> None:
    handle = fleet.start("restock", {"skus": ["bolt", "nut"]})
    assert handle.phase() is RunStatus.WAITING
    assert fleet.calls == [
        Call(WAREHOUSE, "reserve", "bolt", 1),
        Call(WAREHOUSE, "reserve", "nut", 1),
    ]
    assert fleet.approve(handle.workflow_id, "shipping") is RunStatus.COMPLETED
    shipped = [{"reserved": "bolt"}, {"reserved": "nut"}]
    assert handle.result() == {"shipped": shipped}


def test_a_failure_is_retried_when_the_clock_gets_there(fleet: Fleet) -> None:
    fleet.fail_next(WAREHOUSE, "reserve", ConnectionError("the shelf is blocked"))
    handle = fleet.start("restock", {"skus": ["bolt"]})
    assert handle.phase() is RunStatus.RUNNING
    fleet.advance(timedelta(seconds=2))
    assert handle.phase() is RunStatus.WAITING
    assert [call.attempt for call in fleet.calls] == [1, 2]


def test_nobody_answers_and_all_is_undone(fleet: Fleet) -> None:
    handle = fleet.start("restock", {"skus": ["bolt"]})
    fleet.advance(timedelta(hours=2))
    assert handle.phase() is RunStatus.CANCELLED
    assert fleet.calls[-1].action == "release"


def test_a_permanent_failure_is_not_retried(fleet: Fleet) -> None:
    fleet.fail_next(WAREHOUSE, "reserve", PermanentError("no such thing"))
    handle = fleet.start("restock", fleet.app.workflow["restock"].parameters(skus=["bolt"]))
    assert handle.phase() is RunStatus.FAILED


def test_the_configuration_names_the_app(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        shop="""
        from orchestration import Agent, App, Step, Workflow
        app = App(
            agents=[Agent("clerk", actions={"sell": lambda context: 7})],
            workflows=[Workflow("sale", steps=[Step("selling", "clerk", "sell")])],
        )
        """,
        test_shop="""
        def test_it(fleet):
            assert fleet.start("sale").result() == 7
        """,
    )
    pytester.makeini("[pytest]\norchestration_app = shop\npythonpath = .\n")
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=1)
