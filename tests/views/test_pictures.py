"""What the console draws: timelines, graphs, failures, lanes, curves, the overview."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from orchestration import Plot, Retry, Workflow
from orchestration.errors import DefinitionError
from orchestration.plans import Step
from orchestration.ports import Store
from orchestration.runtime.sampler import Sampler
from orchestration.state import RunStatus
from orchestration.store import runs
from orchestration.views import (
    curves,
    emergency,
    failures,
    graph,
    lanes,
    overview,
    progress,
    timeline,
)
from orchestration.views import workflow as story
from orchestration.views.timeline import WAITS, Timeline
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, app_of, step, workflow
from tests.shown import block

PATIENT = Retry(attempts=2, delay=timedelta(seconds=2))
APP = app_of(
    workflow("job", step("first", retry=PATIENT), step("second", "first")),
    workflow("fan", step("each", for_each="parameters.items"), step("all", "each")),
)


@pytest.fixture
def fleet(store: Store, clock: FakeClock) -> Fleet:
    return Fleet(store, clock, APP)


def line_of(fleet: Fleet, run_id: str, later: timedelta = timedelta(0)) -> Timeline:
    """The timeline of a run, as it will be seen after a while."""
    now = fleet.clock.now() + later
    found: Timeline = fleet.read(lambda s: timeline.timeline(s, runs.get(s, run_id), now))
    return found


def test_a_branch_has_one_name_wherever_it_is_shown(fleet: Fleet) -> None:
    worker = fleet.worker()
    single = fleet.start("job")
    some = [fleet.start("fan", {"items": items}) for items in (["a", "b"], ["c"])]
    for _ in range(4):
        worker.take()
    names = {single: ["first"], some[0]: ["each[0]", "each[1]"], some[1]: ["each[0]"]}

    for run_id, called in names.items():
        assert [track.name for track in line_of(fleet, run_id).tracks] == called
        told = fleet.read(lambda s, r=run_id: story.detail(s, r))  # type: ignore[misc]
        assert [each["name"] for each in told["steps"]] == called
        assert [work.name for work in working(fleet) if work.run_id == run_id] == called
        acting = fleet.read(emergency.acting)
        assert [each["name"] for each in acting if each["workflow_id"] == run_id] == called


def working(fleet: Fleet) -> tuple[lanes.Work, ...]:
    """What an agent's lane shows."""
    lane: lanes.AgentLane
    (lane,) = fleet.read(lambda s: lanes.lanes(s, fleet.clock.now())).lanes
    return lane.work


