import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import IllegalTransitionError
from orchestration.plans import Plan, Step
from orchestration.state import (
    ENDED,
    OPEN,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    Run,
    RunStatus,
    StepStatus,
    progress,
)

FIRST = Step("first", "a", "x")
OPTIONAL = Step("optional", "a", "x", required=False)
RUN = Run("run", Plan("flow", (FIRST, OPTIONAL), "first"))
S = StepStatus


def run_with(**tallies: dict[StepStatus, int]) -> Run:
    return Run("run", RUN.plan, RunStatus.RUNNING, tallies=tallies)


class TestTables:
    def test_every_status_has_a_row(self) -> None:
        assert set(RUN_TRANSITIONS) == set(RunStatus)
        assert set(STEP_TRANSITIONS) == set(StepStatus)

    def test_what_has_ended_only_ever_begins_a_new_generation(self) -> None:
        assert {RUN_TRANSITIONS[status] for status in ENDED} <= {
            frozenset(),
            frozenset({RunStatus.PENDING}),
        }
        assert {status for status in RunStatus if status.ended} == ENDED

    def test_what_is_open_can_always_be_cancelled(self) -> None:
        assert all(S.CANCELLED in STEP_TRANSITIONS[status] for status in OPEN)
        assert {status for status in StepStatus if status.open} == OPEN

    @pytest.mark.parametrize("source", RunStatus)
    @pytest.mark.parametrize("target", RunStatus)
    def test_a_run_moves_by_the_table_only(self, source: RunStatus, target: RunStatus) -> None:
        run = Run("run", RUN.plan, source)
        if target in RUN_TRANSITIONS[source]:
            assert run.to(target).status is target
        else:
            with pytest.raises(IllegalTransitionError, match="not allowed"):
                run.to(target)

    @pytest.mark.parametrize("source", StepStatus)
    @pytest.mark.parametrize("target", StepStatus)
    def test_a_branch_moves_by_the_table_only(self, source: S, target: S) -> None:
        run = run_with(first={source: 2})
        if target in STEP_TRANSITIONS[source]:
            assert run.moved("first", source, target).tallies == {"first": {source: 1, target: 1}}
        else:
            with pytest.raises(IllegalTransitionError, match="not allowed"):
                run.moved("first", source, target)


class TestTallies:
    def test_no_more_branches_move_than_there_are(self) -> None:
        with pytest.raises(IllegalTransitionError):
            run_with(first={S.READY: 1}).moved("first", S.READY, S.QUEUED, 2)
        with pytest.raises(IllegalTransitionError):
            RUN.moved("first", S.READY, S.QUEUED)

    def test_a_status_that_no_branch_has_is_not_kept(self) -> None:
        moved = run_with(first={S.READY: 2}).moved("first", S.READY, S.QUEUED, 2)
        assert moved.tallies == {"first": {S.QUEUED: 2}}

    def test_branches_are_added_to_those_that_are_there(self) -> None:
        run = run_with(first={S.READY: 1}).with_branches("first", S.READY, 2)
        assert run.tallies == {"first": {S.READY: 3}}

    def test_branches_are_counted_over_all_steps(self) -> None:
        run = run_with(first={S.READY: 1, S.QUEUED: 2}, optional={S.READY: 4})
        assert run.count_branches(S.READY) == 5
        assert run.count_branches(S.READY, S.QUEUED) == 7


class TestFinished:
    def test_a_step_that_has_not_begun_is_not_finished(self) -> None:
        assert not RUN.finished(FIRST)

    def test_a_fan_out_over_nothing_is_finished(self) -> None:
        assert RUN.with_branches("first", S.READY, 0).finished(FIRST)

    @pytest.mark.parametrize("status", StepStatus)
    def test_only_an_optional_step_is_finished_by_failing(self, status: StepStatus) -> None:
        run = run_with(first={status: 1, S.COMPLETED: 1}, optional={status: 1, S.COMPLETED: 1})
        assert run.finished(FIRST) is (status in {S.COMPLETED, S.SKIPPED})
        assert run.finished(OPTIONAL) is (status in {S.COMPLETED, S.SKIPPED, S.FAILED})

    def test_a_run_is_done_when_every_step_is(self) -> None:
        assert run_with(first={S.COMPLETED: 1}, optional={S.FAILED: 1}).done
        assert not run_with(first={S.COMPLETED: 1}).done

    def test_an_undo_shows_in_the_tallies(self) -> None:
        assert run_with(**{"undo.first": {S.READY: 1}}).undone
        assert not run_with(first={S.COMPLETED: 1}).undone


class TestProgress:
    def test_every_step_counts_the_same_and_its_branches_share_it(self) -> None:
        run = run_with(first={S.COMPLETED: 1, S.RUNNING: 3})
        assert progress(run, {"first": 0.6}) == pytest.approx((1 + 0.6) / 4 / 2)

    def test_a_fan_out_over_nothing_is_a_whole_step(self) -> None:
        assert progress(RUN.with_branches("first", S.READY, 0), {}) == 0.5

    def test_what_was_cancelled_or_has_failed_is_no_progress(self) -> None:
        assert progress(run_with(first={S.CANCELLED: 1}), {}) == 0
        assert progress(run_with(first={S.FAILED: 1}), {}) == 0
        assert progress(run_with(optional={S.FAILED: 1}), {}) == 0.5

    @given(
        st.dictionaries(st.sampled_from(S), st.integers(1, 600), max_size=4),
        st.dictionaries(st.sampled_from(S), st.integers(1, 600), max_size=4),
    )
    def test_it_is_all_when_and_only_when_the_run_is_done(
        self, first: dict[StepStatus, int], optional: dict[StepStatus, int]
    ) -> None:
        run = run_with(first=first, optional=optional)
        done = progress(run, {})
        assert 0 <= done <= 1
        assert (done == 1) is run.done
