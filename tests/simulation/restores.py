"""Backups of the store, with what the witness had seen by then, and their restores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.engine import Engine, Rules
from orchestration.engine.by import By
from orchestration.ports import Row, Session
from orchestration.runtime.writing import NoRelay
from orchestration.state import RunStatus
from orchestration.store import control, revival
from orchestration.store.revival import Replaced
from tests.simulation.ground import Ground
from tests.simulation.process import Process
from tests.simulation.witness import Witness

OPEN = [each for each in RunStatus if not each.ended]

TABLES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_versions'",
    False: "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = current_schema() AND table_name <> 'schema_versions'",
}
COUNTERS = "sqlite_sequence"  # written last: inserting rows changes it


@dataclass(frozen=True)
class Backup:
    """The store at one moment.

    Attributes:
        rows: Every row of every table.
        saved_at: The moment.
        seen: What the witness had seen by then.
        undoes: Whether a run was undoing.
    """

    rows: Mapping[str, Sequence[Row]]
    saved_at: datetime
    seen: Witness
    undoes: bool


def save(session: Session, *, sqlite: bool) -> dict[str, list[Row]]:
    """Every row of every table."""
    names = sorted((name for (name,) in session.all(TABLES[sqlite])), key=lambda n: n == COUNTERS)
    return {name: session.all(f"SELECT * FROM {name}") for name in names}


def put(session: Session, backup: Backup) -> None:
    """Put the rows of a backup back."""
    for name, rows in backup.rows.items():
        session.run(f"DELETE FROM {name}")
        for row in rows:
            session.run(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", *row)
    control.mark_saved(session, backup.saved_at)


class Restores(Ground):
    """Saves the store and puts it back later, while some processes of before live on."""

    backup: Backup | None = None

    def the_store_is_saved(self) -> None:
        """Make a backup of the store while the fleet works."""
        if self.may_restore and self.chance(0.9 if self.runs("undoing") else 0.2):
            self.everybody_hears()
            rows = self.store.read(lambda s: save(s, sqlite=self.quick is not None))
            seen = self.witness.copy()
            seen.asked -= self.exchange.commands()  # queued still, and may be taken later
            undoes = bool(self.runs("undoing"))
            self.backup = Backup(rows, self.clock.now(), seen, undoes)

    def the_store_is_put_back(self) -> None:
        """Stop the fleet and restore; a process that only stood still may go on as a ghost."""
        backup = self.backup
        if backup is None or not self.chance(0.6 if backup.undoes else 0.2):
            return
        for process in [*self.processes, self.client]:
            if process.works and self.chance(0.5):
                self.become_a_ghost(process)
            else:
                process.die()
        self.everybody_hears()
        replaced, stopped = self.store.read(revival.look), self.stopped()
        self.store.write(lambda s: put(s, backup))
        self.witness.put_back(backup.seen, self.exchange.commands())
        self.revive(replaced)
        assert self.runs(*OPEN) == self.runs("paused"), "all that is open is paused"
        assert not stopped or self.stopped(), "no restore lifts a stop"
        self.restored += 1

    def revive(self, replaced: Replaced) -> None:
        """Revive the restored store as the command does: in a draft, where no write fails."""
        rules = Rules(me="restore", slots=self.slots, sends=False, jitter=lambda: 0.5)
        engine = Engine(self.store, NoRelay(), rules)
        engine.revive(f"store{self.restored}", "here", By("chance"), replaced)

    def become_a_ghost(self, process: Process) -> None:
        """Let a process stand still while the store is replaced; its letters have all arrived."""
        with process.acting():
            process.post.confirm(len(process.post.under_way))
        process.paused = process.ghost = True
