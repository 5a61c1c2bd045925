"""Commands that start by the clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from pydantic import model_validator

from orchestration.definitions import App
from orchestration.engine import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, ScheduleError, StoreError
from orchestration.runtime.schedule import Timetable, next_time
from orchestration.store import runs, schedules
from orchestration.store.schedules import ScheduleRow
from tests.integration.workshop import Order, Workshop

MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"
BY = By("ann")


def scheduled(workshop: Workshop, **changed: object) -> ScheduleRow:
    """A schedule that is due in a minute, and every minute from then on."""
    now = workshop.clock.now()
    row = ScheduleRow(
        name="each minute",
        command="order",
        parameters='{"pieces": [7]}',
        cron="* * * * *",
        timezone="UTC",
        overlap="allow",
        paused=False,
        next_at=now + MINUTE,
        last_run=None,
        created_at=now,
    )
    row = replace(row, **changed)  # type: ignore[arg-type]
    workshop.store.write(lambda s: schedules.insert(s, row))
    return row


def found(workshop: Workshop, name: str) -> ScheduleRow:
    return workshop.store.read(lambda s: schedules.get(s, name))


@pytest.fixture
def timetable(workshop: Workshop) -> Timetable:
    return Timetable(workshop.engine, workshop.app)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2025-01-06T14:29:00+00:00", "2025-01-06T14:30:00+00:00"),
        ("2025-07-06T14:29:00+00:00", "2025-07-07T13:30:00+00:00"),
        ("2025-01-10T15:00:00+00:00", "2025-01-13T14:30:00+00:00"),
    ],
)
def test_the_time_zone_decides_summer_time_and_weekends(after: str, expected: str) -> None:
    found = next_time("30 9 * * mon-fri", NEW_YORK, at(after))
    assert found is not None
    assert found.astimezone(UTC) == at(expected)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 1 * * *", NEW_YORK, "2026-11-01T04:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        ("30 1 * * *", NEW_YORK, "2026-11-01T06:10", ["2026-11-02T06:30", "2026-11-03T06:30"]),
        ("15 1,2 * * *", NEW_YORK, "2026-11-01T04:00", ["2026-11-01T05:15", "2026-11-01T07:15"]),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T14:00",
            ["2026-04-04T14:45", "2026-04-05T15:15"],
        ),
        ("0 * * * *", NEW_YORK, "2026-11-01T04:30", ["2026-11-01T05:00", "2026-11-01T06:00"]),
        ("30 */1 * * *", NEW_YORK, "2026-11-01T05:00", ["2026-11-01T05:30", "2026-11-01T06:30"]),
    ],
)
def test_what_has_an_hour_comes_once_where_clocks_go_back(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    moment = at(f"{after}+00:00")
    for text in expected:
        found = next_time(cron, zone, moment)
        assert found is not None
        moment = found.astimezone(UTC)
        assert moment == at(f"{text}+00:00")


@pytest.mark.parametrize(
    ("days", "named"),
    [
        ("1-5", "mon-fri"),
        ("0", "sun"),
        ("7", "sun"),
        ("5-7", "fri,sat,sun"),
        ("1-5/2", "mon,wed,fri"),
    ],
)
def test_weekdays_count_from_sunday_as_cron_does(days: str, named: str) -> None:
    monday = at("2025-01-06T14:29:00+00:00")
    by_number = next_time(f"30 9 * * {days}", "UTC", monday)
    assert by_number == next_time(f"30 9 * * {named}", "UTC", monday)


@pytest.mark.parametrize(
    ("cron", "zone", "parts"),
    [
        ("* * *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("* * * * *", "Mars/Olympus", "timezone"),
        ("* * *", "Mars/Olympus", "timezone cron"),
    ],
)
def test_a_wrong_expression_or_zone_is_refused(cron: str, zone: str, parts: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        next_time(cron, zone, at("2025-01-06T14:29:00+00:00"))
    assert list(refused.value.parts) == parts.split()


def test_what_is_due_starts_once_whoever_comes_first(
    workshop: Workshop, timetable: Timetable
) -> None:
    scheduled(workshop)
    other = Timetable(workshop.engine, workshop.app)
    assert timetable.fire() == []
    workshop.clock.advance(MINUTE)
    stale = workshop.store.read(lambda s: schedules.due(s, workshop.clock.now()))[0]
    [run] = timetable.fire()
    assert other.fire() == []
    following = next_time(stale.cron, stale.timezone, workshop.clock.now())
    command = other._command(stale)  # noqa: SLF001
    late = workshop.engine.commit(lambda tx: other._start(tx, stale, following, command))  # noqa: SLF001
    assert late is None
    found = workshop.store.read(lambda s: runs.get(s, run))
    assert (found.command, found.sender, found.correlation_id) == (
        "order",
        "scheduler",
        "schedule:each minute",
    )


def test_parameters_are_validated_before_anybody_waits_for_the_store(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, writing, validated = workshop.engine.commit, [False], list[bool]()

    class Slow(Order):
        @model_validator(mode="after")
        def _look(self) -> Self:
            validated.append(writing[0])
            return self

    def watched(operation: Callable[[Transaction], Any]) -> Any:
        writing[0] = True
        try:
            return commit(operation)
        finally:
            writing[0] = False

    monkeypatch.setattr(workshop.engine, "commit", watched)
    (flow,) = workshop.app.workflows
    app = App(agents=workshop.app.agents, workflows=[replace(flow, parameters=Slow)])
    scheduled(workshop, overlap="skip")
    workshop.clock.advance(MINUTE)
    assert Timetable(workshop.engine, app).fire()
    assert validated == [False]
    workshop.clock.advance(MINUTE)
    assert not Timetable(workshop.engine, app).fire(), "that one goes on"
    assert validated == [False]


def test_missed_times_are_made_up_for_once(workshop: Workshop, timetable: Timetable) -> None:
    scheduled(workshop)
    workshop.clock.advance(60 * MINUTE)
    assert len(timetable.fire()) == 1
    assert timetable.fire() == []


def test_a_run_that_still_goes_on_is_skipped_where_that_is_wanted(
    workshop: Workshop, timetable: Timetable
) -> None:
    scheduled(workshop, overlap="skip")
    workshop.clock.advance(MINUTE)
    [run] = timetable.fire()
    workshop.clock.advance(MINUTE)
    assert timetable.fire() == []
    workshop.engine.cancel(run)
    workshop.clock.advance(MINUTE)
    assert len(timetable.fire()) == 1


def test_a_run_that_is_forgotten_does_not_go_on(workshop: Workshop, timetable: Timetable) -> None:
    scheduled(workshop, overlap="skip", last_run="order_gone")
    workshop.clock.advance(MINUTE)
    assert len(timetable.fire()) == 1


def test_a_schedule_that_cannot_start_hinders_no_other(
    workshop: Workshop, timetable: Timetable, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled(workshop, name="broken", command="nonesuch")
    scheduled(workshop)
    workshop.clock.advance(MINUTE)
    assert len(timetable.fire()) == 1
    assert "schedule broken did not start: unknown command" in caplog.text
    assert timetable.fire() == []
    assert len(caplog.records) == 1, "said once; it waits for its next time"
    assert found(workshop, "broken").next_at == workshop.clock.now() + MINUTE


def test_a_schedule_that_never_comes_again_is_said_once(
    workshop: Workshop, timetable: Timetable, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled(workshop, cron="99 * * * *")
    workshop.clock.advance(MINUTE)
    assert timetable.fire() == timetable.fire() == []
    assert len(caplog.records) == 1
    assert found(workshop, "each minute").next_at is None


def test_what_the_store_could_not_write_is_tried_again(
    workshop: Workshop,
    timetable: Timetable,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduled(workshop)
    workshop.clock.advance(MINUTE)
    with monkeypatch.context() as full:

        def fail(_session: object, *_values: object) -> None:
            raise StoreError("the disk is full")

        full.setattr(schedules, "fire", fail)
        assert timetable.fire() == []
    assert "schedule each minute is tried again: the disk is full" in caplog.text
    assert len(timetable.fire()) == 1


def test_what_is_triggered_is_the_last_run(workshop: Workshop, timetable: Timetable) -> None:
    scheduled(workshop, overlap="skip")
    run = timetable.trigger("each minute", BY)
    assert found(workshop, "each minute").last_run == run
    workshop.clock.advance(MINUTE)
    assert timetable.fire() == [], "it still goes on"


def test_a_schedule_can_be_started_by_hand(workshop: Workshop, timetable: Timetable) -> None:
    scheduled(workshop)
    assert timetable.trigger("each minute", BY).startswith("order_")
    with pytest.raises(NotFoundError):
        timetable.trigger("nonesuch", BY)
