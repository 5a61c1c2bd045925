"""How steps follow each other: fan-outs, joins, conditions and results."""

from typing import Any

import pytest

from orchestration.state import RunStatus, StepStatus
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import Fleet, step, workflow

R, S = RunStatus, StepStatus


class TestFanOut:
    FAN = workflow(
        "fan",
        step("list"),
        step("pack", "list", for_each="results.list.skus"),
        step("ship", "pack"),
    )

    @pytest.fixture
    def fleet(self, fleet_of: MakeFleet) -> Fleet:
        return fleet_of(self.FAN)

    def test_each_item_has_a_branch_and_the_results_keep_their_order(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("fan")
        worker.complete(worker.take(), {"skus": ["a", "b", None]})
        claims = [worker.take() for _ in range(3)]
        assert [claim.item for claim in claims] == ["a", "b", None]
        assert claims[1].idempotency_key == f"{run_id}:pack[1]"
        assert claims[1].reads == {"list": False}
        for claim in reversed(claims):
            assert "ship" not in fleet.steps(run_id)
            worker.complete(claim, {"packed": claim.item})
        assert fleet.result(run_id, "pack") == [{"packed": sku} for sku in ("a", "b", None)]
        assert fleet.work_off(worker) == ["ship[0]"]
        assert fleet.status(run_id) is R.COMPLETED

    def test_branches_share_the_progress_of_their_step(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("fan")
        worker.complete(worker.take(), {"skus": [1, 2, 3, 4]})
        worker.complete(worker.take())
        assert fleet.run(run_id).progress == pytest.approx((1 + 1 / 4) / 3)

    def test_over_nothing_it_is_done_at_once(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("fan")
        worker.complete(worker.take(), {"skus": []})
        assert fleet.work_off(worker) == ["ship[0]"]
        assert fleet.result(run_id, "pack") == []
        assert fleet.run(run_id).progress == 1

    @pytest.mark.parametrize("listed", [{}, {"skus": "text"}, {"skus": {"a": 1}}, None, [1]])
    def test_over_what_is_no_list_it_fails_the_run_and_says_so(
        self, fleet: Fleet, listed: Any
    ) -> None:
        worker = fleet.worker()
        run_id = fleet.start("fan")
        worker.complete(worker.take(), listed)
        assert fleet.status(run_id) is R.FAILED
        assert "step pack: " in (fleet.run(run_id).reason or "")
        assert fleet.steps(run_id) == {"list": S.COMPLETED}

    def test_over_too_many_it_fails_the_run(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("fan")
        worker.complete(worker.take(), {"skus": [0] * 10_001})
        assert "at most 10000" in (fleet.run(run_id).reason or "")

    def test_several_agents_are_asked_at_once(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(
            workflow("ask", step("answer", agent=["a", "b"]), step("sum_up", "answer", agent="a"))
        )
        worker = fleet.worker()
        run_id = fleet.start("ask")
        assert [message.queue for message in fleet.transport.messages] == ["a", "b"]
        fleet.work_off(worker, lambda claim: claim.agent)
        assert fleet.result(run_id, "answer") == ["a", "b"]
        assert fleet.status(run_id) is R.COMPLETED

    def test_two_bad_paths_at_once_fail_the_run_once(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(
            workflow(
                "bad",
                step("list", undo="unlist"),
                step("one", "list", for_each="results.list.x"),
                step("two", "list", for_each="results.list.y"),
            )
        )
        worker = fleet.worker()
        run_id = fleet.start("bad")
        worker.complete(worker.take(), {})
        assert fleet.status(run_id) is R.UNDOING
        assert fleet.work_off(worker) == ["undo.list[0]"]
        assert fleet.status(run_id) is R.FAILED


class TestConditions:
    @pytest.mark.parametrize(
        ("wanted", "done"), [(True, ["maybe[0]", "after[0]"]), (False, ["after[0]"])]
    )
    def test_a_step_runs_where_its_condition_holds(
        self, fleet_of: MakeFleet, *, wanted: bool, done: list[str]
    ) -> None:
        fleet = fleet_of(
            workflow("flow", step("maybe", when="parameters.wanted"), step("after", "maybe"))
        )
        worker = fleet.worker()
        run_id = fleet.start("flow", {"wanted": wanted})
        assert fleet.work_off(worker) == done
        assert fleet.steps(run_id)["maybe"] is (S.COMPLETED if wanted else S.SKIPPED)
        assert fleet.status(run_id) is R.COMPLETED

    @pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
    def test_an_empty_result_is_a_no(self, fleet_of: MakeFleet, value: Any) -> None:
        fleet = fleet_of(
            workflow("flow", step("look"), step("act", "look", when="results.look", undo="unact"))
        )
        worker = fleet.worker()
        run_id = fleet.start("flow")
        worker.complete(worker.take(), value)
        assert fleet.status(run_id) is R.COMPLETED
        assert fleet.steps(run_id)["act"] is S.SKIPPED
        assert fleet.result(run_id, "act") == [None]

    def test_what_is_skipped_is_not_undone(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(
            workflow(
                "flow", step("act", when="parameters.wanted", undo="unact"), step("last", "act")
            )
        )
        worker = fleet.worker()
        run_id = fleet.start("flow", {"wanted": False})
        worker.fail(worker.take())
        assert fleet.status(run_id) is R.FAILED
        assert fleet.transport.messages == []


class TestOptional:
    def test_a_step_that_is_not_required_may_fail_and_its_error_is_its_result(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(
            workflow(
                "flow",
                step("ask", for_each="parameters.items", required=False),
                step("sum_up", "ask"),
            )
        )
        worker = fleet.worker()
        run_id = fleet.start("flow", {"items": [1, 2]})
        worker.fail(worker.take())
        assert "sum_up" not in fleet.steps(run_id)
        worker.complete(worker.take(), "fine")
        fleet.work_off(worker)
        assert fleet.status(run_id) is R.COMPLETED
        error, fine = fleet.result(run_id, "ask")
        assert (error["error"]["type"], fine) == ("Oops", "fine")
        assert fleet.run(run_id).progress == 1


class TestDiamond:
    def test_a_join_is_begun_once_whoever_is_last(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(
            workflow(
                "diamond",
                step("left"),
                step("right"),
                step("join", "left", "right", when="parameters.wanted"),
                step("after", "join"),
            )
        )
        worker = fleet.worker()
        run_id = fleet.start("diamond")
        left, right = worker.take(), worker.take()
        worker.complete(right)
        assert fleet.transport.messages == []
        worker.complete(left)
        worker.complete(right)
        assert fleet.work_off(worker) == ["join[0]", "after[0]"]
        assert fleet.status(run_id) is R.COMPLETED
