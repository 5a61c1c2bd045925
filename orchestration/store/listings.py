"""Pages of runs by status, command, age or text, each read by an index, however many there are.

A filter is split into conditions of which a run meets at most one. The rows of each come from one
index in the order of the page, so a page costs the same among a million runs.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from orchestration.ports import Session
from orchestration.state import ENDED, RunStatus
from orchestration.store import runs
from orchestration.store.runs import DIGITS, RunRow

SEARCHED = 5_000
MOST_BY_ID = 500
HEX = re.compile(r"[0-9a-f]{4,12}")
AFTER_HEX = "g"
LAST_CHARACTER = "\U0010ffff"
TEXTS = "r.id || ' ' || r.sender || ' ' || COALESCE(r.reason, '') || ' ' || r.parameters"
ORDER = "ORDER BY r.created_at DESC, r.id DESC LIMIT ?"
COMMANDS = (
    "WITH RECURSIVE c(name) AS (SELECT MIN(command) FROM runs UNION ALL"
    " SELECT (SELECT MIN(command) FROM runs WHERE command > c.name) FROM c"
    " WHERE c.name IS NOT NULL) SELECT name FROM c WHERE name IS NOT NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which runs are meant.

    Attributes:
        statuses: Any of these; empty: all.
        since: The earliest creation.
        text: In the id, sender, reason or parameters. The beginning of an id, or of its digits,
            is searched for among all runs, any other text among the newest `SEARCHED`.
    """

    statuses: tuple[RunStatus, ...] = ()
    command: str | None = None
    since: datetime | None = None
    text: str = ""


class Place(NamedTuple):
    """The last run of a page: the next page has older ones."""

    created_at: float
    id: str


class Condition(NamedTuple):
    """A part of a filter, as SQL with its values."""

    sql: str
    values: tuple[Any, ...]

    def also(self, sql: str, *values: Any) -> "Condition":
        """This condition and another one."""
        return Condition(f"{self.sql} AND {sql}", (*self.values, *values))


def page(session: Session, wanted: Filter, limit: int, than: Place | None = None) -> list[RunRow]:
    """The runs that a filter selects, newest first; if given, only those older than a place."""
    found = []
    for condition in conditions(session, wanted, than):
        sql = f"SELECT {runs.COLUMNS} {runs.FROM} WHERE {condition.sql} {ORDER}"
        found += [runs.read(row) for row in session.all(sql, *condition.values, limit)]
    return sorted(found, key=lambda run: (run.created_at, run.id), reverse=True)[:limit]


def ids(session: Session, wanted: Filter, limit: int) -> list[str]:
    """The ids of the newest `limit` runs that a filter selects, newest first."""
    found = []
    for condition in conditions(session, wanted):
        sql = f"SELECT r.created_at, r.id FROM runs r WHERE {condition.sql} {ORDER}"
        found += session.all(sql, *condition.values, limit)
    return [row[1] for row in sorted(found, reverse=True)[:limit]]


def count(session: Session, wanted: Filter, most: int) -> int:
    """How many runs a filter selects, counted up to `most`."""
    total = 0
    for condition in conditions(session, wanted):
        some = f"SELECT 1 FROM runs r WHERE {condition.sql} LIMIT ?"
        sql = f"SELECT COUNT(*) FROM ({some}) AS some_runs"
        total += session.all(sql, *condition.values, most - total)[0][0]
        if total >= most:
            break
    return total


def commands(session: Session) -> list[str]:
    """Every command that has runs, by name."""
    return [row[0] for row in session.all(COMMANDS)]


def conditions(session: Session, wanted: Filter, than: Place | None = None) -> list[Condition]:
    """The parts of a filter."""
    found = by_status(session, wanted)
    if wanted.since is not None:
        at = wanted.since.timestamp()
        found = [each.also("r.created_at >= ?", at) for each in found]
    if than is not None:
        found = [each.also("(r.created_at, r.id) < (?, ?)", *than) for each in found]
    return searched(session, found, wanted.text.strip().lower()) if wanted.text.strip() else found


def by_status(session: Session, wanted: Filter) -> list[Condition]:
    """One condition for each live status, and one for each command and status of ended runs."""
    if not wanted.statuses:
        return [Condition("1 = 1", ())] if wanted.command is None else [of_command(wanted.command)]
    found = []
    names = commands(session) if wanted.command is None else [wanted.command]
    for status in wanted.statuses:
        if status in ENDED:
            has_ended = "r.status = ? AND r.ended_at IS NOT NULL"
            found += [of_command(name).also(has_ended, status) for name in names]
        elif wanted.command is None:
            found.append(Condition("r.status = ?", (status,)))
        else:  # by the index of live runs, not by that of the command
            live = Condition("r.status = ?", (status,))
            found.append(live.also("r.command || '' = ?", wanted.command))
    return found


def of_command(name: str) -> Condition:
    """The runs of a command."""
    return Condition("r.command = ?", (name,))


def searched(session: Session, parts: list[Condition], text: str) -> list[Condition]:
    """The conditions, for runs whose id begins with a text, or else the newest that contain it."""
    beginnings = [text]
    if HEX.fullmatch(text):
        beginnings += [f"{name}_{text}" for name in commands(session)]
    found = [each for start in beginnings for each in begin_with(session, start)]
    if found:
        marks = ", ".join("?" * len(found))
        return [each.also(f"r.id IN ({marks})", *found) for each in parts]
    like = f"%{escaped(text)}%"
    newest = f"SELECT r.id FROM runs r WHERE {{}} {ORDER}"
    return [
        Condition(
            f"r.id IN ({newest.format(each.sql)}) AND lower({TEXTS}) LIKE ? ESCAPE '!'",
            (*each.values, SEARCHED, like),
        )
        for each in parts
    ]


def begin_with(session: Session, text: str) -> list[str]:
    """The ids that begin with a text; none if they are too many, as when it is a command's name."""
    found = between(session, text, text + LAST_CHARACTER, MOST_BY_ID)
    return found if len(found) < MOST_BY_ID else []


def beginning_so(session: Session, word: str, limit: int) -> list[str]:
    """At most `limit` ids that begin with a word that is, or ends in `_` and, four hex digits."""
    command, _, digits = word.rpartition("_")
    if not HEX.fullmatch(digits):
        return []
    names = [command] if command else commands(session)
    found = []
    for name in names:
        start, length = f"{name}_{digits}", len(name) + 1 + DIGITS
        near = between(session, start, start + AFTER_HEX, limit)  # a server may sort otherwise
        found += [id_ for id_ in near if id_.startswith(start) and len(id_) == length]
    return found[:limit]


def between(session: Session, first: str, end: str, limit: int) -> list[str]:
    """At most `limit` ids from one on, and before another, in their order."""
    sql = "SELECT id FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    return [row[0] for row in session.all(sql, first, end, limit)]


def escaped(text: str) -> str:
    """A text as LIKE takes it literally, with `!` to escape."""
    return "".join(f"!{each}" if each in "%_!" else each for each in text)
