"""Commands that start by the clock: cron expressions, each time fired once by any process."""

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.submit import Command, prepare, submit
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, OrchestrationError, ScheduleError, StoreError
from orchestration.ports import Session
from orchestration.store import audit, causers, runs, schedules
from orchestration.store.schedules import ScheduleRow

log = logging.getLogger(__name__)

FIELDS, HOUR = 5, 1
EVERY = "*"
INSTANT = timedelta(microseconds=1)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SATURDAY, SUNDAY_AGAIN = 6, 7
WEEKDAYS = re.compile(r"(?P<first>\d)(-(?P<last>\d))?(/(?P<step>\d+))?")
OVERLAPS = ("skip", "allow")
SENDER = "scheduler"


def next_time(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The next time of a cron expression; None: there is none.

    When clocks go back, an hour comes twice: an expression with `*` in its hours is due in both,
    one that names its hours only in the first.

    Args:
        cron: Five fields: minute, hour, day of month, month, day of week.
        timezone: A name such as `America/New_York`.
        after: The moment to look from; the time found is later.

    Raises:
        ScheduleError: The expression or the time zone is wrong, or both.
    """
    zone, trigger, wrong = None, None, {}
    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        what = f"{timezone!r} is no time zone: write one such as America/New_York, or UTC"
        wrong["timezone"] = what
    try:
        trigger = CronTrigger.from_crontab(named_days(cron), timezone=zone or UTC)
    except ValueError as error:
        wrong["cron"] = f"{cron!r} is no cron expression: {error}"
    if wrong or trigger is None:
        raise ScheduleError(wrong)
    hours = cron.split()[HOUR]
    found: datetime | None = trigger.get_next_fire_time(None, after + INSTANT)
    while found is not None and found.fold and EVERY not in hours:
        found = trigger.get_next_fire_time(None, found.astimezone(UTC) + INSTANT)
    return found


def named_days(cron: str) -> str:
    """The expression with its weekdays named: cron's 0 is Sunday, APScheduler's is Monday."""
    fields = cron.split()
    if len(fields) == FIELDS:
        fields[-1] = ",".join(map(_named, fields[-1].split(",")))
    return " ".join(fields)


def _named(part: str) -> str:
    match = WEEKDAYS.fullmatch(part)
    if match is None:
        return part
    first, step = int(match["first"]), int(match["step"] or 1)
    last = int(match["last"] or (SATURDAY if match["step"] else first))
    if first > last or last > SUNDAY_AGAIN or step < 1:
        return part
    return ",".join(DAYS[day % len(DAYS)] for day in range(first, last + 1, step))


class Timetable:
    """Starts the schedules that are due.

    Args:
        engine: The engine whose store has the schedules.
        app: The workflows.
    """

    def __init__(self, engine: Engine, app: App) -> None:
        self._engine = engine
        self._app = app

    def fire(self) -> list[str]:
        """Start every schedule that is due, once, however many of its times were missed."""
        now = self._engine.clock.now()
        due = self._engine.store.read(lambda s: schedules.due(s, now))
        return [run_id for row in due if (run_id := self._fire(row, now))]

    def trigger(self, name: str, by: By) -> str:
        """Start a schedule now, whatever the clock says, and record the actor.

        Raises:
            NotFoundError: There is no such schedule.
        """
        row = self._engine.store.read(lambda s: schedules.get(s, name))
        command = self._command(row)
        return self._engine.begin(lambda tx: self._start_now(tx, row, command, by))

    def _fire(self, row: ScheduleRow, now: datetime) -> str | None:
        following: datetime | None = None
        try:
            following = next_time(row.cron, row.timezone, now)
            skipped = self._engine.store.read(lambda s: self._is_skipped(s, row))
            command = None if skipped else self._command(row)
            return self._engine.commit(lambda tx: self._start(tx, row, following, command))
        except StoreError as error:
            log.error("schedule %s is tried again: %s", row.name, error)  # noqa: TRY400
        except OrchestrationError as error:
            self._pass_over(row, following, error)
        return None

    def _pass_over(
        self, row: ScheduleRow, following: datetime | None, error: OrchestrationError
    ) -> None:
        """Let a schedule whose command was refused wait for its next time, and log that once."""
        if self._engine.commit(lambda tx: schedules.fire(tx.session, row, following)):
            log.error("schedule %s did not start: %s", row.name, error)

    def _start_now(self, tx: Transaction, row: ScheduleRow, command: Command, by: By) -> str:
        run_id = self._begin(tx, row, command, {row.created_by or by.actor, by.actor})
        audit.add(tx.session, tx.now, str(by), "trigger_schedule", f"{row.name} → {run_id}")
        return run_id

    def _start(
        self, tx: Transaction, row: ScheduleRow, following: datetime | None, command: Command | None
    ) -> str | None:
        """Start a run; None: another process has started it, or the last run still goes on."""
        if command is None or self._is_skipped(tx.session, row):
            schedules.fire(tx.session, row, following)
            return None
        if not schedules.fire(tx.session, row, following):
            return None
        return self._begin(tx, row, command, filter(None, [row.created_by]))

    def _begin(
        self, tx: Transaction, row: ScheduleRow, command: Command, caused_by: Iterable[str]
    ) -> str:
        run_id = submit(tx, command)
        causers.write(tx.session, run_id, caused_by)
        schedules.record(tx.session, row.name, run_id)
        return run_id

    def _command(self, row: ScheduleRow) -> Command:
        parameters = json.loads(row.parameters)
        command = prepare(
            self._app, row.command, parameters, sender=SENDER, run_hex=run_hex(), named=()
        )
        return replace(command, correlation_id=f"schedule:{row.name}")

    def _is_skipped(self, session: Session, row: ScheduleRow) -> bool:
        """Whether the schedule skips overlaps, and its last run still goes on."""
        if row.overlap != "skip" or row.last_run is None:
            return False
        try:
            return not runs.get(session, row.last_run).status.ended
        except NotFoundError:
            return False
