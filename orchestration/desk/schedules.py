"""Schedules: added, removed, paused, resumed, and triggered out of turn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.strays import unread
from orchestration.engine.submit import refuse, validated, workflow_of
from orchestration.engine.transaction import Transaction
from orchestration.errors import RejectedError, ScheduleError
from orchestration.runtime.schedule import OVERLAPS, Timetable, next_time
from orchestration.store import audit, schedules
from orchestration.store.schedules import ScheduleRow

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A schedule as it was asked for; the fields are those of `ScheduleRow`."""

    name: str
    command: str
    cron: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    overlap: str = OVERLAPS[0]


def add(engine: Engine, app: App, wish: Planned, by: By) -> ScheduleRow:
    """Write a schedule.

    Raises:
        RejectedError: Fields are wrong, each of which is named, or the name is taken.
    """
    now = engine.clock.now()
    parameters, next_at = checked(app, wish, now)
    row = ScheduleRow(
        name=wish.name,
        command=wish.command,
        parameters=parameters,
        cron=wish.cron,
        timezone=wish.timezone,
        overlap=wish.overlap,
        paused=False,
        next_at=next_at,
        last_run=None,
        created_at=now,
        created_by=by.actor,
    )

    def write(tx: Transaction) -> ScheduleRow:
        if not schedules.insert(tx.session, row):
            taken = (
                f"there is a schedule {wish.name!r} already: take another name,"
                f" or `orchestrate schedules remove {wish.name}` first"
            )
            raise ScheduleError({"name": taken})
        audit.add(tx.session, tx.now, str(by), "add_schedule", wish.name)
        return schedules.get(tx.session, wish.name)

    return engine.commit(write)


def checked(app: App, wish: Planned, now: datetime) -> tuple[str, datetime | None]:
    """The parameters of a schedule as JSON text, and its first time.

    Raises:
        RejectedError: Fields are wrong; names each.
    """
    parts, others = dict[str, str](), list[RejectedError]()
    parameters, next_at = "", None
    if not 0 < len(wish.name) <= LONGEST_NAME:
        parts["name"] = f"a schedule's name has 1 to {LONGEST_NAME} characters"
    try:
        next_at = next_time(wish.cron, wish.timezone, now)
        if next_at is None:
            parts["cron"] = f"{wish.cron!r} never comes due: correct its day of month or its month"
    except ScheduleError as error:
        parts |= error.parts
    try:
        workflow = workflow_of(app, wish.command)
        parameters = validated(workflow, wish.parameters)
        refuse(wish.command, unread(workflow, wish.parameters))
    except RejectedError as error:
        others.append(error)
    if parts:
        raise ScheduleError(parts, others)
    if others:
        raise others[0]
    return parameters, next_at


def remove(engine: Engine, name: str, by: By) -> None:
    """Forget a schedule; its runs stay.

    Raises:
        NotFoundError: There is none of this name.
    """

    def write(tx: Transaction) -> None:
        schedules.get(tx.session, name)
        schedules.delete(tx.session, name)
        audit.add(tx.session, tx.now, str(by), "remove_schedule", name)

    engine.commit(write)


def pause(engine: Engine, name: str, by: By, *, paused: bool) -> ScheduleRow:
    """Pause a schedule, or resume it from its next time.

    Raises:
        NotFoundError: There is none of this name.
    """

    def write(tx: Transaction) -> ScheduleRow:
        row = schedules.get(tx.session, name)
        next_at = None if paused else next_time(row.cron, row.timezone, tx.now)
        schedules.pause(tx.session, name, paused=paused, next_at=next_at)
        verb = "pause_schedule" if paused else "resume_schedule"
        audit.add(tx.session, tx.now, str(by), verb, name)
        return schedules.get(tx.session, name)

    return engine.commit(write)


def trigger(engine: Engine, app: App, name: str, by: By) -> str:
    """Start a schedule's command now, and return the run's id; its times stay as they are.

    Raises:
        NotFoundError: There is none of this name.
        RejectedError: Its command cannot be started as it is declared today.
    """
    return Timetable(engine, app).trigger(name, by)
