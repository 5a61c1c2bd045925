"""The table `configuration`: every version of the fleet's configuration, and who set it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.ports import Row, Session
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one name.

    Attributes:
        run_id: The run whose step set it; None: a person did.
        actor: The agent, or the person.
    """

    name: str
    version: int
    value: Any
    at: datetime
    run_id: str | None
    step: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who sets a version."""

    actor: str
    run_id: str | None = None
    step: str | None = None


COLUMNS = "name, version, value, at, run_id, step, actor"


def current(session: Session, name: str) -> Version | None:
    """The newest version of a name; None if it was never set."""
    row = session.one(
        f"SELECT {COLUMNS} FROM configuration WHERE name = ? ORDER BY version DESC LIMIT 1", name
    )
    return None if row is None else _read(row)


def everything(session: Session) -> list[Version]:
    """The newest version of each name, by name."""
    rows = session.all(
        f"SELECT {COLUMNS} FROM configuration c WHERE version ="
        " (SELECT MAX(version) FROM configuration WHERE name = c.name) ORDER BY name"
    )
    return list(map(_read, rows))


def history(session: Session, name: str | None, limit: int) -> list[Version]:
    """Versions of one name or of all, newest first."""
    rows = session.all(
        f"SELECT {COLUMNS} FROM configuration WHERE CAST(? AS TEXT) IS NULL OR name = ?"
        " ORDER BY at DESC, version DESC LIMIT ?",
        *(name, name, limit),
    )
    return list(map(_read, rows))


def add(session: Session, name: str, value: Any, author: Author, now: datetime) -> int:
    """Write a new version, and return its number.

    The same value set again by the same run makes no new version; set by another run, it does.
    """
    before = current(session, name)
    if before is not None and (before.value, before.run_id) == (value, author.run_id):
        return before.version
    version = before.version + 1 if before else 1
    session.run(
        f"INSERT INTO configuration ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(name, version, json.dumps(value, sort_keys=True), now.timestamp()),
        *(author.run_id, author.step, author.actor),
    )
    return version


def _read(row: Row) -> Version:
    name, version, value, at, run_id, step, actor = row
    return Version(name, version, json.loads(value), moment(float(at)), run_id, step, actor)