def test_a_timeline_has_a_bar_for_each_wait_and_each_attempt(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("job")
    fleet.clock.advance(SECOND)
    claim = worker.take()
    fleet.clock.advance(SECOND)
    worker.fail(claim)
    fleet.advance(3 * SECOND)
    again = worker.take()
    fleet.clock.advance(SECOND)

    found = line_of(fleet, run_id)

    (lane,) = found.tracks
    assert [bar.kind for bar in lane.bars] == [WAITS, "failed", WAITS, "running"]
    assert [bar.attempt for bar in lane.bars] == [0, 1, 0, 2]
    assert lane.bars[1].note == "Oops: it broke"
    assert lane.bars[1].place == "here:7, release 1"
    for before, after in pairwise(lane.bars):
        assert before.begin + before.length == pytest.approx(after.begin)
    assert lane.bars[-1].begin + lane.bars[-1].length == pytest.approx(1)

    worker.complete(again)
    fleet.work_off(worker)
    done = line_of(fleet, run_id, HOUR)
    assert done.end == fleet.run(run_id).ended_at
    assert [lane.name for lane in done.tracks] == ["first", "second"]


def test_a_timeline_leaves_out_what_nobody_could_read(fleet: Fleet) -> None:
    fleet.worker()
    run_id = fleet.start("fan", {"items": list(range(timeline.MOST_TRACKS + 5))})
    found = line_of(fleet, run_id)
    assert (len(found.tracks), found.left_out) == (timeline.MOST_TRACKS, 5)


def diamond() -> list[Step]:
    return [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c", "a")]


def test_a_graph_goes_from_left_to_right_and_draws_no_edge_twice() -> None:
    steps = diamond()
    pictures = [progress.draw(s.name, {s.name: "x"}, [], begun=False) for s in steps]
    found = graph.graph(steps, pictures)
    place = {node.name: (node.x, node.y) for node in found.nodes}
    assert place["a"][0] < place["b"][0] == place["c"][0] < place["d"][0]
    assert place["b"][1] != place["c"][1]
    assert {(e.source, e.target) for e in found.edges} == {
        ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"),
    }  # fmt: skip
    assert all(node.x + graph.WIDTH <= found.width for node in found.nodes)
    assert all(node.y + graph.HEIGHT <= found.height for node in found.nodes)


def test_failures_are_grouped_by_step_error_and_release(fleet: Fleet) -> None:
    worker = fleet.worker()
    for _ in range(3):
        fleet.start("fan", {"items": [1]})
        worker.fail(worker.take(), retryable=False)
        fleet.clock.advance(SECOND)
    run_id = fleet.start("job")
    worker.fail(worker.take(), retryable=False)

    found = fleet.read(lambda s: failures.failures(s, fleet.clock.now() - HOUR))

    assert [(g.kind.command, g.kind.step, g.kind.error, g.kind.release) for g in found.groups] == [
        ("job", "first", "Oops", "1"), ("fan", "each", "Oops", "1"),
    ]  # fmt: skip
    assert [group.count for group in found.groups] == [1, 3]
    assert found.groups[0].message == "it broke"
    assert found.groups[0].runs == (run_id,)
    fleet.client.retry(run_id)
    again = fleet.read(lambda s: failures.failures(s, fleet.clock.now() - HOUR))
    assert run_id not in {each for group in again.groups for each in group.runs}


def test_a_lane_tells_who_serves_an_agent_and_what_runs(fleet: Fleet) -> None:
    worker = fleet.worker(slots=3)
    run_id = fleet.start("fan", {"items": [1, 2, 3, 4, 5, 6, 7, 8]})
    worker.take()
    worker.beat(load=1.0)
    fleet.clock.advance(MINUTE)

    (lane,) = fleet.read(lambda s: lanes.lanes(s, fleet.clock.now())).lanes

    assert (lane.slots, lane.waiting, lane.running) == (3, 7, 1)
    assert [work.run_id for work in lane.work] == [run_id]
    assert lane.agent.last_heartbeat == fleet.clock.now() - MINUTE


def test_the_sampler_keeps_what_waits_minute_by_minute(fleet: Fleet) -> None:
    worker = fleet.worker(slots=2)
    fleet.start("fan", {"items": [1, 2, 3]})
    worker.take()
    sampler = Sampler(worker.engine)
    sampler.look()
    sampler.look()
    assert fleet.rows("samples") == 2  # the runs, and the one agent
    fleet.clock.advance(MINUTE)
    sampler.look()
    found = fleet.read(lambda s: overview.overview(s, fleet.clock.now()))
    assert found.lanes.lanes[0].depth.highest == 2
    assert found.pending.known
    fleet.clock.advance(50 * HOUR)
    fleet.client.forget(timedelta(days=30), 1_000)
    assert fleet.rows("samples") == 0


def test_the_overview_counts_how_runs_ended_hour_by_hour(fleet: Fleet) -> None:
    worker = fleet.worker()
    for _ in range(3):
        fleet.start("job")
        fleet.work_off(worker)
    fleet.clock.advance(2 * HOUR)
    fleet.start("fan", {"items": [1]})
    worker.fail(worker.take(), retryable=False)
    running = fleet.start("job")
    fleet.clock.advance(MINUTE)

    found = fleet.read(lambda s: overview.overview(s, fleet.clock.now()))

    assert (found.completed, found.failed, found.success) == (3, 1, 0.75)
    assert [hour.total for hour in found.hours][-3:] == [3, 0, 1]
    assert [run.id for run in found.active] == [running]
    assert found.live == {RunStatus.RUNNING: 1}


EQUITY = Plot("Equity", step="s", points="deep.curve", y="equity", name="who", drawdown=True)


def result(who: str, *values: Any) -> dict[str, Any]:
    points = [{"date": f"2025-01-{n + 1:02}", "equity": v} for n, v in enumerate(values)]
    return {"who": who, "deep": {"curve": points}}


def test_a_plot_draws_a_curve_a_branch_and_how_far_it_fell() -> None:
    found = curves.chart(EQUITY, [result("up", 100, 110, 121), result("down", 100, 50, 75)])
    assert found is not None
    assert [(c.name, c.first, c.last) for c in found.curves] == [
        ("up", 100, 121), ("down", 100, 75),
    ]  # fmt: skip
    assert [curve.deepest for curve in found.curves] == [0, -0.5]
    assert found.curves[1].path.startswith("M0.0 ")
    assert (found.begin, found.end) == ("2025-01-01", "2025-01-03")
    assert [tick.at for tick in found.ticks] == sorted((t.at for t in found.ticks), reverse=True)


@pytest.mark.parametrize(
    "value",
    [None, 3, "text", [], {}, {"deep": {"curve": "x"}}, result("one", 1), result("odd", "a", None),
     result("nan", float("nan"), float("inf"))],
)  # fmt: skip
def test_what_is_no_curve_is_not_drawn(value: Any) -> None:
    assert curves.chart(EQUITY, [value]) is None


@pytest.mark.parametrize("values", [(0, 0), (5, 5, 5), (-1, -2), (1e-9, 2e-9), (1e12, 3e12, 0)])
def test_any_numbers_have_an_axis_around_them(values: tuple[float, ...]) -> None:
    found = curves.chart(EQUITY, [result("any", *values)])
    assert found is not None
    assert all(0 <= tick.at <= curves.HEIGHT for tick in found.ticks)
    assert len(found.ticks) <= curves.TICKS + 3


def test_a_long_curve_is_drawn_with_fewer_points_and_its_last() -> None:
    points = [{"date": f"{n:05}", "equity": float(n)} for n in range(5_000)]
    found = curves.chart(EQUITY, [{"who": "long", "deep": {"curve": points}}])
    assert found is not None
    assert found.curves[0].path.count("L") <= curves.MOST_POINTS
    assert found.curves[0].last == 4_999


def test_a_plot_of_a_step_that_is_none_is_refused() -> None:
    with pytest.raises(DefinitionError, match="'s' is no step"):
        Workflow("w", steps=[step("other")], plots=[EQUITY])
    with pytest.raises(DefinitionError, match="name the fields"):
        Plot("empty", step="s", points="")


def test_what_a_workflow_draws_is_no_part_of_its_plan() -> None:
    plain = Workflow("w", steps=[step("s")])
    drawn = Workflow("w", steps=[step("s")], plots=[EQUITY])
    assert json.loads(plain.plan.text) == json.loads(drawn.plan.text)


def test_the_plot_of_the_docs_is_one() -> None:
    found: dict[str, Any] = {}
    exec(block("docs/console.md", "python", "Plot("), found)  # noqa: S102 - a block of ours
    assert found["Plot"] is Plot
